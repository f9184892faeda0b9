package io.metrology.http;

import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

/**
 * The error that a request is answered with.
 *
 * @param code its place in the catalogue
 * @param detail the sentence for the person who sent the request
 */
public record SentProblem(ErrorCode code, String detail) {

	private static final String ATTRIBUTE = SentProblem.class.getName();

	/** Returns the error of a request, or null if there is none. */
	public static @Nullable SentProblem of(HttpServletRequest request) {
		return (request.getAttribute(ATTRIBUTE) instanceof SentProblem problem) ? problem : null;
	}

	void keep(HttpServletRequest request) {
		request.setAttribute(ATTRIBUTE, this);
	}

}
