package io.metrology.http;

import java.io.IOException;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.slf4j.MDC;

import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.stereotype.Component;
import org.springframework.web.filter.OncePerRequestFilter;

/**
 * Gives each request an id, the client's own {@code X-Request-Id} where it is a plain
 * token. It stands in the response header, in error bodies and in every log line of the
 * request.
 */
@Component
@Order(Ordered.HIGHEST_PRECEDENCE)
class RequestIdFilter extends OncePerRequestFilter {

	static final String HEADER = "X-Request-Id";

	static final String ATTRIBUTE = RequestIdFilter.class.getName();

	private static final String SEEN = ATTRIBUTE + ".SEEN";

	private static final String MDC_KEY = "request_id";

	private static final Pattern TOKEN = Pattern.compile("[A-Za-z0-9._-]{1,64}");

	/** A request may go on in another thread, whose log lines need the id as well. */
	@Override
	protected boolean shouldNotFilterAsyncDispatch() {
		return false;
	}

	@Override
	protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
			throws ServletException, IOException {
		String id = assign(request, response);
		request.setAttribute(SEEN, true);
		MDC.put(MDC_KEY, id);
		try {
			chain.doFilter(request, response);
		}
		finally {
			MDC.remove(MDC_KEY);
		}
	}

	/**
	 * Whether the request came this far, so that its line and headers were well-formed.
	 */
	static boolean hasSeen(HttpServletRequest request) {
		return request.getAttribute(SEEN) != null;
	}

	static String assign(HttpServletRequest request, HttpServletResponse response) {
		if (request.getAttribute(ATTRIBUTE) instanceof String id) {
			return id;
		}
		String sent = request.getHeader(HEADER);
		String id = (sent != null && TOKEN.matcher(sent).matches()) ? sent : random();
		request.setAttribute(ATTRIBUTE, id);
		response.setHeader(HEADER, id);
		return id;
	}

	/**
	 * Unlikely to come twice, and no secret: so it need not wait for the secure
	 * generator.
	 */
	private static String random() {
		ThreadLocalRandom random = ThreadLocalRandom.current();
		return new UUID(random.nextLong(), random.nextLong()).toString();
	}

}
