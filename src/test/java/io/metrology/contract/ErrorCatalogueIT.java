package io.metrology.contract;

import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Stream;

import io.metrology.http.ErrorCode;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.argumentSet;

/**
 * Every way to get an error without breaking the database: each is a problem of the
 * catalogue, stores nothing, shows no internals and, being the client's fault, is no line
 * in the log.
 */
class ErrorCatalogueIT {

	private static final String UNKNOWN_STREAM = "/metrology/stream/00000000-0000-4000-8000-000000000000";

	private final RunningService service = RunningService.asDelivered();

	private final Client client = this.service.client();

	private final ServiceLog log = ServiceLog.open();

	private DatabaseImage before = this.service.stored();

	@BeforeEach
	void rememberWhatIsStored() {
		this.before = this.service.stored();
	}

	@AfterEach
	void nothingIsStoredAndNothingIsLogged() {
		this.log.close();
		assertThat(this.service.stored()).isEqualTo(this.before);
		assertThat(this.log.lines()).isEmpty();
	}

	@ParameterizedTest
	@MethodSource("malformedBodies")
	void malformedJsonIsRefused(byte[] body) {
		this.client.send("POST", Client.CHUNKS, BodyPublishers.ofByteArray(body), "Content-Type", "application/json")
			.assertNotStored(ErrorCode.MALFORMED_JSON);
		this.client
			.send("POST", "/metrology/stream/initialize", BodyPublishers.ofByteArray(body), "Content-Type",
					"application/json")
			.assertProblem(ErrorCode.MALFORMED_JSON);
	}

	static Stream<Arguments> malformedBodies() {
		String json = new ChunkJson().toString();
		Stream<Arguments> texts = Stream
			.of("", " ", "{", "{\"data_id\"", "{\"data_id\":", "{\"data_id\": \"d290", "[1, 2",
					"{\"points_per_chunk\": 1,}", "{'points_per_chunk': 1}", "{points_per_chunk: 1}", "{\"a\": 01}",
					"{\"a\": +1}", "{\"a\": .5}", "{\"a\": 5.}", "{\"a\": 0x10}", "{\"a\": 1e}", "{\"a\": tru}",
					"{\"a\": True}", "{\"a\": undefined}", "{\"a\": INF}", "{\"a\": [1 2]}", "{\"a\": [1,,2]}",
					"{\"a\" 1}", "{\"a\": \"\t\"}", "{\"a\": \"\\x41\"}", "{\"a\": \"\\u12\"}", "{\"a\": 1} {\"a\": 1}",
					"{\"a\": 1}]", "// comment\n{}", "{\"a\": 1 /* */}", "{\"a\": 1}\u0000", "\u0000{}", "nul", "hello",
					"<json/>", "data_id=1&chunk_index=2", json.substring(0, json.length() - 1),
					json.substring(0, json.length() / 2))
			.map((text) -> argumentSet("text " + text, (Object) utf8(text)));
		String deep = "[".repeat(100_000);
		Stream<Arguments> bytes = Stream.of(bytes("deep arrays", utf8("{\"a\": " + deep)),
				bytes("deep arrays as values", utf8("{\"values\": " + deep)), bytes("deep arrays alone", utf8(deep)),
				bytes("deep objects", utf8("{\"a\":".repeat(100_000))),
				bytes("a number of 100000 digits",
						utf8("{\"a\": 0, \"chunk_index\": " + "1".repeat(100_000) + ", \"points_per_chunk\": "
								+ "1".repeat(100_000) + "}")),
				bytes("a long field name", utf8("{\"" + "n".repeat(60_000) + "\": 1}")),
				bytes("start byte 0xff", latin("{\"a\": \"\u00ff\"}")),
				bytes("lone continuation byte", latin("{\"a\": \"\u0080\"}")),
				bytes("cut sequence", latin("{\"a\": \"\u00e2\u0082\"}")),
				bytes("overlong sequence", latin("{\"a\": \"\u00c1\u0081\"}")),
				bytes("overlong NUL", latin("{\"a\": \"\u00c0\u0080\"}")),
				bytes("surrogate in UTF-8", latin("{\"a\": \"\u00ed\u00a0\u0080\"}")),
				bytes("beyond the last code point", latin("{\"a\": \"\u00f5\u0080\u0080\u0080\"}")),
				bytes("overlong sequence in a name", latin("{\"\u00c1\u0081\": 1}")),
				bytes("Latin-1", latin("{\"a\": \"\u00b5m\"}")),
				bytes("0xff outside a string", latin("{\"a\": \u00ff}")),
				bytes("UTF-16LE", json.getBytes(StandardCharsets.UTF_16LE)),
				bytes("UTF-16BE", json.getBytes(StandardCharsets.UTF_16BE)),
				bytes("UTF-16 with a mark", json.getBytes(StandardCharsets.UTF_16)),
				bytes("UTF-32", json.getBytes(Charset.forName("UTF-32"))),
				bytes("UTF-32LE", json.getBytes(Charset.forName("UTF-32LE"))),
				bytes("a byte", new byte[] { (byte) 0xfe }),
				bytes("gzip not announced", new byte[] { 0x1f, (byte) 0x8b, 8, 0, 0, 0, 0, 0 }));
		return Stream.concat(texts, bytes);
	}

	@ParameterizedTest
	@ValueSource(strings = { "[]", "[{}]", "5", "\"text\"", "null", "true", "NaN" })
	void jsonThatIsNoObjectIsRefused(String json) {
		this.client.postChunk(json).assertNotStored(ErrorCode.INVALID_REQUEST);
		this.client.post("/metrology/stream/initialize", json).assertProblem(ErrorCode.INVALID_REQUEST);
	}

	@Test
	void stringOfTwentyMegabytesIsRefusedWithAShortAnswer() {
		Answer answer = this.client
			.postChunk(new ChunkJson().withString("channel_name", "\u00e4".repeat(10_000_000)).toString());
		answer.assertNotStored(ErrorCode.INVALID_REQUEST);
		assertThat(answer.faults()).containsExactly("/channel_name");
	}

	@Test
	void malformedJsonIsLocated() {
		Answer answer = this.client.postChunk("{\n  \"data_id\": 1,\n  \"values\": [1, 2,]\n}");
		assertThat(answer.detail()).contains("line 3, column 19");
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|',
			value = { "application/x-www-form-urlencoded", "text/plain", "text/json", "application/xml",
					"multipart/form-data; boundary=x", "application/octet-stream", "banana", "application/",
					"application/json; charset=utf-16", "application/json; charset=ISO-8859-1",
					"application/json; charset=banana", "application/json; charset=\"\"" })
	void otherContentTypeIsRefused(String type) {
		for (String path : List.of(Client.CHUNKS, "/tool-state/stream/initialize")) {
			Answer answer = this.client.send("POST", path,
					BodyPublishers.ofString("{\"points_per_chunk\": 1, \"data_id\": \"x\"}"), "Content-Type", type);
			answer.assertProblem(ErrorCode.UNSUPPORTED_MEDIA_TYPE);
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "banana", "application/json; charset=utf-16", "application/json; charset=banana" })
	void contentTypeIsReadWhereABodyMayBeLeftOut(String type) {
		this.client.send("POST", UNKNOWN_STREAM + "/finalize", BodyPublishers.ofString("{}"), "Content-Type", type)
			.assertProblem(ErrorCode.UNSUPPORTED_MEDIA_TYPE);
	}

	@ParameterizedTest
	@ValueSource(strings = { "1e99999999999", "1e-99999999999", "-9223372031e999854775807" })
	void exponentBeyondAnyDecimalIsRefused(String number) {
		String json = "{\"data_id\": null, \"chunk_index\": " + number + ", \"points_per_chunk\": " + number
				+ ", \"channels\": {}}";
		this.client.postChunk(json).assertNotStored(ErrorCode.MALFORMED_JSON);
		this.client.post(Client.CHUNKS + "/multi", json).assertNotStored(ErrorCode.MALFORMED_JSON);
		this.client.post("/metrology/stream/initialize", json).assertProblem(ErrorCode.MALFORMED_JSON);
	}

	@Test
	void missingContentTypeIsNamed() {
		Answer answer = this.client.send("POST", Client.CHUNKS, BodyPublishers.ofString(new ChunkJson().toString()));
		answer.assertNotStored(ErrorCode.UNSUPPORTED_MEDIA_TYPE);
		assertThat(answer.detail()).contains("missing").contains("application/json");
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|',
			value = { "GET | /metrology/stream/chunk | POST", "PUT | /tool-state/stream/chunk | POST",
					"DELETE | /metrology/stream/chunk/ | POST", "PATCH | /metrology/stream/initialize | POST",
					"GET | /metrology/stream/00000000-0000-4000-8000-000000000000/channels | PATCH",
					"POST | /metrology/00000000-0000-4000-8000-000000000000/timeseries/ | GET",
					"POST | /actuator/prometheus | GET", "BREW | /metrology/stream/chunk | POST" })
	void wrongMethodIsRefusedAndTheRightOnesNamed(String method, String path, String allowed) {
		Answer answer = this.client.send(method, path, BodyPublishers.noBody());
		answer.assertProblem(ErrorCode.METHOD_NOT_ALLOWED);
		assertThat(answer.header("Allow")).isEqualTo(allowed);
		assertThat(answer.detail()).contains(method).contains(allowed);
	}

	@ParameterizedTest
	@ValueSource(strings = { "/", "/metrology", "/metrology/stream", "/metrology/stream/chunks", "/favicon.ico",
			"/actuator/env", "/actuator/heapdump", "/error", "/metrology/stream/not-an-id/channels",
			"/metrology/d290f1ee6c544b01/timeseries", "/metrology/%F0%9F%94%AC" })
	void unknownPathIsNotFound(String path) {
		this.client.get(path).assertProblem(ErrorCode.NOT_FOUND);
	}

	@Test
	void unknownStreamIsNamed() {
		Answer answer = this.client.get("/metrology/00000000-0000-4000-8000-000000000000/timeseries/");
		answer.assertProblem(ErrorCode.STREAM_UNKNOWN);
		assertThat(answer.detail()).contains("00000000-0000-4000-8000-000000000000");
	}

	@ParameterizedTest
	@ValueSource(strings = { "text/html", "text/csv", "application/xml", "image/*" })
	void acceptThatRulesJsonOutIsRefusedBeforeAnythingIsStored(String accept) {
		this.client
			.send("POST", Client.CHUNKS, BodyPublishers.ofString(new ChunkJson().toString()), "Content-Type",
					"application/json", "Accept", accept)
			.assertNotStored(ErrorCode.NOT_ACCEPTABLE);
		this.client
			.send("POST", "/metrology/stream/initialize", BodyPublishers.ofString("{\"points_per_chunk\": 1}"),
					"Content-Type", "application/json", "Accept", accept)
			.assertProblem(ErrorCode.NOT_ACCEPTABLE);
	}

	@Test
	void malformedAcceptIsRefused() {
		this.client.get("/metrology/00000000-0000-4000-8000-000000000000/timeseries", "Accept", "banana")
			.assertProblem(ErrorCode.NOT_ACCEPTABLE);
	}

	@Test
	void errorsAreProblemsWhateverIsAccepted() {
		this.client.get("/nowhere", "Accept", "text/html").assertProblem(ErrorCode.NOT_FOUND);
	}

	@ParameterizedTest
	@MethodSource("rawRequests")
	void requestThatTomcatRefusesIsAProblemToo(String request, ErrorCode code) throws IOException {
		Answer answer = RawConnection.exchange(this.service, request);
		answer.assertProblem(code);
	}

	@ParameterizedTest
	@MethodSource("rawRequests")
	void answerAfterWhichTheConnectionEndsSaysSo(String request, ErrorCode code) throws IOException {
		try (RawConnection connection = RawConnection.to(this.service)) {
			if (!"close".equals(connection.write(request).read().header("Connection"))) {
				connection.write("GET /actuator/health/liveness HTTP/1.1\r\nHost: localhost\r\n\r\n");
				assertThat(connection.read().status()).as("status of the answer after " + code).isEqualTo(200);
			}
		}
	}

	static Stream<Arguments> rawRequests() {
		String post = "POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
		return Stream.of(
				raw("backslash", "GET /metrology\\stream HTTP/1.1\r\nHost: localhost\r\n\r\n",
						ErrorCode.INVALID_REQUEST),
				raw("encoded slash", "GET /metrology%2Fstream HTTP/1.1\r\nHost: localhost\r\n\r\n",
						ErrorCode.INVALID_REQUEST),
				raw("encoded NUL", "GET /metrology/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", ErrorCode.INVALID_REQUEST),
				raw("double slash", "GET //metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\n\r\n",
						ErrorCode.INVALID_REQUEST),
				raw("bad escape", "GET /metrology/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", ErrorCode.INVALID_REQUEST),
				raw("raw quote", "GET /metrology/\" HTTP/1.1\r\nHost: localhost\r\n\r\n", ErrorCode.INVALID_REQUEST),
				raw("raw non-ASCII", "GET /metrology/\u00e4 HTTP/1.1\r\nHost: localhost\r\n\r\n",
						ErrorCode.INVALID_REQUEST),
				raw("above the root", "GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
						ErrorCode.INVALID_REQUEST),
				raw("long path", "GET /" + "p".repeat(20_000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
						ErrorCode.URI_TOO_LONG),
				raw("long header", "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + "h".repeat(20_000) + "\r\n\r\n",
						ErrorCode.HEADERS_TOO_LARGE),
				raw("many headers", "GET / HTTP/1.1\r\nHost: localhost\r\n" + "X-A: b\r\n".repeat(500) + "\r\n",
						ErrorCode.HEADERS_TOO_LARGE),
				raw("no Host", "GET /metrology HTTP/1.1\r\n\r\n", ErrorCode.INVALID_REQUEST),
				raw("two Hosts", "GET / HTTP/1.1\r\nHost: localhost\r\nHost: y\r\n\r\n", ErrorCode.INVALID_REQUEST),
				raw("bad Host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", ErrorCode.INVALID_REQUEST),
				raw("no request line", "hello\r\n\r\n", ErrorCode.INVALID_REQUEST),
				raw("bad method", "G(T / HTTP/1.1\r\nHost: localhost\r\n\r\n", ErrorCode.INVALID_REQUEST),
				raw("bad header name", "GET / HTTP/1.1\r\nHost: localhost\r\nA b: c\r\n\r\n",
						ErrorCode.INVALID_REQUEST),
				raw("version 3.0", "GET / HTTP/3.0\r\nHost: localhost\r\n\r\n", ErrorCode.HTTP_VERSION_NOT_SUPPORTED),
				raw("unknown transfer coding", post + "Transfer-Encoding: banana\r\n\r\n", ErrorCode.NOT_IMPLEMENTED),
				raw("length and transfer coding, which wins",
						post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
						ErrorCode.MALFORMED_JSON),
				raw("two lengths", post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
						ErrorCode.INVALID_REQUEST),
				raw("negative length", post + "Content-Length: -2\r\n\r\n{}", ErrorCode.INVALID_REQUEST),
				raw("length of letters", post + "Content-Length: two\r\n\r\n{}", ErrorCode.INVALID_REQUEST),
				raw("bad chunk size", post + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
						ErrorCode.INVALID_REQUEST),
				raw("other expectation", post + "Expect: banana\r\nContent-Length: 2\r\n\r\n{}",
						ErrorCode.EXPECTATION_FAILED),
				raw("TRACE", "TRACE /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\n\r\n",
						ErrorCode.METHOD_NOT_ALLOWED),
				raw("CONNECT", "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", ErrorCode.NOT_IMPLEMENTED),
				raw("bad query escape",
						"POST /metrology/stream/chunk?validate_only=%zz HTTP/1.1\r\nHost: localhost\r\n"
								+ "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
						ErrorCode.INVALID_REQUEST));
	}

	@Test
	void bodyThatEndsEarlyIsRefused() throws IOException {
		try (RawConnection connection = RawConnection.to(this.service)) {
			connection
				.write("POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
						+ "Content-Length: 100\r\n\r\n" + "{\"data_id\":");
			connection.endWriting();
			connection.read().assertNotStored(ErrorCode.BODY_INCOMPLETE);
		}
	}

	@Test
	void expectationIsMetBeforeTheBodyIsSent() throws IOException {
		try (RawConnection connection = RawConnection.to(this.service)) {
			connection
				.write("POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
						+ "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
			assertThat(connection.read().status()).isEqualTo(100);
			connection.write("{}").read().assertNotStored(ErrorCode.INVALID_REQUEST);
		}
	}

	@Test
	void requestThatIsRefusedByItsHeadersNeverAsksForItsBody() throws IOException {
		try (RawConnection connection = RawConnection.to(this.service)) {
			connection
				.write("POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
						+ "Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n");
			connection.read().assertNotStored(ErrorCode.BODY_TOO_LARGE);
			assertThat(connection.isAtEnd()).isTrue();
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "/metrology/stream/chunk", "/nowhere" })
	void headHasNoBody(String path) throws IOException {
		try (RawConnection connection = RawConnection.to(this.service)) {
			Answer answer = connection
				.write("HEAD " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
				.read("HEAD");
			assertThat(answer.status()).isBetween(404, 405);
			assertThat(connection.isAtEnd()).isTrue();
		}
	}

	@Test
	void optionsNamesTheMethods() {
		Answer answer = this.client.send("OPTIONS", Client.CHUNKS, BodyPublishers.noBody());
		assertThat(answer.status()).isEqualTo(200);
		assertThat(answer.header("Allow")).isEqualTo("POST,OPTIONS");
		assertThat(answer.body()).isEmpty();
	}

	@ParameterizedTest
	@ValueSource(strings = { "a", "run-17_b.C", "0123456789012345678901234567890123456789012345678901234567890123" })
	void plainRequestIdIsEchoed(String id) {
		Answer answer = this.client.get("/nowhere", "X-Request-Id", id);
		answer.assertProblem(ErrorCode.NOT_FOUND);
		assertThat(answer.header("X-Request-Id")).isEqualTo(id);
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "a b", "<script>", "\u00e4", "${jndi:ldap://x}", "a;b", "a\tb",
			"01234567890123456789012345678901234567890123456789012345678901234" })
	void uglyRequestIdIsReplaced(String id) throws IOException {
		Answer answer = RawConnection.exchange(this.service,
				"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Request-Id: " + id + "\r\n\r\n");
		answer.assertProblem(ErrorCode.NOT_FOUND);
		assertThat(answer.header("X-Request-Id")).matches("[0-9a-f-]{36}");
	}

	@Test
	void fewFaultyRequestsOnOneConnectionDoNotDisturbEachOther() throws IOException {
		try (RawConnection connection = RawConnection.to(this.service)) {
			String unread = "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nGET ";
			for (int i = 0; i < 3; i++) {
				connection.write(unread).read().assertProblem(ErrorCode.NOT_FOUND);
			}
		}
	}

	@ParameterizedTest
	@MethodSource("refusedStreams")
	void streamBeyondTheRulesIsRefused(String json, List<String> pointers) {
		Answer answer = this.client.post("/metrology/stream/initialize", json);
		answer.assertProblem(ErrorCode.INVALID_REQUEST);
		assertThat(answer.faults()).isEqualTo(pointers);
	}

	static Stream<Arguments> refusedStreams() {
		return Stream.concat(
				Stream
					.of("0", "-1", "2147483648", "1.5", "1.00000000000000000001", "\"1\"", "true", "null", "NaN", "[1]")
					.map((points) -> argumentSet("points_per_chunk " + points, "{\"points_per_chunk\": " + points + "}",
							List.of("/points_per_chunk"))),
				Stream.of(stream("stream_name", ChunkJson.quoted("x".repeat(256))), stream("stream_name", "5"),
						stream("stream_name", "\"\\u0000\""), stream("stream_name", "\"\\ud800\""),
						stream("synth_source_id", "\"1\""), stream("synth_source_id", "9223372036854775808"),
						stream("synth_source_id", "1.5"), stream("physical_sample_id", "\"x\""),
						stream("physical_sample_id", "1"), stream("project_id", "\"0pDx7mxUSwGQ5tcBdI8IUQ==\"")));
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|',
			value = { "channel=a | {\"units\": 5} | INVALID_REQUEST", "channel=a | {} | INVALID_REQUEST",
					"channel=a | {\"units\": \"\\u0000\"} | INVALID_REQUEST", "channel=a | {\"units\" | MALFORMED_JSON",
					"channel=a | {\"units\": \"nm\"} | STREAM_UNKNOWN",
					"channel=%00 | {\"units\": \"nm\"} | INVALID_REQUEST",
					"channel= | {\"units\": \"nm\"} | INVALID_REQUEST", "x=y | {\"units\": \"nm\"} | INVALID_REQUEST" })
	void faultyCorrectionOfUnitsIsRefused(String query, String json, ErrorCode code) {
		Answer answer = this.client.send("PATCH", UNKNOWN_STREAM + "/channels?" + query, BodyPublishers.ofString(json),
				"Content-Type", "application/json");
		answer.assertProblem(code);
	}

	private static Arguments stream(String field, String json) {
		return argumentSet(field + " " + json, "{\"points_per_chunk\": 1, \"" + field + "\": " + json + "}",
				List.of("/" + field));
	}

	private static Arguments raw(String name, String request, ErrorCode code) {
		return argumentSet(name, request, code);
	}

	private static Arguments bytes(String name, byte[] body) {
		return argumentSet(name, (Object) body);
	}

	private static byte[] utf8(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

	private static byte[] latin(String text) {
		return text.getBytes(StandardCharsets.ISO_8859_1);
	}

}
