package io.metrology.contract;

import java.util.List;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import org.slf4j.LoggerFactory;

/** What the service logs while it is open. */
final class ServiceLog implements AutoCloseable {

	private final Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);

	private final ListAppender<ILoggingEvent> appender = new ListAppender<>();

	private ServiceLog() {
		this.appender.start();
		this.root.addAppender(this.appender);
	}

	static ServiceLog open() {
		return new ServiceLog();
	}

	/** The lines above DEBUG. */
	List<ILoggingEvent> lines() {
		synchronized (this.appender) {
			return this.appender.list.stream().filter((line) -> line.getLevel().isGreaterOrEqual(Level.INFO)).toList();
		}
	}

	@Override
	public void close() {
		this.root.detachAppender(this.appender);
	}

}
