package io.metrology.http.load;

import java.util.OptionalLong;

import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Reports no waiting requests, because Tomcat does not say when a request arrived. */
@Configuration(proxyBeanMethods = false)
class WaitingRequestsConfiguration {

	@Bean
	WaitingRequests waitingRequests() {
		return OptionalLong::empty;
	}

}
