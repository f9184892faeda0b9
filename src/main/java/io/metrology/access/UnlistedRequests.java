package io.metrology.access;

import java.util.Collection;
import java.util.List;
import java.util.function.Supplier;

import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.security.authorization.AuthorizationDecision;
import org.springframework.security.authorization.AuthorizationManager;
import org.springframework.security.core.Authentication;
import org.springframework.security.web.access.intercept.RequestAuthorizationContext;
import org.springframework.web.HttpRequestMethodNotSupportedException;
import org.springframework.web.servlet.mvc.method.RequestMappingInfoHandlerMapping;
import org.springframework.web.util.ServletRequestPathUtils;

/**
 * Keeps everybody from what no rule opens. Only a request with a method that its path
 * does not take passes, for the answer that says which it takes: nothing would handle it.
 */
class UnlistedRequests implements AuthorizationManager<RequestAuthorizationContext> {

	private final Collection<RequestMappingInfoHandlerMapping> mappings;

	UnlistedRequests(Collection<RequestMappingInfoHandlerMapping> mappings) {
		this.mappings = List.copyOf(mappings);
	}

	@Override
	public AuthorizationDecision authorize(Supplier<? extends @Nullable Authentication> authentication,
			RequestAuthorizationContext context) {
		HttpServletRequest request = context.getRequest();
		ServletRequestPathUtils.parseAndCache(request);
		return new AuthorizationDecision(
				this.mappings.stream().anyMatch((mapping) -> takesAnotherMethod(mapping, request)));
	}

	private static boolean takesAnotherMethod(RequestMappingInfoHandlerMapping mapping, HttpServletRequest request) {
		try {
			mapping.getHandler(request);
			return false;
		}
		catch (HttpRequestMethodNotSupportedException ex) {
			return true;
		}
		catch (Exception ex) {
			return false;
		}
	}

}
