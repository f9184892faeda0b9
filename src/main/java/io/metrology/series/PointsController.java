package io.metrology.series;

import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.UUID;

import io.metrology.http.PathId;
import io.metrology.http.QueryParameters;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;

import org.springframework.web.HttpMediaTypeNotAcceptableException;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;

/** Points as they were ingested, to the last bit, or their course in a few of them. */
@RestController
class PointsController {

	private final SeriesStore store;

	private final SeriesReader reader;

	private final OutlineService outlines;

	private final JsonNumbers json;

	private final Downloads downloads;

	PointsController(SeriesStore store, SeriesReader reader, OutlineService outlines, JsonNumbers json,
			Downloads downloads) {
		this.store = store;
		this.reader = reader;
		this.outlines = outlines;
		this.json = json;
		this.downloads = downloads;
	}

	/**
	 * Answers with points, ordered by (chunk_index, position). Parameters of the query:
	 * {@code channel}, which JSON requires; {@code start} (included) and {@code end} (not
	 * included), Unix epoch seconds; {@code last_n}, the last of what the others leave of
	 * each channel; {@code max_points}, 2 to {@value PointsQuery#MOST_SHOWN}, a course
	 * with every peak; {@code format}, {@code json}, {@code csv} or {@code parquet},
	 * before {@code Accept}.
	 */
	@GetMapping({ "/metrology/stream/" + PathId.DATA_ID + "/points",
			"/tool-state/stream/" + PathId.DATA_ID + "/points" })
	void points(@PathVariable("data_id") UUID dataId, HttpServletRequest request, HttpServletResponse response)
			throws IOException, HttpMediaTypeNotAcceptableException {
		QueryParameters parameters = QueryParameters.of(request);
		PointFormat format = PointFormat.of(request, parameters);
		PointsQuery query = PointsQuery.of(parameters, format);
		Series series = this.store.series(dataId);
		List<Series.Channel> channels = (query.channel() != null) ? List.of(series.channel(query.channel()))
				: series.channels();
		this.downloads.write(request, response, format.type(), EntityTag.of(channels, format.label()),
				fileName(dataId, query, format), (out) -> {
					if (query.maxPoints() != null) {
						writeOutlines(out, dataId, channels, query.selection().window(), query.maxPoints(), format);
					}
					else {
						writePoints(out, dataId, channels, query.selection(), format);
					}
				});
	}

	private static @org.jspecify.annotations.Nullable String fileName(UUID dataId, PointsQuery query,
			PointFormat format) {
		String channel = (query.channel() != null) ? "_" + query.channel().replaceAll("[^\\p{L}\\p{N}._-]+", "-") : "";
		return (format == PointFormat.JSON) ? null : dataId + channel + "." + format.label();
	}

	private void writePoints(OutputStream out, UUID dataId, List<Series.Channel> channels, Selection selection,
			PointFormat format) throws IOException {
		if (format == PointFormat.JSON) {
			Series.Channel channel = channels.get(0);
			try (JsonPoints points = new JsonPoints(this.json.to(out), dataId, channel)) {
				write(points, dataId, channels, selection);
			}
		}
		else {
			write((format == PointFormat.CSV) ? new CsvPoints(out) : new ParquetPoints(out), dataId, channels,
					selection);
		}
	}

	private void write(PointWriter points, UUID dataId, List<Series.Channel> channels, Selection selection)
			throws IOException {
		for (Series.Channel channel : channels) {
			this.reader.read(dataId, channel, selection, (chunk) -> points.write(channel, chunk));
		}
		points.end();
	}

	private void writeOutlines(OutputStream out, UUID dataId, List<Series.Channel> channels, TimeWindow window,
			int maxPoints, PointFormat format) throws IOException {
		if (format == PointFormat.JSON) {
			Series.Channel channel = channels.get(0);
			Outline outline = this.outlines.outline(dataId, channel, window, maxPoints);
			OutlineWriter.writeJson(this.json.to(out), dataId, channel, outline);
			return;
		}
		CsvRow row = OutlineWriter.csv(out);
		for (Series.Channel channel : channels) {
			OutlineWriter.writeCsv(row, channel, this.outlines.outline(dataId, channel, window, maxPoints));
		}
		row.flush();
	}

}
