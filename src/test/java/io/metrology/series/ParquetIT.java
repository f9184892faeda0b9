package io.metrology.series;

import java.io.File;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;

import blue.strategic.parquet.Hydrator;
import blue.strategic.parquet.HydratorSupplier;
import blue.strategic.parquet.ParquetReader;
import io.metrology.Chunks;
import io.metrology.TestPostgres;
import io.metrology.TestService;
import io.metrology.series.NaiveSeries.Point;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/** Parquet files, read back by Apache's own reader. */
class ParquetIT {

	private static TestService service;

	private static SeriesClient client;

	@TempDir
	private Path folder;

	@BeforeAll
	static void start() {
		service = TestService.start(TestPostgres.newDatabase());
		client = new SeriesClient(service);
	}

	@AfterAll
	static void stop() {
		service.close();
	}

	@ParameterizedTest
	@ValueSource(longs = { 1, 2, 3, 4, 5 })
	void everyPointComesBackToTheLastBit(long seed) throws Exception {
		NaiveSeries series = NaiveSeries.send(service, new Random(seed));
		List<Point> expected = new ArrayList<>();
		series.channels()
			.forEach((channel) -> series.points(channel, (time) -> true, null)
				.forEach((point) -> expected.add(Columns.withoutPosition(point))));

		assertThat(download(series.dataId())).isEqualTo(expected);
	}

	@Test
	void aLongChannelIsSeveralRowGroups() throws Exception {
		UUID dataId = UUID.randomUUID();
		List<Point> expected = new ArrayList<>();
		for (int index : new int[] { 0, 2, 3 }) {
			List<Double> times = DoubleStream.iterate(1.7e9 + index, (time) -> time + 0.25)
				.limit(90_000)
				.boxed()
				.toList();
			List<Double> values = times.stream().map((time) -> (time % 7 == 0) ? Double.NaN : Math.sin(time)).toList();
			assertThat(service.postChunk(Chunks.of(dataId, "c", index, times, values, null)).status()).isEqualTo(201);
			for (int i = 0; i < times.size(); i++) {
				expected.add(new Point("c", index, 0, times.get(i), values.get(i)));
			}
		}

		assertThat(download(dataId)).isEqualTo(expected);
	}

	@Test
	void aFileWithoutPointsIsAFile() throws Exception {
		UUID dataId = UUID.randomUUID();
		service.postChunk(Chunks.ofPoints(dataId, "c", 0, 3));

		assertThat(read(SeriesClient.points(dataId, "format=parquet&end=0"))).isEmpty();
	}

	private List<Point> download(UUID dataId) throws Exception {
		return read(SeriesClient.points(dataId, "format=parquet"));
	}

	private List<Point> read(String path) throws Exception {
		File file = Files.write(this.folder.resolve("points.parquet"), client.get(path).body()).toFile();
		try (Stream<Row> rows = ParquetReader.streamContent(file, HydratorSupplier.constantly(new RowHydrator()))) {
			return rows.map(Row::point).toList();
		}
	}

	/** A row, as it is filled column by column. */
	private static final class Row {

		private String channel;

		private double seconds;

		private long time;

		private Double value;

		private int chunkIndex;

		Point point() {
			long nanos = new BigDecimal(this.seconds).movePointRight(9)
				.setScale(0, RoundingMode.HALF_UP)
				.longValueExact();
			assertThat(this.time).isBetween(nanos - 1, nanos + 1);
			return new Point(this.channel, this.chunkIndex, 0, this.seconds,
					(this.value != null) ? this.value : Double.NaN);
		}

	}

	private static final class RowHydrator implements Hydrator<Row, Row> {

		@Override
		public Row start() {
			return new Row();
		}

		@Override
		public Row add(Row row, String heading, Object value) {
			switch (heading) {
				case "channel" -> row.channel = (String) value;
				case "time_seconds" -> row.seconds = (Double) value;
				case "time" -> row.time = (Long) value;
				case "value" -> row.value = (Double) value;
				case "chunk_index" -> row.chunkIndex = (Integer) value;
				default -> throw new AssertionError(heading);
			}
			return row;
		}

		@Override
		public Row finish(Row row) {
			return row;
		}

	}

}
