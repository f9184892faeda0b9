package io.metrology.stream;

import java.io.IOException;

import jakarta.servlet.AsyncEvent;
import jakarta.servlet.AsyncListener;
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
				http.getAsyncContext().addListener(new Leave(request));
			}
			else {
				request.leave();
			}
		}
	}

	/** Removes a request from which the thread was taken. */
	private record Leave(InFlightRequests.Request request) implements AsyncListener {

		@Override
		public void onComplete(AsyncEvent event) {
			this.request.leave();
		}

		@Override
		public void onTimeout(AsyncEvent event) {
			// onComplete follows.
		}

		@Override
		public void onError(AsyncEvent event) {
			// onComplete follows.
		}

		/** Listeners end with each start of an asynchronous phase. */
		@Override
		public void onStartAsync(AsyncEvent event) {
			event.getAsyncContext().addListener(this);
		}

	}

}
