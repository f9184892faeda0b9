package io.metrology.http;

import org.apache.coyote.ContinueResponseTiming;
import org.apache.coyote.http11.AbstractHttp11Protocol;

import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.boot.security.autoconfigure.web.servlet.SecurityFilterProperties;
import org.springframework.boot.thread.Threading;
import org.springframework.boot.tomcat.ConfigurableTomcatWebServerFactory;
import org.springframework.boot.tomcat.autoconfigure.TomcatServerProperties;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.core.env.Environment;
import org.springframework.web.filter.UrlHandlerFilter;

/**
 * Makes Tomcat speak the API's errors, and every path reachable with a trailing slash.
 */
@Configuration(proxyBeanMethods = false)
class TomcatConfiguration {

	/** Bytes of a chunked body's extensions, and of its trailers. */
	private static final int MOST_CHUNKED_EXTRAS = 64;

	/**
	 * Comes last: of several error valves the innermost, added last, writes the answer.
	 */
	@Bean
	@Order(Ordered.LOWEST_PRECEDENCE)
	WebServerFactoryCustomizer<ConfigurableTomcatWebServerFactory> problemReports(Problems problems,
			HttpProperties properties, AdmissionProperties admission) {
		return (factory) -> factory.addContextCustomizers((context) -> context.getParent()
			.getPipeline()
			.addValve(new ProblemReportValve(problems, properties.bodyTimeout(), admission.maxRefusedBodies())));
	}

	/**
	 * Ends the start where requests could take all threads, so that health and metrics
	 * would not be answered under load. Virtual threads do not run out.
	 */
	@Bean
	WebServerFactoryCustomizer<ConfigurableTomcatWebServerFactory> sparedThreads(AdmissionProperties admission,
			TomcatServerProperties tomcat, Environment environment) {
		return (factory) -> {
			int threads = tomcat.getThreads().getMax();
			if (!Threading.VIRTUAL.isActive(environment) && admission.busyThreads() >= threads) {
				throw new InvalidConfigurationPropertyValueException("server.tomcat.threads.max", threads,
						"it must be more than the " + admission.busyThreads()
								+ " that metrology.http.admission.max-requests, max-waiting and max-refused-bodies "
								+ "come to together, so that health and metrics are answered under load");
			}
		};
	}

	/**
	 * What nobody uses cannot be sent byte by byte either: a thread waits for each.
	 */
	@Bean
	WebServerFactoryCustomizer<ConfigurableTomcatWebServerFactory> chunkedExtras() {
		return (factory) -> factory.addConnectorCustomizers((connector) -> {
			if (connector.getProtocolHandler() instanceof AbstractHttp11Protocol<?> http) {
				http.setMaxExtensionSize(MOST_CHUNKED_EXTRAS);
				http.setMaxTrailerSize(MOST_CHUNKED_EXTRAS);
			}
		});
	}

	@Bean
	WebServerFactoryCustomizer<ConfigurableTomcatWebServerFactory> headerCount(HttpProperties properties) {
		return (factory) -> factory.addConnectorCustomizers((connector) -> {
			if (connector.getProtocolHandler() instanceof AbstractHttp11Protocol<?> http) {
				http.setMaxHeaderCount(properties.maxHeaders());
			}
		});
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
