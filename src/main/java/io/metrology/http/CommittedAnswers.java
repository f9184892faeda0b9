package io.metrology.http;

import java.io.UncheckedIOException;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.coyote.BadRequestException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.stereotype.Component;
import org.springframework.web.servlet.HandlerExceptionResolver;
import org.springframework.web.servlet.ModelAndView;

/**
 * Breaks off answers that fail after their beginning was sent. An error appended to them,
 * or a proper end, would let the client take what it has for the whole.
 */
@Component
@Order(Ordered.HIGHEST_PRECEDENCE)
class CommittedAnswers implements HandlerExceptionResolver {

	private static final Logger log = LoggerFactory.getLogger(CommittedAnswers.class);

	@Override
	public @Nullable ModelAndView resolveException(HttpServletRequest request, HttpServletResponse response,
			@Nullable Object handler, Exception failure) {
		// Tomcat calls an answer committed, too, once the request's connection is broken.
		if (!response.isCommitted() || ProblemAdvice.isBrokenConnection(failure)) {
			return null;
		}
		if (failure instanceof ProblemException problem) {
			log.warn("Broke off the answer to {} {}: {}", request.getMethod(), request.getRequestURI(),
					problem.detail());
		}
		else {
			log.error("Broke off the answer to {} {}", request.getMethod(), request.getRequestURI(), failure);
		}
		// The one kind that Tomcat does not log once more before it closes the
		// connection.
		throw new UncheckedIOException(new BadRequestException("The answer was broken off"));
	}

}
