package io.metrology.command;

import io.metrology.database.OperatedDatabase;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;

/**
 * The settings of the service, from the same files and environment, without the service.
 */
@Configuration(proxyBeanMethods = false)
class Settings {

	/**
	 * Opens the database that they name; close it.
	 * @param mayCreate whether a data folder that does not exist is to be made
	 */
	static OperatedDatabase database(boolean mayCreate) {
		try (ConfigurableApplicationContext settings = new SpringApplicationBuilder(Settings.class)
			.web(WebApplicationType.NONE)
			.registerShutdownHook(false)
			.run("--logging.level.root=off", "--logging.level.io.metrology=off")) {
			return OperatedDatabase.open(settings.getEnvironment(), mayCreate);
		}
	}

}
