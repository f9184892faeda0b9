package io.metrology.http;

import java.util.List;

import jakarta.servlet.http.HttpServletRequest;

/** Query parameters that are true or false. */
public final class RequestFlag {

	private RequestFlag() {
	}

	/**
	 * Whether a flag is set. Spring would read an empty value as the default and take the
	 * first of two, which here could store what was only to be checked.
	 * @throws ProblemException {@code invalid_request} unless it is left out or once true
	 * or false
	 */
	public static boolean isSet(HttpServletRequest request, String name) {
		String[] values = request.getParameterValues(name);
		if (values == null) {
			return false;
		}
		String sent = String.join(",", values);
		return switch (sent) {
			case "true" -> true;
			case "false" -> false;
			default -> {
				String detail = "The parameter " + name + " must be true or false";
				throw new ProblemException(ErrorCode.INVALID_REQUEST, detail + ".")
					.with(List.of(Fault.inParameter(name, detail, sent)));
			}
		};
	}

}
