package io.metrology.http;

import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;

import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

/**
 * The parameters of a query, read strictly: Spring would take an empty value for none and
 * the first of two, and so answer another question than was asked. Unknown parameters are
 * ignored.
 */
public final class QueryParameters {

	/** Rules out what Java reads beyond the usual notation, such as 1d and 0x1p3. */
	private static final Pattern NUMBER = Pattern.compile("[-+ ]?(\\d+(\\.\\d*)?|\\.\\d+)([eE][-+ ]?\\d+)?");

	private static final Pattern INTEGER = Pattern.compile("-?\\d{1,18}");

	private final HttpServletRequest request;

	private QueryParameters(HttpServletRequest request) {
		this.request = request;
	}

	public static QueryParameters of(HttpServletRequest request) {
		return new QueryParameters(request);
	}

	/** Whether a flag is set. */
	public boolean isSet(String name) {
		return RequestFlag.isSet(this.request, name);
	}

	/** A text of at least one character, or null where it is left out. */
	public @Nullable String text(String name) {
		String[] values = this.request.getParameterValues(name);
		if (values == null) {
			return null;
		}
		if (values.length > 1 || values[0].isEmpty()) {
			throw fault(name, "must be given once and not be empty", String.join(",", values));
		}
		return values[0];
	}

	/** A text that could have been stored, or null where it is left out. */
	public @Nullable String storedText(String name) {
		String text = text(name);
		if (text != null && text.codePoints().anyMatch(QueryParameters::isUnstorable)) {
			throw fault(name, "must not contain control characters or lone surrogates", text);
		}
		return text;
	}

	/** All values of a parameter that may be repeated. */
	public List<String> texts(String name) {
		String[] values = this.request.getParameterValues(name);
		return (values != null) ? List.copyOf(Arrays.asList(values)) : List.of();
	}

	/** An integer within bounds, both included, or null where it is left out. */
	public @Nullable Long integer(String name, long least, long most) {
		String text = text(name);
		if (text == null) {
			return null;
		}
		long value = INTEGER.matcher(text).matches() ? Long.parseLong(text) : Long.MIN_VALUE;
		if (value < least || value > most) {
			throw fault(name, "must be an integer from " + least + " to " + most, text);
		}
		return value;
	}

	/** A finite number, or null where it is left out. */
	public @Nullable Double number(String name) {
		String text = text(name);
		if (text == null) {
			return null;
		}
		// A + that was not escaped arrives as a space.
		double value = NUMBER.matcher(text).matches() ? Double.parseDouble(text.replace(' ', '+')) : Double.NaN;
		if (!Double.isFinite(value)) {
			throw fault(name, "must be a finite number", text);
		}
		return value;
	}

	private static boolean isUnstorable(int character) {
		return Character.isISOControl(character) || Character.getType(character) == Character.SURROGATE;
	}

	/** What to throw where a parameter's value cannot be served. */
	public static ProblemException fault(String name, String rule, @Nullable Object sent) {
		String detail = "The parameter " + name + " " + rule;
		return new ProblemException(ErrorCode.INVALID_REQUEST, detail + ".")
			.with(List.of(Fault.inParameter(name, detail, sent)));
	}

}
