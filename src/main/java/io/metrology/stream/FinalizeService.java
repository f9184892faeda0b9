package io.metrology.stream;

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;

import io.metrology.http.Caller;
import io.metrology.http.ProblemException;
import io.metrology.http.Sqlstate;
import io.metrology.http.load.RequestDeadline;
import io.metrology.stream.InFlightRequests.Snapshot;
import io.metrology.stream.Instances.LiveInstances;
import io.metrology.stream.Manifest.Holding;
import io.metrology.stream.StreamStore.Activity;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.SmartLifecycle;
import org.springframework.dao.DataAccessException;
import org.springframework.stereotype.Service;
import org.springframework.transaction.TransactionException;

/**
 * Finalizes streams. Clients push without waiting for answers, so the last chunks of a
 * stream are possibly still arriving when its end is announced. One thread looks after
 * all waiting finalize requests: each look asks PostgreSQL once for all their streams. A
 * stream that is quiet, and has no request in flight, goes to {@link StreamSealer}.
 */
@Service
class FinalizeService implements SmartLifecycle {

	private static final Logger log = LoggerFactory.getLogger(FinalizeService.class);

	private static final int LOOKS_PER_QUIET_PERIOD = 10;

	private static final Duration MIN_PAUSE = Duration.ofMillis(10);

	private static final Duration MAX_PAUSE = Duration.ofMillis(200);

	/** After the requests that had arrived are answered, before the web server stops. */
	private static final int PHASE = WebServerApplicationContext.GRACEFUL_SHUTDOWN_PHASE - 512;

	private final Set<FinalizeWait> waits = ConcurrentHashMap.newKeySet();

	private final AtomicBoolean looksSoon = new AtomicBoolean();

	private final ScheduledExecutorService loop = Executors
		.newSingleThreadScheduledExecutor((work) -> daemon(work, "finalize"));

	/** Runs also while the other thread waits for PostgreSQL. */
	private final ScheduledExecutorService deadlines = Executors
		.newSingleThreadScheduledExecutor((work) -> daemon(work, "finalize-deadline"));

	private final StreamStore store;

	private final StreamSealer sealer;

	private final InFlightRequests requests;

	private final Instances instances;

	private final FinalizeProperties properties;

	private volatile boolean running;

	FinalizeService(StreamStore store, StreamSealer sealer, InFlightRequests requests, Instances instances,
			FinalizeProperties properties, MeterRegistry registry) {
		this.store = store;
		this.sealer = sealer;
		this.requests = requests;
		this.instances = instances;
		this.properties = properties;
		Gauge.builder("metrology.stream.finalize.waiting", this.waits, Set::size)
			.baseUnit("requests")
			.description("Finalize requests that wait for their stream")
			.register(registry);
		long pause = pause(properties.quietPeriod()).toMillis();
		this.loop.scheduleWithFixedDelay(this::look, pause, pause, TimeUnit.MILLISECONDS);
		this.deadlines.scheduleWithFixedDelay(() -> this.waits.forEach(FinalizeWait::endAtDeadline),
				MAX_PAUSE.toMillis(), MAX_PAUSE.toMillis(), TimeUnit.MILLISECONDS);
	}

	static Thread daemon(Runnable work, String name) {
		Thread thread = new Thread(work, name);
		thread.setDaemon(true);
		return thread;
	}

	private static Duration pause(Duration quietPeriod) {
		Duration pause = quietPeriod.dividedBy(LOOKS_PER_QUIET_PERIOD);
		if (pause.compareTo(MIN_PAUSE) < 0) {
			return MIN_PAUSE;
		}
		return (pause.compareTo(MAX_PAUSE) > 0) ? MAX_PAUSE : pause;
	}

	/**
	 * Starts to wait until no request for a stream is in flight and the stream is quiet.
	 * If the stream matches the manifest, it need not be quiet. While PostgreSQL does not
	 * answer the wait goes on.
	 * @return the wait, which ends with the finalized stream or with a
	 * {@link ProblemException}: {@code stream_unknown}, {@code stream_deleted},
	 * {@code manifest_mismatch}, {@code overloaded}, {@code stopping} or
	 * {@code database_unavailable}
	 */
	FinalizeWait begin(UUID dataId, @Nullable Manifest manifest, Caller caller, RequestDeadline deadline) {
		FinalizeWait wait = new FinalizeWait(dataId, manifest, caller, deadline, this.properties);
		this.waits.add(wait);
		wait.answer().whenComplete((activity, failure) -> this.waits.remove(wait));
		try {
			lookSoon();
		}
		catch (RejectedExecutionException ex) {
			wait.answer().completeExceptionally(ProblemException.stopping(ex));
		}
		return wait;
	}

	/** Requests that begin together share the look. */
	private void lookSoon() {
		if (this.looksSoon.compareAndSet(false, true)) {
			this.loop.schedule(() -> {
				this.looksSoon.set(false);
				look();
			}, MIN_PAUSE.toMillis(), TimeUnit.MILLISECONDS);
		}
	}

	private void look() {
		List<FinalizeWait> waiting = this.waits.stream().filter((wait) -> !wait.isSealing()).toList();
		if (waiting.isEmpty()) {
			return;
		}
		try {
			look(waiting);
		}
		catch (DataAccessException | TransactionException ex) {
			waiting.forEach((wait) -> wait.failed(ex, Sqlstate.of(ex).isWorthRetrying()));
		}
		catch (RuntimeException | Error ex) {
			// The loop must go on, also after an OutOfMemoryError.
			waiting.forEach((wait) -> wait.answer().completeExceptionally(ex));
			log.error("Finalize failed", ex);
		}
	}

	/**
	 * Reads the streams before the requests in flight. A request that is answered in
	 * between has changed its stream, so the stream is not finalized yet.
	 */
	private void look(List<FinalizeWait> waiting) {
		Set<UUID> dataIds = waiting.stream().map(FinalizeWait::dataId).collect(Collectors.toSet());
		Map<UUID, Activity> activities = this.store.activities(dataIds);
		Snapshot here = this.requests.snapshot();
		waiting.forEach((wait) -> note(wait, activities.get(wait.dataId()), here));
		compareManifests(waiting);
		List<FinalizeWait> due = waiting.stream().filter((wait) -> !wait.isAnswered() && wait.isDue()).toList();
		if (!due.isEmpty()) {
			LiveInstances others = this.instances.read(dataIds);
			this.sealer.submit(due.stream().filter((wait) -> isClear(wait, here, others)).toList());
		}
	}

	private void note(FinalizeWait wait, @Nullable Activity activity, Snapshot here) {
		if (activity == null) {
			wait.answer().completeExceptionally(StreamService.unknown(wait.dataId()));
		}
		else if (activity.isDeleted()) {
			wait.answer().completeExceptionally(StreamService.deleted(wait.dataId()));
		}
		else if (activity.isFinalized()) {
			this.sealer.confirm(wait, activity);
		}
		else {
			wait.look(activity.changes());
			if (here.hasComplete(wait.dataId())) {
				// It is about to be committed.
				wait.disturb();
			}
		}
	}

	/** Compares the streams that have changed, in one query. */
	private void compareManifests(List<FinalizeWait> waiting) {
		List<FinalizeWait> changed = waiting.stream().filter(FinalizeWait::needsComparison).toList();
		if (changed.isEmpty()) {
			return;
		}
		Map<UUID, Map<String, Holding>> holdings = this.store.holdings(ids(changed));
		changed.forEach((wait) -> wait.compare(holdings.getOrDefault(wait.dataId(), Map.of())));
	}

	private static Collection<UUID> ids(List<FinalizeWait> waits) {
		return waits.stream().map(FinalizeWait::dataId).collect(Collectors.toSet());
	}

	private static boolean isClear(FinalizeWait wait, Snapshot here, LiveInstances others) {
		boolean clear = !here.hasOlder(wait.dataId(), wait.arrivedAt())
				&& others.areClear(wait.dataId(), wait.arrival(others.clock()));
		if (!clear && wait.isGivenUp()) {
			wait.giveUp();
		}
		return clear;
	}

	@Override
	public void start() {
		this.running = true;
	}

	/** Leaves the streams open whose requests still wait. */
	@Override
	public void stop() {
		this.running = false;
		this.loop.shutdownNow();
		this.deadlines.shutdownNow();
		this.sealer.stop();
		this.waits.forEach((wait) -> wait.answer().completeExceptionally(ProblemException.stopping(null)));
	}

	@Override
	public boolean isRunning() {
		return this.running;
	}

	@Override
	public int getPhase() {
		return PHASE;
	}

}
