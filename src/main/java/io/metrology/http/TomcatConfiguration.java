package io.metrology.http;

import io.metrology.http.load.Connections;
import io.metrology.http.load.CoyoteRequestValve;
import io.metrology.http.load.WorkerPool;
import org.apache.catalina.connector.Connector;
import org.apache.coyote.ContinueResponseTiming;
import org.apache.coyote.http11.AbstractHttp11Protocol;
import org.apache.coyote.http11.Http11NioProtocol;

import org.springframework.boot.security.autoconfigure.web.servlet.SecurityFilterProperties;
import org.springframework.boot.tomcat.ConfigurableTomcatWebServerFactory;
import org.springframework.boot.tomcat.servlet.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.core.env.Environment;
import org.springframework.web.filter.UrlHandlerFilter;

/**
 * Configures Tomcat: the API's errors, the threads and connections, the port for
 * operators, and every path reachable with a trailing slash.
 */
@Configuration(proxyBeanMethods = false)
class TomcatConfiguration {

	private static final String MAX_CONNECTIONS = "server.tomcat.max-connections";

	/** Max bytes of the extensions and of the trailers of a chunked body. */
	private static final int MAX_CHUNKED_EXTRAS = 64;

	private static final int OPERATOR_THREADS = 4;

	private static final int OPERATOR_CONNECTIONS = 64;

	private static final int OPERATOR_TIMEOUT_MILLIS = 10_000;

	/**
	 * Comes last: of several error valves the innermost, added last, writes the answer.
	 */
	@Bean
	@Order(Ordered.LOWEST_PRECEDENCE)
	WebServerFactoryCustomizer<ConfigurableTomcatWebServerFactory> valves(Problems problems,
			HttpProperties properties) {
		return (factory) -> factory.addContextCustomizers((context) -> {
			context.getParent().getPipeline().addValve(new CoyoteRequestValve());
			context.getParent()
				.getPipeline()
				.addValve(new ProblemReportValve(problems, properties.bodyTimeout(), properties.maxRefusedBodies()));
		});
	}

	/**
	 * Requests wait for a thread in the queue of {@link WorkerPool}. The number of
	 * connections follows from the heap, unless it is set.
	 */
	@Bean
	WebServerFactoryCustomizer<ConfigurableTomcatWebServerFactory> load(WorkerPool workers, Connections connections,
			Environment environment) {
		return (factory) -> factory.addConnectorCustomizers((connector) -> {
			if (connector.getProtocolHandler() instanceof AbstractHttp11Protocol<?> http) {
				http.setExecutor(workers);
				if (environment.getProperty(MAX_CONNECTIONS) == null) {
					http.setMaxConnections(Connections.defaultMax());
				}
				connections.count(http);
			}
		});
	}

	@Bean
	WebServerFactoryCustomizer<ConfigurableTomcatWebServerFactory> limits(HttpProperties properties) {
		return (factory) -> factory.addConnectorCustomizers((connector) -> limit(connector, properties));
	}

	/**
	 * Health and metrics on a port of their own, with threads and connections of their
	 * own. They answer even if all connections of the main port are in use.
	 */
	@Bean
	WebServerFactoryCustomizer<TomcatServletWebServerFactory> operatorPort(HttpProperties properties) {
		return (factory) -> {
			if (properties.operatorPort() == 0) {
				return;
			}
			Http11NioProtocol http = new Http11NioProtocol();
			http.setAddress(factory.getAddress());
			http.setMaxThreads(OPERATOR_THREADS);
			http.setMinSpareThreads(1);
			http.setMaxConnections(OPERATOR_CONNECTIONS);
			http.setConnectionTimeout(OPERATOR_TIMEOUT_MILLIS);
			http.setKeepAliveTimeout(OPERATOR_TIMEOUT_MILLIS);
			Connector connector = new Connector(http);
			connector.setPort(properties.operatorPort());
			connector.setThrowOnFailure(true);
			limit(connector, properties);
			factory.addAdditionalConnectors(connector);
		};
	}

	private static void limit(Connector connector, HttpProperties properties) {
		if (connector.getProtocolHandler() instanceof AbstractHttp11Protocol<?> http) {
			http.setMaxHeaderCount(properties.maxHeaders());
			// Nobody uses extensions and trailers, and a thread waits for each byte.
			http.setMaxExtensionSize(MAX_CHUNKED_EXTRAS);
			http.setMaxTrailerSize(MAX_CHUNKED_EXTRAS);
			// A client that waits for 100 Continue keeps its body if its headers are
			// refused.
			http.setContinueResponseTiming(ContinueResponseTiming.ON_REQUEST_BODY_READ.toString());
		}
	}

	/** Comes before the filters that look at paths. */
	@Bean
	FilterRegistrationBean<UrlHandlerFilter> trailingSlash() {
		FilterRegistrationBean<UrlHandlerFilter> registration = new FilterRegistrationBean<>(
				UrlHandlerFilter.trailingSlashHandler("/**").wrapRequest().build());
		registration.setOrder(SecurityFilterProperties.DEFAULT_FILTER_ORDER - 1);
		return registration;
	}

}
