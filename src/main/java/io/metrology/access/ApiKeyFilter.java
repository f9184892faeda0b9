package io.metrology.access;

import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.Locale;

import io.metrology.http.Caller;
import io.metrology.http.ErrorCode;
import io.metrology.http.ProblemException;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.context.SecurityContextHolder;
import org.springframework.security.core.context.SecurityContextImpl;
import org.springframework.web.filter.OncePerRequestFilter;
import org.springframework.web.servlet.HandlerExceptionResolver;

/**
 * Lets in who has a key, in the header {@code X-API-KEY} or, for programs that cannot
 * send headers of their own, {@code Authorization: Bearer}; where no key was ever made,
 * who sits at this machine. What they may do, {@link AccessConfiguration} says.
 */
class ApiKeyFilter extends OncePerRequestFilter {

	private static final String HEADER = "X-API-KEY";

	private static final String BEARER = "bearer ";

	private static final Authentication WITHOUT_KEY = ApiKeyAuthentication.withoutKey();

	private final ApiKeyRing ring;

	private final AccessGate gate;

	private final List<String> trustedOrigins;

	private final HandlerExceptionResolver problems;

	ApiKeyFilter(ApiKeyRing ring, AccessGate gate, List<String> trustedOrigins, HandlerExceptionResolver problems) {
		this.ring = ring;
		this.gate = gate;
		this.trustedOrigins = trustedOrigins;
		this.problems = problems;
	}

	@Override
	protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
			throws ServletException, IOException {
		Authentication admitted;
		try {
			admitted = admit(request);
		}
		catch (RuntimeException ex) {
			this.problems.resolveException(request, response, null, ex);
			return;
		}
		SecurityContextHolder.setContext(new SecurityContextImpl(admitted));
		try {
			chain.doFilter(request, response);
		}
		finally {
			SecurityContextHolder.clearContext();
		}
	}

	private Authentication admit(HttpServletRequest request) {
		if (this.gate.isOpen()) {
			return admitWithoutKey(request);
		}
		ApiKey key = validKey(request);
		this.ring.used(key);
		new Caller(key.id()).sent(request);
		return ApiKeyAuthentication.of(key);
	}

	private Authentication admitWithoutKey(HttpServletRequest request) {
		if (!OwnMachine.sent(request, this.trustedOrigins)) {
			throw refusal(ErrorCode.API_KEY_MISSING,
					"No API key was ever made, so only this machine is served, under the name localhost; "
							+ "make a key with: java -jar metrology-ingest.jar keys create.");
		}
		return WITHOUT_KEY;
	}

	private ApiKey validKey(HttpServletRequest request) {
		String sent = sentKey(request);
		if (sent == null) {
			throw refusal(ErrorCode.API_KEY_MISSING, "This needs an API key, in the header X-API-KEY.");
		}
		ApiKey key = this.ring.find(new SecretKey(sent));
		if (key == null) {
			throw refusal(ErrorCode.API_KEY_INVALID, "The API key is none of this service.");
		}
		if (key.revokedAt() != null) {
			throw refusal(ErrorCode.API_KEY_REVOKED, "The API key was revoked (" + subject(key) + ").");
		}
		if (key.isExpired(Instant.now())) {
			throw refusal(ErrorCode.API_KEY_EXPIRED,
					"The API key has expired, on " + key.expiresAt() + " (" + subject(key) + ").");
		}
		return key;
	}

	private static @Nullable String sentKey(HttpServletRequest request) {
		String key = request.getHeader(HEADER);
		if (key != null) {
			return key.strip();
		}
		String authorization = request.getHeader(HttpHeaders.AUTHORIZATION);
		return (authorization != null && authorization.toLowerCase(Locale.ROOT).startsWith(BEARER))
				? authorization.substring(BEARER.length()).strip() : null;
	}

	private static String subject(ApiKey key) {
		return "key " + key.id() + ", " + key.name();
	}

	private static ProblemException refusal(ErrorCode code, String detail) {
		return new ProblemException(code, detail).withHeader(HttpHeaders.WWW_AUTHENTICATE, "Bearer");
	}

}
