package io.metrology.stream;

import jakarta.servlet.DispatcherType;

import org.springframework.boot.security.autoconfigure.web.servlet.SecurityFilterProperties;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Places the filter that registers chunk requests. */
@Configuration(proxyBeanMethods = false)
class StreamConfiguration {

	/** After Spring Security, before the filter that receives bodies. */
	private static final int FILTER_ORDER = SecurityFilterProperties.DEFAULT_FILTER_ORDER + 10;

	/** As the client sends them: another filter takes the trailing slash away. */
	private static final String[] CHUNK_PATHS = { "/metrology/stream/chunk", "/metrology/stream/chunk/",
			"/metrology/stream/chunk/multi", "/metrology/stream/chunk/multi/", "/tool-state/stream/chunk",
			"/tool-state/stream/chunk/", "/tool-state/stream/chunk/multi", "/tool-state/stream/chunk/multi/" };

	@Bean
	FilterRegistrationBean<InFlightFilter> inFlightFilter(InFlightRequests requests) {
		FilterRegistrationBean<InFlightFilter> registration = new FilterRegistrationBean<>(
				new InFlightFilter(requests));
		registration.addUrlPatterns(CHUNK_PATHS);
		registration.setDispatcherTypes(DispatcherType.REQUEST);
		registration.setOrder(FILTER_ORDER);
		return registration;
	}

}
