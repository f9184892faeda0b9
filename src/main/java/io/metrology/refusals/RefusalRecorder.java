package io.metrology.refusals;

import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;

import io.metrology.http.load.BodyLimits;
import io.metrology.ingest.ChunkResend.Form;
import io.metrology.refusals.RefusalMetrics.Dropped;
import io.metrology.refusals.RefusalMetrics.Unrecorded;
import io.metrology.refusals.RefusalStore.Recorded;
import io.metrology.refusals.RefusedRequest.Reason;
import jakarta.annotation.PreDestroy;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.scheduling.annotation.Scheduled;
import org.springframework.stereotype.Component;

/**
 * Records refused requests. One thread writes them, one after the other. A request waits
 * for its record for a second at most, and is answered without the header then.
 *
 * <p>
 * A request that was recorded within the last second or so is only counted, and the
 * counts are written once a second. All other requests have a limit per second.
 *
 * <p>
 * Its length is that of the thread's tasks.
 */
@Component
class RefusalRecorder {

	private static final Logger log = LoggerFactory.getLogger(RefusalRecorder.class);

	private static final Duration MAX_WAIT = Duration.ofSeconds(1);

	private static final int MAX_WAITING = 50;

	/** A body without a record is read this far for its data_id. */
	private static final int FIRST_BYTES = 4096;

	private final RefusalProperties properties;

	private final RefusalStore store;

	private final RefusalMetrics metrics;

	private final BodyLimits limits;

	private final RecordingRate rate;

	private final RefusalCounts counts = new RefusalCounts();

	private final KnownRefusals known = new KnownRefusals();

	private final AtomicBoolean writingCounts = new AtomicBoolean();

	private final ThreadPoolExecutor worker = new ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS,
			new ArrayBlockingQueue<>(MAX_WAITING), RefusalRecorder::thread);

	RefusalRecorder(RefusalProperties properties, RefusalStore store, RefusalMetrics metrics, BodyLimits limits) {
		this.properties = properties;
		this.store = store;
		this.metrics = metrics;
		this.limits = limits;
		this.rate = new RecordingRate(properties.maxRate(), properties.maxBytesRate().toBytes());
	}

	/**
	 * Records a request.
	 * @param head the request without its body
	 * @param sent the body as sent
	 * @return the id of the record, or null if the request was not recorded
	 */
	@Nullable UUID record(Head head, byte[] sent) {
		KnownRefusals.Known before = this.known.find(head, sent);
		if (before != null && this.counts.addRepeated(before.id(), head.reason(), before.dataId())) {
			this.metrics.recorded();
			return before.id();
		}
		if (!this.rate.take(sent.length)) {
			return unrecorded(head, sent, Unrecorded.MAX_RATE);
		}
		AtomicReference<@Nullable RefusedRequest> written = new AtomicReference<>();
		Unrecorded failure = await(() -> write(head, sent, written));
		RefusedRequest request = written.get();
		if (failure != null || request == null) {
			return unrecorded(head, sent, (failure != null) ? failure : Unrecorded.FAILURE);
		}
		this.known.add(head, sent, request.body().id(), request.dataId());
		this.metrics.recorded();
		return request.body().id();
	}

	/** Decompresses in the one thread, so that one such body is in memory at a time. */
	private Optional<Recorded> write(Head head, byte[] sent, AtomicReference<@Nullable RefusedRequest> written) {
		RefusedBody body = RefusedBody.of(head.form(), sent, head.contentEncoding(), this.properties.maxBodyBytes(),
				this.limits.longest().inflated());
		this.rate.takeMore(body.length() - sent.length);
		RefusedRequest request = head.with(body);
		written.set(request);
		return write(request);
	}

	/** Forgets a record that was deleted, so that the same request is recorded again. */
	void forget(UUID id) {
		this.known.forget(id);
	}

	private @Nullable UUID unrecorded(Head head, byte[] sent, Unrecorded reason) {
		this.metrics.unrecorded(reason);
		if (reason != Unrecorded.STREAM_DELETED) {
			// Only the first bytes are decompressed and read.
			byte[] first = Arrays.copyOf(sent, Math.min(sent.length, FIRST_BYTES));
			this.counts.addUnrecorded(RefusedKeys.ofFirst(head.form(), first, head.contentEncoding()).dataId());
		}
		return null;
	}

	/** Returns why the request was not recorded, or null if it was. */
	private @Nullable Unrecorded await(Callable<Optional<Recorded>> write) {
		Future<Optional<Recorded>> writing;
		try {
			writing = this.worker.submit(write);
		}
		catch (RejectedExecutionException ex) {
			return Unrecorded.TIMEOUT;
		}
		try {
			return writing.get(MAX_WAIT.toMillis(), TimeUnit.MILLISECONDS).isPresent() ? null
					: Unrecorded.STREAM_DELETED;
		}
		catch (TimeoutException ex) {
			writing.cancel(false);
			return Unrecorded.TIMEOUT;
		}
		catch (ExecutionException ex) {
			log.debug("A refused chunk could not be recorded", ex);
			return Unrecorded.FAILURE;
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			return Unrecorded.TIMEOUT;
		}
	}

	private Optional<Recorded> write(RefusedRequest request) {
		Optional<Recorded> recorded = this.store.record(request);
		recorded.map(Recorded::evicted).filter((evicted) -> !evicted.isEmpty()).ifPresent((evicted) -> {
			evicted.forEach(this::forget);
			this.metrics.dropped(Dropped.MAX_TOTAL, evicted.size());
			log.warn("Deleted the {} oldest records of refused chunks to make room (metrology.refusals.max-total)",
					evicted.size());
		});
		return recorded;
	}

	/** Writes the counts. The scheduler's thread does not wait for PostgreSQL. */
	@Scheduled(fixedDelay = 1000)
	void writeCountsLater() {
		runLater(this.writingCounts, this::writeCounts);
	}

	private void writeCounts() {
		RefusalCounts.Taken taken = this.counts.take();
		if (taken == null) {
			return;
		}
		try {
			this.known.confirm(taken.records().keySet(), Set.copyOf(this.store.write(taken)));
		}
		catch (RuntimeException ex) {
			this.counts.putBack(taken);
			log.debug("The counts of refused chunks could not be written", ex);
		}
	}

	/** Deletes what is too old. */
	@Scheduled(initialDelay = 10, fixedDelay = 10, timeUnit = TimeUnit.SECONDS)
	void expireLater() {
		runLater(new AtomicBoolean(), this::expire);
	}

	private void expire() {
		try {
			int expired = this.store.expireStep(this.properties.maxAge());
			this.metrics.dropped(Dropped.MAX_AGE, expired);
			if (expired > 0) {
				log.info("Deleted {} records of refused chunks that were older than {} (metrology.refusals.max-age)",
						expired, this.properties.maxAge());
				expireLater();
			}
			this.store.expireCounts(this.properties.maxAge());
		}
		catch (RuntimeException ex) {
			log.debug("Old records of refused chunks could not be deleted", ex);
		}
	}

	private void runLater(AtomicBoolean running, Runnable task) {
		if (!running.compareAndSet(false, true)) {
			return;
		}
		try {
			this.worker.execute(() -> {
				try {
					task.run();
				}
				finally {
					running.set(false);
				}
			});
		}
		catch (RejectedExecutionException ex) {
			running.set(false);
		}
	}

	/** Writes the last counts. */
	@PreDestroy
	void close() {
		writeCountsLater();
		this.worker.shutdown();
		try {
			this.worker.awaitTermination(2 * MAX_WAIT.toMillis(), TimeUnit.MILLISECONDS);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	private static Thread thread(Runnable task) {
		Thread thread = new Thread(task, "refusals");
		thread.setDaemon(true);
		return thread;
	}

	/**
	 * A refused request without its body.
	 *
	 * @param form how the body holds its chunks
	 * @param reason why it was refused
	 * @param path its path
	 * @param query its query, or null
	 * @param contentType its {@code Content-Type}, or null
	 * @param contentEncoding its {@code Content-Encoding}, or null
	 */
	record Head(Form form, Reason reason, String path, @Nullable String query, @Nullable String contentType,
			@Nullable String contentEncoding) {

		RefusedRequest with(RefusedBody body) {
			RefusedKeys keys = RefusedKeys.of(this.form, body.content());
			return new RefusedRequest(body, this.reason, this.path, this.query, this.contentType, keys.dataId(),
					keys.channelNames(), keys.chunkIndex());
		}

	}

}
