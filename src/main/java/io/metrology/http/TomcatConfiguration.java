package io.metrology.http;

import org.apache.coyote.ContinueResponseTiming;
import org.apache.coyote.http11.AbstractHttp11Protocol;

import org.springframework.boot.security.autoconfigure.web.servlet.SecurityFilterProperties;
import org.springframework.boot.tomcat.ConfigurableTomcatWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.web.filter.UrlHandlerFilter;

/**
 * Makes Tomcat speak the API's errors, and every path reachable with a trailing slash.
 */
@Configuration(proxyBeanMethods = false)
class TomcatConfiguration {

	/**
	 * Comes last: of several error valves the innermost, added last, writes the answer.
	 */
	@Bean
	@Order(Ordered.LOWEST_PRECEDENCE)
	WebServerFactoryCustomizer<ConfigurableTomcatWebServerFactory> problemReports(Problems problems,
			HttpProperties properties) {
		return (factory) -> factory.addContextCustomizers((context) -> context.getParent()
			.getPipeline()
			.addValve(new ProblemReportValve(problems, properties.bodyTimeout())));
	}

	/**
	 * Lets a client that waits for 100 Continue keep a body whose headers are refused.
	 */
	@Bean
	WebServerFactoryCustomizer<ConfigurableTomcatWebServerFactory> lateContinue() {
		return (factory) -> factory.addConnectorCustomizers((connector) -> {
			if (connector.getProtocolHandler() instanceof AbstractHttp11Protocol<?> http) {
				http.setContinueResponseTiming(ContinueResponseTiming.ON_REQUEST_BODY_READ.toString());
			}
		});
	}

	/** Comes before what looks at paths. */
	@Bean
	FilterRegistrationBean<UrlHandlerFilter> trailingSlash() {
		FilterRegistrationBean<UrlHandlerFilter> registration = new FilterRegistrationBean<>(
				UrlHandlerFilter.trailingSlashHandler("/**").wrapRequest().build());
		registration.setOrder(SecurityFilterProperties.DEFAULT_FILTER_ORDER - 1);
		return registration;
	}

}
