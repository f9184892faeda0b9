package io.metrology;

import java.net.http.HttpResponse;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * An answer of the service, as a client sees it.
 *
 * @param status the HTTP status
 * @param outcome the header {@code Chunk-Outcome}, or null
 * @param hash the header {@code Chunk-Hash}, or null
 * @param retryAfter the header {@code Retry-After}, or null
 * @param body the body's text
 */
public record Answer(int status, String outcome, String hash, String retryAfter, String body) {

	private static final JsonMapper JSON = JsonMapper.builder().build();

	static Answer of(HttpResponse<String> response) {
		return new Answer(response.statusCode(), header(response, "Chunk-Outcome"), header(response, "Chunk-Hash"),
				header(response, "Retry-After"), response.body());
	}

	/** The body, which must be JSON. */
	public JsonNode json() {
		return JSON.readTree(this.body);
	}

	/** The field {@code total_points} of a chunk's receipt. */
	public long totalPoints() {
		return json().required("total_points").longValue();
	}

	/** The field {@code code} of an error. */
	public String code() {
		return json().path("code").asString("");
	}

	private static String header(HttpResponse<String> response, String name) {
		return response.headers().firstValue(name).orElse(null);
	}

}
