package io.metrology.access;

import java.util.List;

import jakarta.servlet.http.HttpServletRequest;

import org.springframework.http.HttpMethod;
import org.springframework.security.web.header.HeaderWriter;
import org.springframework.security.web.header.writers.CompositeHeaderWriter;
import org.springframework.security.web.header.writers.ContentSecurityPolicyHeaderWriter;
import org.springframework.security.web.header.writers.DelegatingRequestMatcherHeaderWriter;
import org.springframework.security.web.header.writers.ReferrerPolicyHeaderWriter.ReferrerPolicy;
import org.springframework.security.web.header.writers.ReferrerPolicyHeaderWriter;
import org.springframework.security.web.header.writers.XContentTypeOptionsHeaderWriter;

/**
 * What browsers are told: to run no script but the service's own, to show no page of it
 * within another, to guess no type, to say nothing of its addresses to others. Chunks,
 * which no browser shows, go without.
 */
final class BrowserHeaders {

	private static final String POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; "
			+ "frame-ancestors 'none'; object-src 'none'";

	private BrowserHeaders() {
	}

	/** Writes them with the answers to GET and HEAD. */
	static HeaderWriter onReads() {
		return new DelegatingRequestMatcherHeaderWriter(BrowserHeaders::isRead,
				new CompositeHeaderWriter(
						List.of(new ContentSecurityPolicyHeaderWriter(POLICY), new XContentTypeOptionsHeaderWriter(),
								new ReferrerPolicyHeaderWriter(ReferrerPolicy.NO_REFERRER))));
	}

	private static boolean isRead(HttpServletRequest request) {
		return HttpMethod.GET.matches(request.getMethod()) || HttpMethod.HEAD.matches(request.getMethod());
	}

}
