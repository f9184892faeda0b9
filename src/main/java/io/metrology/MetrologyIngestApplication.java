package io.metrology;

import io.metrology.command.OperatorCommands;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.properties.ConfigurationPropertiesScan;
import org.springframework.scheduling.annotation.EnableScheduling;

/** Starts the service, or runs one of the operator's commands. */
@SpringBootApplication
@EnableScheduling
@ConfigurationPropertiesScan
public class MetrologyIngestApplication {

	public static void main(String[] args) {
		if (OperatorCommands.areMeant(args)) {
			System.exit(OperatorCommands.run(args));
		}
		SpringApplication.run(MetrologyIngestApplication.class, args);
	}

}
