package io.metrology.http;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.jspecify.annotations.Nullable;

/**
 * One thing that is wrong with a request.
 *
 * @param pointer the JSON Pointer (RFC 6901) to the faulty part of the body, or null
 * where the fault is not in the body
 * @param parameter the name of the faulty query parameter or header, or null
 * @param detail one sentence for the person who sent the request
 * @param rejected the value that was refused, shortened, or null where there is none to
 * show
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Fault(@Nullable String pointer, @Nullable String parameter, String detail, @Nullable Object rejected) {

	private static final int LONGEST_SHOWN = 100;

	/** A fault in the body. */
	public static Fault at(String pointer, String detail, @Nullable Object rejected) {
		return new Fault(pointer, null, detail, shorten(rejected));
	}

	/** A fault in the query or in a header. */
	public static Fault inParameter(String parameter, String detail, @Nullable Object rejected) {
		return new Fault(null, parameter, detail, shorten(rejected));
	}

	/** Escapes a name for use as a part of a JSON Pointer. */
	public static String escape(String name) {
		return name.replace("~", "~0").replace("/", "~1");
	}

	private static @Nullable Object shorten(@Nullable Object rejected) {
		if (rejected instanceof Number || rejected instanceof Boolean || rejected == null) {
			return rejected;
		}
		String text = rejected.toString();
		return (text.length() <= LONGEST_SHOWN) ? text : text.substring(0, LONGEST_SHOWN) + "…";
	}

}
