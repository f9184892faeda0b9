package io.metrology.http;

import org.springframework.boot.tomcat.ConfigurableTomcatWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
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

	@Bean
	UrlHandlerFilter trailingSlash() {
		return UrlHandlerFilter.trailingSlashHandler("/**").wrapRequest().build();
	}

}
