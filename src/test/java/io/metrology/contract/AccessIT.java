package io.metrology.contract;

import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import io.metrology.contract.Keys.Key;
import io.metrology.http.ErrorCode;
import jakarta.servlet.Servlet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.core.io.Resource;
import org.springframework.core.io.support.PathMatchingResourcePatternResolver;
import org.springframework.web.bind.annotation.RequestMethod;
import org.springframework.web.servlet.function.RouterFunction;
import org.springframework.web.servlet.handler.AbstractUrlHandlerMapping;
import org.springframework.web.servlet.mvc.method.RequestMappingInfo;
import org.springframework.web.servlet.mvc.method.RequestMappingInfoHandlerMapping;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Every request that the running application would handle, against the table of who may
 * send it.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AccessIT {

	private static final String OPEN = "open";

	/** Whoever makes a mapping says here who may use it. */
	private static final Map<String, String> TABLE = table("""
			open    GET /actuator/health
			open    GET /actuator/health/**
			read    GET /actuator
			read    GET /actuator/prometheus
			read    GET /openapi.yaml
			write   POST {api}/stream/initialize
			write   POST {api}/stream/chunk
			write   POST {api}/stream/chunk/multi
			write   POST {api}/stream/{data_id}/finalize
			write   PATCH {api}/stream/{data_id}/channels
			delete  DELETE {api}/stream/{data_id}
			read    GET {api}/stream/{data_id}
			read    GET {api}/streams
			read    GET {api}/stream/{data_id}/points
			read    GET {api}/stream/{data_id}/chunks
			read    GET {api}/{data_id}/timeseries
			read    GET {api}/refusals
			read    GET {api}/refusals/{id}
			read    GET {api}/refusals/{id}/body
			write   POST {api}/refusals/{id}/resend
			delete  DELETE {api}/refusals/{id}
			admin   POST /api-keys
			admin   GET /api-keys
			admin   DELETE /api-keys/{id}
			""");

	private final RunningService service = RunningService.start(Keys.SETTING);

	private final Client client = this.service.client();

	private final Map<String, Key> single = new LinkedHashMap<>();

	private final Key revoked;

	private final Key expired;

	AccessIT() throws Exception {
		Keys keys = new Keys(this.service);
		for (String scope : List.of("read", "write", "delete", "admin")) {
			this.single.put(scope, keys.make(scope));
		}
		this.revoked = keys.revoked();
		this.expired = keys.expired();
	}

	@AfterAll
	void stop() {
		this.service.close();
	}

	@Test
	void everyMappingAndEveryFileStandsInTheTable() throws IOException {
		assertThat(mappings()).isEqualTo(TABLE.keySet());
	}

	@Test
	void nothingElseServesRequests() {
		assertThat(this.service.context().getBeansOfType(RouterFunction.class)).isEmpty();
		assertThat(this.service.context().getBeansOfType(Servlet.class)).containsOnlyKeys("dispatcherServlet");
		assertThat(this.service.context().getBeansOfType(AbstractUrlHandlerMapping.class).values())
			.allSatisfy((mapping) -> assertThat(mapping.getHandlerMap().keySet()).isSubsetOf("/**", "/webjars/**",
					"/favicon.ico"));
	}

	@ParameterizedTest
	@MethodSource("rows")
	void requestIsOpenedByItsScopeAlone(String operation, String scope) {
		List<Sent> requests = requests(operation);
		for (Sent request : requests) {
			if (scope.equals(OPEN)) {
				assertThat(send(request, null).status()).as("%s without a key", request).isEqualTo(200);
				assertThat(send(request, "wrong").status()).as("%s with a wrong key", request).isEqualTo(200);
				continue;
			}
			assertRefused(request, null, ErrorCode.API_KEY_MISSING);
			assertRefused(request, "wrong", ErrorCode.API_KEY_INVALID);
			assertRefused(request, this.expired.secret(), ErrorCode.API_KEY_EXPIRED);
			assertRefused(request, this.revoked.secret(), ErrorCode.API_KEY_REVOKED);
			this.single.forEach((held, key) -> {
				if (held.equals(scope)) {
					assertThat(send(request, key.secret()).status()).as("%s with %s", request, held)
						.isNotIn(401, 403, 500);
				}
				else {
					assertRefused(request, key.secret(), ErrorCode.SCOPE_MISSING);
				}
			});
		}
	}

	static Stream<String[]> rows() {
		return TABLE.entrySet().stream().map((row) -> new String[] { row.getKey(), row.getValue() });
	}

	@Test
	void documentSaysTheSameScopes() {
		OpenApiDocument document = new OpenApiDocument(
				this.client.get("/openapi.yaml", "X-API-KEY", Keys.BOOTSTRAP).text());
		document.operations().forEach((operation) -> {
			String key = operation.replaceFirst("/$", "").replaceFirst("/health/.*", "/health/**");
			assertThat(document.scope(operation)).as(operation).isEqualTo(TABLE.get(key));
		});
	}

	@ParameterizedTest
	@ValueSource(strings = { "/", "/nowhere", "/metrology", "/error", "/actuator/env", "/login", "/static/openapi.yaml",
			"/application.yml", "/api-keys/x/y" })
	void whatIsNotServedIsNotFoundAndAsksForAKeyFirst(String path) {
		this.client.get(path).assertProblem(ErrorCode.API_KEY_MISSING);
		this.client.get(path, "X-API-KEY", "wrong").assertProblem(ErrorCode.API_KEY_INVALID);
		this.client.get(path, "X-API-KEY", Keys.BOOTSTRAP).assertProblem(ErrorCode.NOT_FOUND);
	}

	@Test
	void methodThatAPathDoesNotTakeIsSaidToThoseWithAKeyAlone() {
		Sent put = new Sent("PUT", "/metrology/streams");
		assertRefused(put, null, ErrorCode.API_KEY_MISSING);
		send(put, Keys.BOOTSTRAP).assertProblem(ErrorCode.METHOD_NOT_ALLOWED);
		send(new Sent("POST", "/actuator/prometheus"), Keys.BOOTSTRAP).assertProblem(ErrorCode.METHOD_NOT_ALLOWED);
	}

	@ParameterizedTest
	@ValueSource(strings = { "/metrology/../actuator/prometheus", "//metrology/streams", "/metrology/streams;x=1",
			"/metrology/%2e%2e/actuator/prometheus", "/actuator/health/../prometheus",
			"/actuator/health/..;/prometheus", "/actuator/health/%2e%2e/prometheus",
			"/actuator/health//../prometheus" })
	void pathIsNotTwistedPastItsRule(String path) throws IOException {
		Answer answer = RawConnection.exchange(this.service,
				"GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
		assertThat(answer.status()).isBetween(400, 404);
		assertThat(answer.text()).doesNotContain("jvm_");
	}

	@Test
	void refusedChunkSaysThatNothingWasStored() {
		String before = this.service.stored().toString();
		this.client.postChunk(new ChunkJson().toString()).assertNotStored(ErrorCode.API_KEY_MISSING);
		this.client
			.send("POST", Client.CHUNKS, BodyPublishers.ofString(new ChunkJson().toString()), "Content-Type",
					"application/json", "X-API-KEY", this.single.get("read").secret())
			.assertNotStored(ErrorCode.SCOPE_MISSING);
		assertThat(this.service.stored().toString()).isEqualTo(before);
	}

	@ParameterizedTest
	@ValueSource(strings = { "Bearer ", "bearer ", "BEARER  " })
	void keyMayComeAsABearerToken(String scheme) {
		assertThat(this.client.get("/metrology/streams", "Authorization", scheme + this.single.get("read").secret())
			.status()).isEqualTo(200);
	}

	@Test
	void keyInTheUrlOpensNothing() {
		String key = this.single.get("read").secret();
		this.client.get("/metrology/streams?api_key=" + key + "&X-API-KEY=" + key)
			.assertProblem(ErrorCode.API_KEY_MISSING);
	}

	@Test
	void metricsAreOpenOnlyWhereThatIsSet() {
		try (RunningService open = RunningService.start(Keys.SETTING, "metrology.access.open-metrics=true")) {
			assertThat(open.client().get("/actuator/prometheus").text()).contains("metrology_ingest_chunks_total");
			open.client().get("/metrology/streams").assertProblem(ErrorCode.API_KEY_MISSING);
		}
	}

	private void assertRefused(Sent request, @Nullable String key, ErrorCode code) {
		Answer answer = send(request, key);
		assertThat(answer.status()).as("%s, %s", request, code).isEqualTo(code.status());
		if (!request.method().equals("HEAD")) {
			answer.assertProblem(code);
		}
		assertThat(answer.header("WWW-Authenticate")).isEqualTo((code.status() == 401) ? "Bearer" : null);
	}

	private Answer send(Sent request, @Nullable String key) {
		return (key != null)
				? this.client.send(request.method(), request.path(), BodyPublishers.noBody(), "X-API-KEY", key)
				: this.client.send(request.method(), request.path(), BodyPublishers.noBody());
	}

	/** What controllers and endpoints serve, and the files. */
	private Set<String> mappings() throws IOException {
		Set<String> found = new TreeSet<>();
		this.service.context()
			.getBeansOfType(RequestMappingInfoHandlerMapping.class)
			.values()
			.forEach((
					mapping) -> mapping.getHandlerMethods().keySet().forEach((info) -> found.addAll(operations(info))));
		for (String location : List.of("static", "public", "resources", "META-INF/resources")) {
			for (Resource file : new PathMatchingResourcePatternResolver()
				.getResources("classpath*:/" + location + "/**")) {
				String path = file.getURL().getPath();
				if (!path.endsWith("/")) {
					found.add("GET " + path.replaceFirst(".*/" + location + "/", "/"));
				}
			}
		}
		return found;
	}

	private static Set<String> operations(RequestMappingInfo mapping) {
		return mapping.getPatternValues()
			.stream()
			.flatMap((path) -> methods(mapping)
				.map((method) -> method + " " + path.replaceAll("\\{(\\w+):[^/]*}", "{$1}")))
			.collect(Collectors.toSet());
	}

	/** A mapping without a method takes any. */
	private static Stream<String> methods(RequestMappingInfo mapping) {
		Set<RequestMethod> methods = mapping.getMethodsCondition().getMethods();
		return methods.isEmpty() ? Stream.of("ANY") : methods.stream().map(RequestMethod::name);
	}

	private static List<Sent> requests(String operation) {
		String[] parts = operation.split(" ");
		String path = parts[1].replaceAll("\\{\\w+}", UUID.randomUUID().toString()).replace("**", "readiness");
		return parts[0].equals("GET")
				? List.of(new Sent("GET", path), new Sent("GET", path + "/"), new Sent("HEAD", path))
				: List.of(new Sent(parts[0], path), new Sent(parts[0], path + "/"));
	}

	private static Map<String, String> table(String text) {
		Map<String, String> table = new TreeMap<>();
		text.lines().map((line) -> line.split(" +", 2)).forEach((row) -> {
			for (String api : List.of("/metrology", "/tool-state")) {
				table.put(row[1].replace("{api}", api), row[0]);
			}
		});
		return table;
	}

	/**
	 * A request without a body.
	 *
	 * @param method its method
	 * @param path its path
	 */
	private record Sent(String method, String path) {

	}

}
