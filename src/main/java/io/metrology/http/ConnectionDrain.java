package io.metrology.http;

import java.util.concurrent.TimeUnit;

import io.metrology.http.load.WaitingRequests;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.boot.tomcat.TomcatWebServer;
import org.springframework.boot.web.server.Shutdown;
import org.springframework.boot.web.server.autoconfigure.ServerProperties;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.boot.web.server.context.WebServerGracefulShutdownLifecycle;
import org.springframework.context.ApplicationContext;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;

/**
 * The first phase of a stop. The service closes its listening socket and answers the
 * requests that have arrived, and the next request of each open connection. Each of these
 * answers closes its connection. The next phase refuses further requests.
 */
@Component
class ConnectionDrain implements SmartLifecycle {

	private static final Logger log = LoggerFactory.getLogger(ConnectionDrain.class);

	private static final int POLL_MILLIS = 20;

	/**
	 * A client whose answer has just left may need a moment to send its next request.
	 */
	private static final int QUIET_POLLS = 3;

	private final ApplicationContext context;

	private final StopProperties properties;

	private final ServerProperties server;

	private final WaitingRequests waiting;

	private volatile boolean running;

	ConnectionDrain(ApplicationContext context, WaitingRequests waiting, StopProperties properties,
			ServerProperties server) {
		this.context = context;
		this.waiting = waiting;
		this.properties = properties;
		this.server = server;
	}

	@Override
	public void start() {
		this.running = true;
	}

	/** Higher phases stop first. */
	@Override
	public int getPhase() {
		return WebServerGracefulShutdownLifecycle.SMART_LIFECYCLE_PHASE + 1;
	}

	@Override
	public boolean isRunning() {
		return this.running;
	}

	/** A paused service keeps its connections. */
	@Override
	public boolean isPauseable() {
		return false;
	}

	@Override
	public void stop() {
		this.running = false;
		if (this.server.getShutdown() == Shutdown.GRACEFUL && this.context instanceof WebServerApplicationContext web
				&& web.getWebServer() instanceof TomcatWebServer tomcat
				&& tomcat.getTomcat().getConnector().getProtocolHandler() instanceof DrainingProtocol protocol) {
			drain(protocol);
		}
	}

	private void drain(DrainingProtocol protocol) {
		long begin = System.nanoTime();
		protocol.closeListeningSocket();
		try {
			int quiet = 0;
			while (protocol.openConnections() > 0 && isBefore(begin, this.properties.maxWait().toNanos())) {
				quiet = isBusy(protocol) ? 0 : quiet + 1;
				if (quiet > QUIET_POLLS && !isBefore(begin, this.properties.maxIdleWait().toNanos())) {
					return;
				}
				TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
			}
			if (isBusy(protocol)) {
				log.warn("Some requests had no answer {} after the stop began (metrology.http.stop.max-wait)",
						this.properties.maxWait());
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	private boolean isBusy(DrainingProtocol protocol) {
		return this.waiting.oldestArrival().isPresent() || protocol.isBusy();
	}

	private static boolean isBefore(long begin, long nanos) {
		return System.nanoTime() - begin < nanos;
	}

}
