package io.metrology.command;

import java.util.List;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.context.config.ConfigDataEnvironmentPostProcessor;
import org.springframework.boot.support.SpringApplicationJsonEnvironmentPostProcessor;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.SimpleCommandLinePropertySource;
import org.springframework.core.env.StandardEnvironment;

/**
 * The settings of the service, for its commands: from the same places, with the same
 * precedence, but without starting anything. They are read when first asked for, so that
 * {@code --help} needs none.
 */
class Settings {

	private final List<String> arguments;

	/**
	 * Makes settings.
	 * @param arguments those of the command line, {@code --name.of.setting=value}
	 */
	Settings(List<String> arguments) {
		this.arguments = arguments;
	}

	ConfigurableEnvironment read() {
		StandardEnvironment settings = new StandardEnvironment();
		settings.getPropertySources()
			.addFirst(new SimpleCommandLinePropertySource(this.arguments.toArray(String[]::new)));
		new SpringApplicationJsonEnvironmentPostProcessor().postProcessEnvironment(settings, new SpringApplication());
		ConfigDataEnvironmentPostProcessor.applyTo(settings);
		return settings;
	}

}
