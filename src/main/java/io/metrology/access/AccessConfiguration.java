package io.metrology.access;

import java.util.List;
import java.util.Map;

import io.metrology.http.ErrorCode;
import io.metrology.http.ProblemException;
import jakarta.servlet.http.HttpServletRequest;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpMethod;
import org.springframework.security.authorization.AuthorityAuthorizationDecision;
import org.springframework.security.authorization.AuthorizationDeniedException;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.annotation.web.configurers.AbstractHttpConfigurer;
import org.springframework.security.config.observation.SecurityObservationSettings;
import org.springframework.security.core.GrantedAuthority;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.access.intercept.AuthorizationFilter;
import org.springframework.security.web.firewall.RequestRejectedHandler;
import org.springframework.security.web.firewall.StrictHttpFirewall;
import org.springframework.web.servlet.HandlerExceptionResolver;
import org.springframework.web.servlet.mvc.method.RequestMappingInfoHandlerMapping;

/**
 * Which scope opens which requests. What is not listed is closed.
 */
@Configuration(proxyBeanMethods = false)
class AccessConfiguration {

	private static final String[] API = { "/metrology/**", "/tool-state/**" };

	/** For load balancers and orchestrators, and for Prometheus where that is wanted. */
	@Bean
	@Order(1)
	SecurityFilterChain openRequests(HttpSecurity http, AccessProperties properties) {
		String[] open = properties.openMetrics()
				? new String[] { "/actuator/health", "/actuator/health/**", "/actuator/prometheus" }
				: new String[] { "/actuator/health", "/actuator/health/**" };
		return bare(http).headers(AbstractHttpConfigurer::disable)
			.securityMatcher(open)
			.authorizeHttpRequests((requests) -> requests.anyRequest().permitAll())
			.build();
	}

	@Bean
	@Order(2)
	SecurityFilterChain requestsByScope(HttpSecurity http, ApiKeyRing ring, AccessGate gate,
			AccessProperties properties, Map<String, RequestMappingInfoHandlerMapping> mappings,
			@Qualifier("handlerExceptionResolver") HandlerExceptionResolver problems) {
		if (!properties.corsOrigins().isEmpty()) {
			http.addFilter(new TrustedOrigins(properties.corsOrigins(), problems).filter());
		}
		return bare(http).headers((headers) -> headers.defaultsDisabled().addHeaderWriter(BrowserHeaders.onReads()))
			.addFilterBefore(new ApiKeyFilter(ring, gate, properties.corsOrigins(), problems),
					AuthorizationFilter.class)
			.authorizeHttpRequests((requests) -> requests.requestMatchers(HttpMethod.POST, API)
				.hasAuthority(Scope.WRITE.label())
				.requestMatchers(HttpMethod.PATCH, API)
				.hasAuthority(Scope.WRITE.label())
				.requestMatchers(HttpMethod.DELETE, API)
				.hasAuthority(Scope.DELETE.label())
				.requestMatchers(HttpMethod.GET, API)
				.hasAuthority(Scope.READ.label())
				.requestMatchers(HttpMethod.HEAD, API)
				.hasAuthority(Scope.READ.label())
				.requestMatchers("/openapi.yaml", "/actuator", "/actuator/prometheus")
				.hasAuthority(Scope.READ.label())
				.requestMatchers("/api-keys", "/api-keys/*")
				.hasAuthority(Scope.ADMIN.label())
				.requestMatchers(HttpMethod.OPTIONS, API)
				.authenticated()
				.anyRequest()
				.access(new UnlistedRequests(mappings.values())))
			.exceptionHandling((handling) -> handling.accessDeniedHandler((request, response, denied) -> problems
				.resolveException(request, response, null, refusal(request, denied))))
			.build();
	}

	/**
	 * What Spring Security switches on by itself is for people with browsers and
	 * passwords.
	 */
	private static HttpSecurity bare(HttpSecurity http) {
		return http.csrf(AbstractHttpConfigurer::disable)
			.sessionManagement(AbstractHttpConfigurer::disable)
			.securityContext(AbstractHttpConfigurer::disable)
			.requestCache(AbstractHttpConfigurer::disable)
			.anonymous(AbstractHttpConfigurer::disable)
			.servletApi(AbstractHttpConfigurer::disable)
			.logout(AbstractHttpConfigurer::disable);
	}

	private static ProblemException refusal(HttpServletRequest request, Exception denied) {
		if (denied instanceof AuthorizationDeniedException refused
				&& refused.getAuthorizationResult() instanceof AuthorityAuthorizationDecision decision) {
			List<String> scopes = decision.getAuthorities().stream().map(GrantedAuthority::getAuthority).toList();
			return new ProblemException(ErrorCode.SCOPE_MISSING,
					"The API key lacks the scope " + String.join(", ", scopes) + ", which this needs.");
		}
		return ProblemException.nothingServed(request);
	}

	/**
	 * Only paths are looked at: of headers, methods and parameters the service itself
	 * says what is wrong with them.
	 */
	@Bean
	StrictHttpFirewall pathFirewall() {
		StrictHttpFirewall firewall = new StrictHttpFirewall();
		firewall.setUnsafeAllowAnyHttpMethod(true);
		firewall.setAllowedHeaderNames((name) -> true);
		firewall.setAllowedHeaderValues((value) -> true);
		firewall.setAllowedParameterNames((name) -> true);
		firewall.setAllowedParameterValues((value) -> true);
		return firewall;
	}

	@Bean
	RequestRejectedHandler rejectedPaths(@Qualifier("handlerExceptionResolver") HandlerExceptionResolver problems) {
		return (request, response, rejected) -> problems.resolveException(request, response, null,
				new ProblemException(ErrorCode.INVALID_REQUEST,
						"The path is not in its plain form: it must have no //, ; or escaped slashes."));
	}

	/** The time that a request takes in filters is no figure of its own. */
	@Bean
	SecurityObservationSettings securityObservations() {
		return SecurityObservationSettings.noObservations();
	}

}
