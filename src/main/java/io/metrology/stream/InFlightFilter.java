package io.metrology.stream;

import java.io.IOException;

import io.metrology.http.load.AsyncRequests;
import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;

import org.springframework.http.HttpMethod;

/**
 * Registers each chunk request as in flight before its body is read, and removes it when
 * it is answered. The filter runs when the request gets its first thread. A later
 * dispatch of the same request does not pass it.
 */
final class InFlightFilter implements Filter {

	private final InFlightRequests requests;

	InFlightFilter(InFlightRequests requests) {
		this.requests = requests;
	}

	@Override
	public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain)
			throws IOException, ServletException {
		if (request instanceof HttpServletRequest http && HttpMethod.POST.matches(http.getMethod())) {
			register(http, response, chain);
		}
		else {
			chain.doFilter(request, response);
		}
	}

	private void register(HttpServletRequest http, ServletResponse response, FilterChain chain)
			throws IOException, ServletException {
		InFlightRequests.Request request = this.requests.enter(http);
		try {
			chain.doFilter(http, response);
		}
		finally {
			if (http.isAsyncStarted()) {
				AsyncRequests.whenAnswered(http.getAsyncContext(), request::leave);
			}
			else {
				request.leave();
			}
		}
	}

}
