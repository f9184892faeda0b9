package io.metrology.database;

import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.event.ApplicationContextInitializedEvent;
import org.springframework.boot.context.event.ApplicationEnvironmentPreparedEvent;
import org.springframework.boot.context.event.ApplicationFailedEvent;
import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.context.ApplicationEvent;
import org.springframework.context.ApplicationListener;
import org.springframework.core.env.Environment;
import org.springframework.util.StringUtils;

/**
 * Begins to start the embedded server as soon as the settings are known. The server and
 * the application context then start at the same time.
 */
class EarlyServerStart implements ApplicationListener<ApplicationEvent> {

	private static final int MAX_PORT = 65535;

	private @Nullable ServerStart start;

	@Override
	public void onApplicationEvent(ApplicationEvent event) {
		if (event instanceof ApplicationEnvironmentPreparedEvent prepared) {
			this.start = begin(prepared.getEnvironment());
		}
		else if (event instanceof ApplicationContextInitializedEvent initialized && this.start != null) {
			initialized.getApplicationContext().getBeanFactory().registerSingleton("serverStart", this.start);
		}
		else if (event instanceof ApplicationFailedEvent && this.start != null) {
			this.start.abandon();
		}
	}

	/** Leaves settings that are not valid to the application context. */
	private static @Nullable ServerStart begin(Environment settings) {
		if (StringUtils.hasText(settings.getProperty("spring.datasource.url"))) {
			return null;
		}
		try {
			Binder binder = Binder.get(settings);
			DataDirProperties dataDir = binder.bindOrCreate("metrology", DataDirProperties.class);
			int port = binder.bindOrCreate("metrology.database", DatabaseProperties.class).embeddedPort();
			return (StringUtils.hasText(dataDir.dataDir()) && port >= 0 && port <= MAX_PORT)
					? ServerStart.begin(dataDir.path(), port) : null;
		}
		catch (BindException ex) {
			return null;
		}
	}

}
