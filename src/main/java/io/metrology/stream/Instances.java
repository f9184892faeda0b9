package io.metrology.stream;

import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

import io.metrology.stream.InFlightRequests.Snapshot;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;

/**
 * Tells the other instances which requests are in flight here, once a second. A short
 * quiet period shortens the interval. The first report is written before the web server
 * accepts requests. The row is deleted after the web server has stopped.
 */
@Component
class Instances implements SmartLifecycle {

	private static final Logger log = LoggerFactory.getLogger(Instances.class);

	private static final Duration MAX_INTERVAL = Duration.ofSeconds(1);

	private static final Duration MIN_INTERVAL = Duration.ofMillis(100);

	/** The other instances have written again by then, if the rows were lost. */
	private static final Duration RECOVERY = Duration.ofSeconds(5);

	private static final int REPORTS_PER_CLEANUP = 60;

	private static final int PHASE_BEFORE_WEB_SERVER = WebServerApplicationContext.START_STOP_LIFECYCLE_PHASE - 512;

	private final UUID instanceId = UUID.randomUUID();

	private final InstanceStore store;

	private final InFlightRequests requests;

	private final Duration interval;

	private final ScheduledExecutorService reporter = Executors
		.newSingleThreadScheduledExecutor((work) -> FinalizeService.daemon(work, "instance-report"));

	/** A request that just got its thread is possibly not registered yet. */
	private OptionalLong waitingBefore = OptionalLong.empty();

	private long reports;

	private volatile boolean running;

	private volatile long lostAt = System.nanoTime() - RECOVERY.toNanos();

	Instances(InstanceStore store, InFlightRequests requests, FinalizeProperties properties) {
		this.store = store;
		this.requests = requests;
		this.interval = interval(properties.quietPeriod());
	}

	/** Twice in a quiet period, so that the reports do not prolong the wait. */
	private static Duration interval(Duration quietPeriod) {
		Duration interval = quietPeriod.dividedBy(2);
		if (interval.compareTo(MIN_INTERVAL) < 0) {
			return MIN_INTERVAL;
		}
		return (interval.compareTo(MAX_INTERVAL) > 0) ? MAX_INTERVAL : interval;
	}

	@Override
	public void start() {
		this.running = true;
		report();
		this.reporter.scheduleWithFixedDelay(this::report, this.interval.toMillis(), this.interval.toMillis(),
				TimeUnit.MILLISECONDS);
	}

	@Override
	public void stop() {
		this.running = false;
		this.reporter.shutdown();
		try {
			this.reporter.awaitTermination(MAX_INTERVAL.toSeconds(), TimeUnit.SECONDS);
			this.store.delete(this.instanceId);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
		catch (RuntimeException ex) {
			log.debug("The row of this instance was not deleted", ex);
		}
	}

	@Override
	public boolean isRunning() {
		return this.running;
	}

	@Override
	public int getPhase() {
		return PHASE_BEFORE_WEB_SERVER;
	}

	/** Reads what the live instances reported. */
	LiveInstances read(Collection<UUID> dataIds) {
		DatabaseClock clock = this.store.clock();
		List<InstanceReport> reports = this.store.live(dataIds);
		boolean complete = System.nanoTime() - this.lostAt >= RECOVERY.toNanos()
				&& reports.stream().anyMatch((report) -> report.instanceId().equals(this.instanceId));
		return new LiveInstances(clock, complete,
				reports.stream().filter((report) -> !report.instanceId().equals(this.instanceId)).toList());
	}

	private void report() {
		try {
			DatabaseClock clock = this.store.clock();
			Snapshot snapshot = this.requests.snapshot();
			snapshot.addWaiting(this.waitingBefore);
			this.waitingBefore = snapshot.oldestWaiting();
			write(report(snapshot, clock));
		}
		catch (RuntimeException | Error ex) {
			// The next report follows in a second, also after an OutOfMemoryError. Until
			// then finalize waits.
			log.debug("The row of this instance was not written", ex);
		}
	}

	private void write(InstanceReport report) {
		if (!this.store.update(report)) {
			if (this.reports > 0) {
				// A crash of PostgreSQL or a failover has emptied the table.
				this.lostAt = System.nanoTime();
			}
			this.store.insert(report);
		}
		if (this.reports++ % REPORTS_PER_CLEANUP == 0) {
			this.store.deleteOld();
		}
	}

	/** The times are early rather than late, so that no older request is overlooked. */
	private InstanceReport report(Snapshot snapshot, DatabaseClock clock) {
		Map<UUID, Instant> oldestByStream = new HashMap<>();
		snapshot.oldestByStream().forEach((dataId, arrival) -> oldestByStream.put(dataId, clock.earliest(arrival)));
		OptionalLong unknown = snapshot.oldestUnknown();
		return new InstanceReport(this.instanceId, clock.earliest(snapshot.takenAt()),
				unknown.isPresent() ? clock.earliest(unknown.getAsLong()) : null, oldestByStream);
	}

	/**
	 * The reports of the other live instances.
	 *
	 * @param clock the clock of the database when they were read
	 * @param isComplete whether no live instance can be missing
	 * @param others the reports
	 */
	record LiveInstances(DatabaseClock clock, boolean isComplete, List<InstanceReport> others) {

		/** Returns whether no other instance has an older request for a stream. */
		boolean areClear(UUID dataId, Instant arrival) {
			return this.isComplete && this.others.stream().allMatch((report) -> report.isClear(dataId, arrival));
		}

	}

}
