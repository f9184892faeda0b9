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

	private static final int REPLACEMENT = 0xFFFD;

	public Fault {
		rejected = (rejected instanceof Number || rejected instanceof Boolean || rejected == null) ? rejected
				: shown(rejected.toString());
	}

	/** A fault in the body. */
	public static Fault at(String pointer, String detail, @Nullable Object rejected) {
		return new Fault(pointer, null, detail, rejected);
	}

	/** A fault in the query or in a header. */
	public static Fault inParameter(String parameter, String detail, @Nullable Object rejected) {
		return new Fault(null, parameter, detail, rejected);
	}

	/** Escapes a name for use as a part of a JSON Pointer. */
	public static String escape(String name) {
		return name.replace("~", "~0").replace("/", "~1");
	}

	/** What a client sent, as an answer may repeat it: not long, and printable. */
	public static String shown(String sent) {
		String shown = printable(sent, LONGEST_SHOWN);
		return (sent.codePointCount(0, sent.length()) <= LONGEST_SHOWN) ? shown : shown + "…";
	}

	/**
	 * A text as an answer may hold it: lone surrogates cannot be written as UTF-8, and
	 * control characters would break a line of a log or a terminal.
	 */
	static String printable(String text) {
		return printable(text, text.length());
	}

	private static String printable(String text, int longest) {
		StringBuilder printable = new StringBuilder();
		text.codePoints()
			.limit(longest)
			.map((character) -> isPrintable(character) ? character : REPLACEMENT)
			.forEach(printable::appendCodePoint);
		return printable.toString();
	}

	private static boolean isPrintable(int character) {
		return !Character.isISOControl(character) && Character.getType(character) != Character.SURROGATE;
	}

}
