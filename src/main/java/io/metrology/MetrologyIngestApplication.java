package io.metrology;

import io.metrology.command.Commands;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.properties.ConfigurationPropertiesScan;
import org.springframework.scheduling.annotation.EnableScheduling;

/** Starts the service, or runs a command. */
@SpringBootApplication
@EnableScheduling
@ConfigurationPropertiesScan
public class MetrologyIngestApplication {

	public static void main(String[] args) {
		if (Commands.areMeantBy(args)) {
			System.exit(Commands.run(args));
		}
		SpringApplication.run(MetrologyIngestApplication.class, args);
	}

}
