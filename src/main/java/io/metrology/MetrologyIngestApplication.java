package io.metrology;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.properties.ConfigurationPropertiesScan;
import org.springframework.scheduling.annotation.EnableScheduling;

/** Starts the service. */
@SpringBootApplication
@EnableScheduling
@ConfigurationPropertiesScan
public class MetrologyIngestApplication {

	public static void main(String[] args) {
		SpringApplication.run(MetrologyIngestApplication.class, args);
	}

}
