package io.metrology.contract;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import io.metrology.http.ErrorCode;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;

/** The figures that Prometheus scrapes, and the users' document on them. */
class MetricsIT {

	private static final Path DOCUMENT = Path.of("docs", "metrics.md");

	private static final Pattern TYPE = Pattern.compile("(?m)^# TYPE (metrology_\\w+) (\\w+)$");

	private static final Pattern HELP = Pattern.compile("(?m)^# HELP (metrology_\\w+) +\\S.*$");

	private static final Pattern SAMPLE = Pattern.compile("(?m)^(metrology_\\w+(?:\\{[^}]*})?) (\\S+)$");

	private static final Pattern DOCUMENTED = Pattern.compile("(?m)^### `(metrology_\\w+)`$");

	private static RunningService service;

	@BeforeAll
	static void startAfresh() {
		service = RunningService.start();
	}

	@AfterAll
	static void stop() {
		service.close();
	}

	@Test
	void everyNameFollowsTheNamingRule() {
		Map<String, String> types = types();
		assertThat(types).isNotEmpty();
		types.forEach((name, type) -> {
			assertThat(name).matches("metrology_(http|ingest|refusals|stream)_[a-z]+(_[a-z]+)*");
			assertThat(name.endsWith("_total")).as(name + " is a counter").isEqualTo(type.equals("counter"));
			assertThat(name)
				.doesNotContainPattern("_(ms|millis|milliseconds|minutes|kb|mb|kilobytes|megabytes|percent)(_|$)");
		});
	}

	@Test
	void everyMetricHasADescription() {
		assertThat(matches(HELP, scrape())).containsAll(types().keySet());
	}

	@Test
	void noLabelNamesAStreamOrAChannel() {
		Set<String> labels = SAMPLE.matcher(scrape())
			.results()
			.flatMap((sample) -> Pattern.compile("(\\w+)=\"").matcher(sample.group(1)).results())
			.map((label) -> label.group(1))
			.collect(Collectors.toSet());
		assertThat(labels).containsExactlyInAnyOrder("code", "outcome", "reason", "le");
	}

	@Test
	void everyValueOfALabelIsThereFromTheStart() {
		try (RunningService untouched = RunningService.start()) {
			Map<String, Double> samples = samples(untouched.client().get("/actuator/prometheus").text());
			for (ErrorCode code : ErrorCode.values()) {
				assertThat(samples).containsEntry(problems(code), 0.0);
			}
			for (String outcome : List.of("created", "replaced", "unchanged")) {
				assertThat(samples).containsEntry("metrology_ingest_chunks_total{outcome=\"" + outcome + "\"}", 0.0)
					.containsEntry("metrology_ingest_points_total{outcome=\"" + outcome + "\"}", 0.0);
			}
			for (String reason : List.of("max_rate", "timeout", "failure", "stream_deleted")) {
				assertThat(samples).containsEntry("metrology_refusals_unrecorded_total{reason=\"" + reason + "\"}",
						0.0);
			}
			for (String reason : List.of("max_total", "max_age")) {
				assertThat(samples).containsEntry("metrology_refusals_dropped_total{reason=\"" + reason + "\"}", 0.0);
			}
		}
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', value = {
			"POST /metrology/stream/chunk HTTP/1.1;Host: localhost;Content-Type: application/json;Content-Length: 2;;{} | INVALID_REQUEST",
			"POST /metrology/stream/chunk HTTP/1.1;Host: localhost;Content-Type: application/json;Content-Length: 2;;{, | MALFORMED_JSON",
			"POST /metrology/stream/chunk HTTP/1.1;Host: localhost;Content-Length: 2;;{} | UNSUPPORTED_MEDIA_TYPE",
			"POST /metrology/stream/chunk HTTP/1.1;Host: localhost;Content-Type: application/json;Transfer-Encoding: chunked;;x | INVALID_REQUEST",
			"GET /nowhere HTTP/1.1;Host: localhost;; | NOT_FOUND",
			"GET /metrology/stream/chunk HTTP/1.1;Host: localhost;; | METHOD_NOT_ALLOWED",
			"GET /a\\b HTTP/1.1;Host: localhost;; | INVALID_REQUEST", "GET / HTTP/1.1;; | INVALID_REQUEST",
			"hello;; | INVALID_REQUEST", "GET / HTTP/3.0;Host: localhost;; | HTTP_VERSION_NOT_SUPPORTED",
			"TRACE / HTTP/1.1;Host: localhost;; | METHOD_NOT_ALLOWED" })
	void refusalIsCountedOnceUnderItsCode(String request, ErrorCode code) throws IOException {
		Map<String, Double> before = problems();
		RawConnection.exchange(service, request.replace(";", "\r\n")).assertProblem(code);
		before.merge(problems(code), 1.0, Double::sum);
		assertThat(problems()).isEqualTo(before);
	}

	@Test
	void bodyThatEndsEarlyIsCountedOnce() throws IOException {
		Map<String, Double> before = problems();
		try (RawConnection connection = RawConnection.to(service)) {
			connection
				.write("POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
						+ "Content-Length: 100\r\n\r\n{");
			connection.endWriting();
			connection.read().assertNotStored(ErrorCode.BODY_INCOMPLETE);
		}
		before.merge(problems(ErrorCode.BODY_INCOMPLETE), 1.0, Double::sum);
		assertThat(problems()).isEqualTo(before);
	}

	@Test
	void acknowledgedChunksAndPointsAreCountedByOutcome() {
		Map<String, Double> before = samples(scrape());
		ChunkJson chunk = new ChunkJson();
		service.client().postChunk(chunk.toString());
		service.client().postChunk(chunk.toString());
		service.client().postChunk(chunk.withPoints(5).toString());
		service.client().post(Client.CHUNKS + "?validate_only=true", chunk.withPoints(7).toString());
		Map<String, Double> after = samples(scrape());
		assertThat(Stream.of("created", "unchanged", "replaced")
			.map((outcome) -> "metrology_ingest_points_total{outcome=\"" + outcome + "\"}")
			.map((name) -> after.get(name) - before.get(name))).containsExactly(3.0, 3.0, 5.0);
		assertThat(Stream.of("created", "unchanged", "replaced")
			.map((outcome) -> "metrology_ingest_chunks_total{outcome=\"" + outcome + "\"}")
			.map((name) -> after.get(name) - before.get(name))).containsExactly(1.0, 1.0, 1.0);
	}

	@Test
	void receivedBytesAreThoseOfTheBody() {
		double before = samples(scrape()).get("metrology_http_received_bytes_total");
		service.client().postChunk(new ChunkJson().paddedTo(12_345));
		assertThat(samples(scrape()).get("metrology_http_received_bytes_total") - before).isEqualTo(12_345);
	}

	@Test
	void requestsInFlightAreCountedUntilTheirAnswer() throws IOException {
		String inFlight = "metrology_ingest_requests_in_flight";
		try (RawConnection connection = RawConnection.to(service)) {
			connection
				.write("POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
						+ "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
			assertThat(connection.read().status()).isEqualTo(100);
			assertThat(samples(scrape())).containsEntry(inFlight, 1.0);
			connection.write("{}").read().assertNotStored(ErrorCode.INVALID_REQUEST);
		}
		assertThat(samples(scrape())).containsEntry(inFlight, 0.0);
	}

	@Test
	void everyMetricIsDocumentedAndEveryDocumentedOneIsThere() throws IOException {
		assertThat(matches(DOCUMENTED, Files.readString(DOCUMENT))).isEqualTo(types().keySet());
	}

	@Test
	void everyMetricAndLabelInAnExpressionOfTheDocumentIsThere() throws IOException {
		String document = Files.readString(DOCUMENT);
		Set<String> names = samples(scrape()).keySet()
			.stream()
			.map((sample) -> sample.replaceAll("\\{.*", ""))
			.collect(Collectors.toSet());
		Set<String> used = matches(Pattern.compile("(metrology_\\w+)(?=[\\s{\\[)])"), expressions(document));
		assertThat(used).isNotEmpty().isSubsetOf(names);
		Set<String> codes = Pattern.compile("code=~?\"([^\"]*)\"")
			.matcher(expressions(document))
			.results()
			.flatMap((codeList) -> Stream.of(codeList.group(1).split("\\|")))
			.collect(Collectors.toSet());
		assertThat(codes).isNotEmpty()
			.isSubsetOf(Arrays.stream(ErrorCode.values()).map(ErrorCode::code).collect(Collectors.toSet()));
	}

	private static String expressions(String document) {
		return Pattern.compile("(?s)```promql\n(.*?)```")
			.matcher(document)
			.results()
			.map((block) -> block.group(1))
			.collect(Collectors.joining());
	}

	private static String scrape() {
		return service.client().get("/actuator/prometheus").text();
	}

	private static Map<String, String> types() {
		Map<String, String> types = new TreeMap<>();
		Matcher type = TYPE.matcher(scrape());
		while (type.find()) {
			types.put(type.group(1), type.group(2));
		}
		return types;
	}

	private static Map<String, Double> problems() {
		Map<String, Double> samples = samples(scrape());
		samples.keySet().removeIf((name) -> !name.startsWith("metrology_http_problems_total"));
		return samples;
	}

	private static String problems(ErrorCode code) {
		return "metrology_http_problems_total{code=\"" + code.code() + "\"}";
	}

	private static Map<String, Double> samples(String scrape) {
		Map<String, Double> samples = new TreeMap<>();
		Matcher sample = SAMPLE.matcher(scrape);
		while (sample.find()) {
			samples.put(sample.group(1), Double.valueOf(sample.group(2)));
		}
		return samples;
	}

	private static Set<String> matches(Pattern pattern, String text) {
		return pattern.matcher(text)
			.results()
			.map((match) -> match.group(1))
			.collect(Collectors.toCollection(TreeSet::new));
	}

}
