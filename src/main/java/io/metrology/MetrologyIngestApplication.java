package io.metrology;

import java.nio.file.Path;

import io.metrology.command.Commands;
import io.metrology.launch.FastStart;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.properties.ConfigurationPropertiesScan;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.env.Environment;
import org.springframework.scheduling.annotation.EnableScheduling;
import org.springframework.util.StringUtils;

/** Starts the service, or runs a command. */
@SpringBootApplication
@EnableScheduling
@ConfigurationPropertiesScan
public class MetrologyIngestApplication {

	public static void main(String[] args) {
		FastStart.relaunch(args);
		if (Commands.areMeantBy(args)) {
			System.exit(Commands.run(args));
		}
		ConfigurableApplicationContext context = SpringApplication.run(MetrologyIngestApplication.class, args);
		if (FastStart.isTraining()) {
			System.exit(SpringApplication.exit(context));
		}
		prepareNextStart(context.getEnvironment(), args);
	}

	/** The launch copy is in the data folder, so only an embedded database has one. */
	private static void prepareNextStart(Environment settings, String[] args) {
		if (!StringUtils.hasText(settings.getProperty("spring.datasource.url"))) {
			FastStart.prepare(
					Path.of(settings.getProperty("metrology.data-dir", "./data")).toAbsolutePath().normalize(), args);
		}
	}

}
