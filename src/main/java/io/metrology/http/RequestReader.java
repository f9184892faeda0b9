package io.metrology.http;

import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.Locale;
import java.util.function.BiFunction;
import java.util.function.Function;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.validation.ConstraintViolation;
import jakarta.validation.Validator;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.exc.StreamConstraintsException;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

import org.springframework.stereotype.Component;

/**
 * Reads JSON requests: strict JSON, typed fields, then the constraints on the record that
 * they are bound to. All faults are gathered into one answer.
 */
@Component
public class RequestReader {

	private static final int MOST_DEPTH = 100;

	/** Characters of a number; a double has 25 at most. */
	private static final int LONGEST_NUMBER = 1000;

	/** Characters: as long as a body is, unless it was set to be longer. */
	private static final int LONGEST_STRING = 32 * 1024 * 1024;

	/**
	 * Characters of a field's name, such as a channel's; the API's own limit is lower.
	 */
	private static final int LONGEST_NAME = 10_000;

	private static final JsonFactory JSON_FACTORY = JsonFactory.builder()
		.streamReadConstraints(StreamReadConstraints.builder()
			.maxNestingDepth(MOST_DEPTH)
			.maxNumberLength(LONGEST_NUMBER)
			.maxStringLength(LONGEST_STRING)
			.maxNameLength(LONGEST_NAME)
			.build())
		.enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
		.enable(StreamReadFeature.USE_FAST_DOUBLE_PARSER)
		.enable(StreamReadFeature.USE_FAST_BIG_NUMBER_PARSER)
		.disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
		// Python's json writes a missing value as the bare literal NaN.
		.enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
		.build();

	/**
	 * The mapper for all requests, which refuses duplicated keys and trailing content.
	 */
	public static final JsonMapper JSON = JsonMapper.builder(JSON_FACTORY)
		.enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
		// A double would round 3.00000000000000000001 to a whole number.
		.enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
		.build();

	private final BodyReader bodies;

	private final Validator validator;

	RequestReader(BodyReader bodies, Validator validator) {
		this.bodies = bodies;
		this.validator = validator;
	}

	/**
	 * Reads a small request.
	 * @param binding makes the request's record from its fields
	 */
	public <T extends Record> T read(HttpServletRequest request, Function<RequestFields, T> binding)
			throws IOException {
		return read(request, (fields, faults) -> binding.apply(fields));
	}

	/**
	 * Reads a small request that has rules across its fields.
	 * @param binding makes the request's record from its fields, and notes what breaks
	 * those rules
	 */
	public <T extends Record> T read(HttpServletRequest request, BiFunction<RequestFields, Faults, T> binding)
			throws IOException {
		byte[] body = this.bodies.read(request);
		Faults faults = new Faults();
		T bound = binding.apply(new RequestFields(object(body), "", faults), faults);
		validate(bound, faults);
		faults.throwIfAny("");
		return bound;
	}

	/**
	 * Reads a small request that may be left out.
	 * @param binding makes the request's record from its fields, or null
	 * @return null if there is no body, or if it is {@code null}
	 */
	public <T extends Record> @Nullable T readOptional(HttpServletRequest request,
			Function<RequestFields, @Nullable T> binding) throws IOException {
		byte[] body = this.bodies.read(request);
		if (body.length == 0 || isNull(body)) {
			return null;
		}
		Faults faults = new Faults();
		T bound = binding.apply(new RequestFields(object(body), "", faults));
		faults.throwIfAny("");
		return bound;
	}

	/**
	 * Notes the constraints that a record breaks, but for fields that already have a
	 * fault.
	 */
	public <T extends Record> void validate(T bound, Faults faults) {
		this.validator.validate(bound)
			.stream()
			.sorted(Comparator.comparing((violation) -> violation.getPropertyPath().toString()))
			.forEach((violation) -> note(violation, faults));
	}

	/**
	 * Begins to read a body as JSON.
	 * @throws ProblemException {@code malformed_json} where it is not UTF-8, which is the
	 * one encoding of JSON between systems (RFC 8259)
	 */
	public static JsonParser parser(byte[] body) {
		if (isWide(body)) {
			throw new ProblemException(ErrorCode.MALFORMED_JSON,
					"The body looks like UTF-16 or UTF-32; JSON must be sent as UTF-8.");
		}
		Utf8.require(body);
		return JSON.createParser(body);
	}

	/**
	 * Jackson would read these encodings: it knows them by their byte order mark, or by
	 * zeros at the start.
	 */
	private static boolean isWide(byte[] body) {
		for (int i = 0; i < Math.min(4, body.length); i++) {
			if (body[i] == 0) {
				return true;
			}
		}
		int first = (body.length > 1) ? (body[0] & 0xff) << 8 | (body[1] & 0xff) : 0;
		return first == 0xfeff || first == 0xfffe;
	}

	/**
	 * Reads the current number to its last digit.
	 * @throws ProblemException {@code malformed_json} where its exponent is beyond that
	 * of any decimal, some ± 2 147 483 647
	 */
	public static BigDecimal decimal(JsonParser json) {
		try {
			return json.getDecimalValue();
		}
		catch (NumberFormatException ex) {
			throw exponentTooLarge(ex);
		}
	}

	private static ProblemException exponentTooLarge(NumberFormatException cause) {
		return new ProblemException(ErrorCode.MALFORMED_JSON, "The body has a number whose exponent is too large.",
				cause);
	}

	/**
	 * What is wrong with a body that is no object: there is nothing in it, or another
	 * value.
	 */
	public static ProblemException notAnObject(boolean empty) {
		return empty ? new ProblemException(ErrorCode.MALFORMED_JSON, "The body is empty; it must be a JSON object.")
				: new ProblemException(ErrorCode.INVALID_REQUEST, "The body must be a JSON object.");
	}

	/** What is wrong with a body that Jackson could not read. */
	public static ProblemException malformed(JacksonException failure) {
		String where = (failure.getLocation() != null)
				? " at line " + failure.getLocation().getLineNr() + ", column " + failure.getLocation().getColumnNr()
				: "";
		return new ProblemException(ErrorCode.MALFORMED_JSON,
				"The body is not JSON that can be read" + where + ": " + reason(failure) + ".");
	}

	/**
	 * The parser's own words, without its notes on where it read from and how it is set
	 * up.
	 */
	private static String reason(JacksonException failure) {
		if (failure instanceof StreamConstraintsException) {
			return "it is nested more than " + MOST_DEPTH + " deep, or a number in it is longer than " + LONGEST_NUMBER
					+ " characters, a name than " + LONGEST_NAME + ", or a text than " + LONGEST_STRING;
		}
		return Fault.shown(failure.getOriginalMessage()
			.replaceAll("(?s)\\s*(\\(start marker at|\\[Source|\\(enable|: enable|to enable|\\n).*", "")
			.replaceAll("\\(?`[^`]*`\\)?", ""));
	}

	private static ObjectNode object(byte[] body) {
		try (JsonParser json = parser(body)) {
			JsonNode node = JSON.readTree(json);
			if (node instanceof ObjectNode object) {
				return object;
			}
			throw notAnObject(node == null || node.isMissingNode());
		}
		catch (JacksonException ex) {
			throw malformed(ex);
		}
		catch (NumberFormatException ex) {
			throw exponentTooLarge(ex);
		}
	}

	/** JSON allows no other white space. */
	private static boolean isNull(byte[] body) {
		return new String(body, StandardCharsets.ISO_8859_1).matches("[ \\t\\r\\n]*+null[ \\t\\r\\n]*+");
	}

	/**
	 * Notes the constraints that a value breaks which is to become a component of a
	 * record.
	 * @param pointer where the value stands in the request
	 * @param name what to call it
	 */
	public <T extends Record> void validate(Class<T> type, String component, @Nullable Object value, String pointer,
			String name, Faults faults) {
		if (!faults.has(pointer)) {
			this.validator.validateValue(type, component, value)
				.forEach((violation) -> faults.add(pointer, name + " " + violation.getMessage(), value));
		}
	}

	private static void note(ConstraintViolation<?> violation, Faults faults) {
		String name = snakeCase(violation.getPropertyPath().toString());
		String pointer = "/" + name;
		if (!faults.has(pointer)) {
			faults.add(pointer, name + " " + violation.getMessage(), violation.getInvalidValue());
		}
	}

	private static String snakeCase(String name) {
		return name.replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT);
	}

}
