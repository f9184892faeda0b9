package io.metrology.http;

import org.apache.coyote.http11.AbstractHttp11Protocol;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.boot.tomcat.TomcatWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Where the service listens, and how its main port stops. */
@Configuration(proxyBeanMethods = false)
class ListenerConfiguration {

	private static final Logger log = LoggerFactory.getLogger(ListenerConfiguration.class);

	@Bean
	WebServerFactoryCustomizer<TomcatWebServerFactory> listener() {
		return (factory) -> {
			factory.setProtocol(DrainingProtocol.class.getName());
			if (InheritedSocket.isPresent()) {
				log.info("Using the listening socket {} of the parent process (socket activation)",
						InheritedSocket.localAddress());
				factory.addConnectorCustomizers((connector) -> {
					if (connector.getProtocolHandler() instanceof AbstractHttp11Protocol<?>) {
						connector.setProperty("useInheritedChannel", "true");
					}
				});
			}
		};
	}

}
