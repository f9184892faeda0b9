package io.metrology.http;

import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The scalar fields of a JSON object, taken strictly: a string is never read as a number
 * nor a number as a string, and nothing is rounded. A field of the wrong type is noted as
 * a fault and read as null. Missing fields and JSON nulls are null; whether they are
 * required is said by the record that they end up in.
 */
public final class RequestFields {

	private static final Pattern UUID_FORM = Pattern
		.compile("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}");

	private final ObjectNode object;

	private final String pointer;

	private final Faults faults;

	/**
	 * Looks at an object.
	 * @param pointer the JSON Pointer to the object, empty for the whole body
	 * @param faults where faults are noted
	 */
	public RequestFields(ObjectNode object, String pointer, Faults faults) {
		this.object = object;
		this.pointer = pointer;
		this.faults = faults;
	}

	/** A text of any length and content. */
	public @Nullable String text(String name) {
		JsonNode node = present(name);
		if (node == null || node.isString()) {
			return (node != null) ? node.stringValue() : null;
		}
		fault(name, "must be a string", node);
		return null;
	}

	/** A UUID in its 36-character form. */
	public @Nullable UUID uuid(String name) {
		JsonNode node = present(name);
		if (node == null) {
			return null;
		}
		if (node.isString() && UUID_FORM.matcher(node.stringValue()).matches()) {
			return UUID.fromString(node.stringValue());
		}
		fault(name, "must be a UUID in its 36-character form", node);
		return null;
	}

	/** A moment in the form of ISO 8601, with its offset from UTC. */
	public @Nullable Instant instant(String name) {
		String text = text(name);
		if (text == null) {
			return null;
		}
		try {
			return RequestTime.parse(text);
		}
		catch (DateTimeException ex) {
			this.faults.add(pointerTo(name), name + " must be a time such as 2030-01-31T12:00:00Z", text);
			return null;
		}
	}

	/** The texts of an array; none where it is missing. */
	public List<String> texts(String name) {
		JsonNode node = present(name);
		List<String> texts = new ArrayList<>();
		if (node == null) {
			return texts;
		}
		if (!node.isArray()) {
			fault(name, "must be an array of strings", node);
		}
		for (JsonNode element : node) {
			if (element.isString()) {
				texts.add(element.stringValue());
			}
			else if (node.isArray()) {
				this.faults.add(pointerTo(name) + "/" + texts.size(), name + " must be an array of strings",
						shown(element));
			}
		}
		return texts;
	}

	/**
	 * A whole number, which may be written with a fraction of zero, within the range
	 * given.
	 */
	public @Nullable Long integer(String name, long min, long max) {
		JsonNode node = present(name);
		if (node == null) {
			return null;
		}
		if (!node.isNumber() || !node.canConvertToExactIntegral()) {
			fault(name, "must be a whole number", node);
		}
		else if (!node.canConvertToLong() || node.longValue() < min || node.longValue() > max) {
			fault(name, "must be a whole number from " + min + " to " + max, node);
		}
		else {
			return node.longValue();
		}
		return null;
	}

	/** A whole number that fits an {@code int}, within the range given. */
	public @Nullable Integer integer(String name, int min, int max) {
		Long value = integer(name, (long) min, (long) max);
		return (value != null) ? value.intValue() : null;
	}

	/** A required count: a whole number from 0; 0 where it is faulty. */
	public long count(String name) {
		Long count = integer(name, 0, Long.MAX_VALUE);
		if (count == null && present(name) == null) {
			this.faults.add(pointerTo(name), name + " is required", null);
		}
		return (count != null) ? count : 0;
	}

	/** The fields of an object in this object, or null where there is none. */
	public @Nullable RequestFields object(String name) {
		JsonNode node = present(name);
		if (node instanceof ObjectNode child) {
			return new RequestFields(child, pointerTo(name), this.faults);
		}
		if (node != null) {
			fault(name, "must be an object", node);
		}
		return null;
	}

	/** The names that the object has. */
	public Iterable<String> names() {
		return this.object.propertyNames();
	}

	/** Whether the object has the field, be it null. */
	public boolean has(String name) {
		return this.object.has(name);
	}

	private @Nullable JsonNode present(String name) {
		JsonNode node = this.object.get(name);
		return (node == null || node.isNull()) ? null : node;
	}

	private String pointerTo(String name) {
		return this.pointer + "/" + Fault.escape(name);
	}

	private void fault(String name, String rule, JsonNode rejected) {
		this.faults.add(pointerTo(name), name + " " + rule, shown(rejected));
	}

	private static @Nullable Object shown(JsonNode node) {
		return node.isString() ? node.stringValue() : node.isContainer() ? null : node.toString();
	}

}
