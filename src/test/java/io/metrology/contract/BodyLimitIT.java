package io.metrology.contract;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;

import io.metrology.http.ErrorCode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.argumentSet;

/** The length and the coding of bodies. */
class BodyLimitIT {

	private static final int LIMIT = 32 * 1024 * 1024;

	private static final int FORTY_MIB = 40 * 1024 * 1024;

	private static final long GIBIBYTE = 1024 * 1024 * 1024;

	private final RunningService service = RunningService.asDelivered();

	private final Client client = this.service.client();

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void bodyAsLongAsTheLimitIsStored(boolean chunked) {
		byte[] body = utf8(new ChunkJson().paddedTo(LIMIT));
		assertThat(post(publisher(body, chunked)).status()).isEqualTo(201);
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void bodyOneByteLongerThanTheLimitIsRefused(boolean chunked) {
		DatabaseImage before = this.service.stored();
		byte[] body = utf8(new ChunkJson().paddedTo(LIMIT + 1));
		assertTooLarge(post(publisher(body, chunked)));
		assertThat(this.service.stored()).isEqualTo(before);
	}

	/**
	 * Read as a tree, it would take a gigabyte of memory; gzipped it is some kilobytes.
	 */
	@ParameterizedTest
	@ValueSource(strings = { "/metrology/stream/initialize",
			"/metrology/stream/d290f1ee-6c54-4b01-90e6-d701748f0851/finalize" })
	void requestWithoutPointsMayBeFourMebibytesLong(String path) throws IOException {
		String json = "{\"x\":[" + "{},".repeat(LIMIT / 8) + "{}]}";
		Answer answer = this.client.send("POST", path, BodyPublishers.ofByteArray(gzip(json)), "Content-Type",
				"application/json", "Content-Encoding", "gzip");
		answer.assertProblem(ErrorCode.BODY_TOO_LARGE);
		assertThat(answer.detail()).contains("4194304");
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void bodyOfFortyMebibytesGetsItsAnswer(boolean chunked) {
		assertTooLarge(post(publisher(utf8(new ChunkJson().paddedTo(FORTY_MIB)), chunked)));
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void clientThatWritesAllBeforeItReadsGetsItsAnswer(boolean chunked) throws IOException {
		byte[] body = utf8(new ChunkJson().paddedTo(FORTY_MIB));
		try (RawConnection connection = RawConnection.to(this.service)) {
			connection
				.write("POST " + Client.CHUNKS + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
			if (chunked) {
				connection.write("Transfer-Encoding: chunked\r\n\r\n");
				connection.write(Integer.toHexString(body.length) + "\r\n").write(body).write("\r\n0\r\n\r\n");
			}
			else {
				connection.write("Content-Length: " + body.length + "\r\n\r\n").write(body);
			}
			assertTooLarge(connection.read());
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "Expect: 100-continue", "Expect:", "Transfer-Encoding: chunked" })
	void curlGetsItsAnswer(String header, @TempDir Path folder) throws IOException, InterruptedException {
		Path body = Files.writeString(folder.resolve("body.json"), new ChunkJson().paddedTo(FORTY_MIB));
		Path out = folder.resolve("out.json");
		Process curl = new ProcessBuilder("curl", "-sS", "-o", out.toString(), "-w", "%{http_code} %{errormsg}", "-H",
				header, "-H", "Content-Type: application/json", "--data-binary", "@" + body,
				this.service.uri(Client.CHUNKS).toString())
			.redirectErrorStream(true)
			.start();
		String printed = new String(curl.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
		assertThat(curl.waitFor()).as(printed).isZero();
		assertThat(printed).startsWith("413");
		assertThat(Files.readString(out)).contains("body_too_large");
	}

	@ParameterizedTest
	@ValueSource(strings = { "gzip", "GZIP", "x-gzip", " gzip " })
	void gzipIsInflated(String coding) throws IOException {
		ChunkJson chunk = new ChunkJson();
		Answer answer = post(BodyPublishers.ofByteArray(gzip(chunk.toString())), coding);
		assertThat(answer.status()).as(answer.text()).isEqualTo(201);
	}

	@Test
	void gzipOfSeveralMembersIsInflatedWhole() throws IOException {
		String json = new ChunkJson().toString();
		byte[] body = concat(gzip(json.substring(0, 40)), gzip(json.substring(40)));
		assertThat(post(BodyPublishers.ofByteArray(body), "gzip").status()).isEqualTo(201);
	}

	@Test
	void identityIsNoCoding() {
		assertThat(post(BodyPublishers.ofString(new ChunkJson().toString()), "identity").status()).isEqualTo(201);
	}

	@Test
	void limitHoldsWhileInflating() throws IOException {
		ChunkJson chunk = new ChunkJson();
		assertThat(post(BodyPublishers.ofByteArray(gzip(chunk.paddedTo(LIMIT))), "gzip").status()).isEqualTo(201);
		DatabaseImage before = this.service.stored();
		assertTooLarge(
				post(BodyPublishers.ofByteArray(gzip(chunk.with("chunk_index", "1").paddedTo(LIMIT + 1))), "gzip"));
		assertThat(this.service.stored()).isEqualTo(before);
	}

	/** Were it inflated whole, it would need more than twice the memory allowed here. */
	@Test
	void gibibyteOfZerosInAMebibyteIsRefusedWithoutTheMemoryForIt() throws IOException {
		byte[] bomb = gzipOfZeros(GIBIBYTE);
		assertThat(bomb.length).isLessThan(FORTY_MIB / 32);
		System.gc();
		heap().forEach(MemoryPoolMXBean::resetPeakUsage);
		long before = heap().mapToLong((pool) -> pool.getUsage().getUsed()).sum();

		assertTooLarge(post(BodyPublishers.ofByteArray(bomb), "gzip"));

		long peak = heap().mapToLong((pool) -> pool.getPeakUsage().getUsed()).sum();
		assertThat(peak - before).isLessThan(GIBIBYTE / 2);
	}

	private static Stream<MemoryPoolMXBean> heap() {
		return ManagementFactory.getMemoryPoolMXBeans().stream().filter((pool) -> pool.getType() == MemoryType.HEAP);
	}

	private static byte[] gzipOfZeros(long length) throws IOException {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		byte[] zeros = new byte[1024 * 1024];
		try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
			for (long written = 0; written < length; written += zeros.length) {
				out.write(zeros);
			}
		}
		return bytes.toByteArray();
	}

	@Test
	void gzipThatIsLongerThanTheLimitItselfIsRefused() {
		assertTooLarge(post(BodyPublishers.ofByteArray(new byte[FORTY_MIB]), "gzip"));
	}

	@ParameterizedTest
	@MethodSource("brokenGzip")
	void brokenGzipIsRefused(byte[] body) {
		DatabaseImage before = this.service.stored();
		post(BodyPublishers.ofByteArray(body), "gzip").assertNotStored(ErrorCode.INVALID_REQUEST);
		assertThat(this.service.stored()).isEqualTo(before);
	}

	static Stream<Arguments> brokenGzip() throws IOException {
		byte[] whole = gzip(new ChunkJson().toString());
		byte[] wrongSum = whole.clone();
		wrongSum[whole.length - 8] ^= 1;
		byte[] wrongLength = whole.clone();
		wrongLength[whole.length - 1] ^= 1;
		byte[] wrongData = whole.clone();
		wrongData[20] ^= 0x55;
		return Stream.of(argumentSet("plain JSON", (Object) utf8(new ChunkJson().toString())),
				argumentSet("empty", (Object) new byte[0]),
				argumentSet("header only", (Object) Arrays.copyOf(whole, 10)),
				argumentSet("cut in the data", (Object) Arrays.copyOf(whole, whole.length / 2)),
				argumentSet("without trailer", (Object) Arrays.copyOf(whole, whole.length - 8)),
				argumentSet("cut in the trailer", (Object) Arrays.copyOf(whole, whole.length - 1)),
				argumentSet("wrong checksum", (Object) wrongSum), argumentSet("wrong length", (Object) wrongLength),
				argumentSet("wrong data", (Object) wrongData),
				argumentSet("a byte after the end", (Object) concat(whole, new byte[] { 1 })),
				argumentSet("text after the end", (Object) concat(whole, utf8("x".repeat(100)))));
	}

	@ParameterizedTest
	@ValueSource(strings = { "br", "deflate", "zstd", "gzip, gzip", "gzip, br", "banana" })
	void otherCodingIsRefusedAndGzipOffered(String coding) {
		DatabaseImage before = this.service.stored();
		Answer answer = post(BodyPublishers.ofString(new ChunkJson().toString()), coding);
		answer.assertNotStored(ErrorCode.UNSUPPORTED_MEDIA_TYPE);
		assertThat(answer.header("Accept-Encoding")).isEqualTo("gzip");
		assertThat(this.service.stored()).isEqualTo(before);
	}

	@Test
	void configuredLimitIsNamed() {
		try (RunningService small = RunningService.start("metrology.http.max-body-size=1KB",
				"metrology.ingest.max-points=3")) {
			assertThat(small.client().postChunk(new ChunkJson().paddedTo(1024)).status()).isEqualTo(201);
			Answer tooLong = small.client().postChunk(new ChunkJson().paddedTo(1025));
			tooLong.assertNotStored(ErrorCode.BODY_TOO_LARGE);
			assertThat(tooLong.detail()).contains("1024");
			Answer withoutPoints = small.client()
				.post("/metrology/stream/initialize", "{\"points_per_chunk\": 1}" + " ".repeat(1024));
			withoutPoints.assertProblem(ErrorCode.BODY_TOO_LARGE);
			assertThat(withoutPoints.detail()).contains("1024 bytes");
			Answer tooMany = small.client().postChunk(new ChunkJson().withPoints(4).toString());
			tooMany.assertNotStored(ErrorCode.TOO_MANY_POINTS);
			assertThat(tooMany.detail()).contains("3 points");
		}
	}

	private void assertTooLarge(Answer answer) {
		answer.assertNotStored(ErrorCode.BODY_TOO_LARGE);
		assertThat(answer.detail()).contains("33554432").contains("Split the data");
	}

	private Answer post(BodyPublisher body) {
		return this.client.send("POST", Client.CHUNKS, body, "Content-Type", "application/json");
	}

	private Answer post(BodyPublisher body, String coding) {
		return this.client.send("POST", Client.CHUNKS, body, "Content-Type", "application/json", "Content-Encoding",
				coding);
	}

	private static BodyPublisher publisher(byte[] body, boolean chunked) {
		return chunked ? BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body))
				: BodyPublishers.ofByteArray(body);
	}

	private static byte[] gzip(String text) throws IOException {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
			out.write(utf8(text));
		}
		return bytes.toByteArray();
	}

	private static byte[] concat(byte[] first, byte[] second) {
		byte[] both = Arrays.copyOf(first, first.length + second.length);
		System.arraycopy(second, 0, both, first.length, second.length);
		return both;
	}

	private static byte[] utf8(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

}
