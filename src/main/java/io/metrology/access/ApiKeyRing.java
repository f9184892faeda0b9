package io.metrology.access;

import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

import jakarta.annotation.PreDestroy;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.dao.DataAccessException;
import org.springframework.dao.QueryTimeoutException;
import org.springframework.scheduling.annotation.Scheduled;
import org.springframework.stereotype.Component;

/**
 * All keys in memory, so that no request waits for the database to let it in. They are
 * read anew every second, and at once where a key is not among them. While the database
 * is away those known stay valid: without it they open nothing.
 */
@Component
class ApiKeyRing {

	private static final Logger log = LoggerFactory.getLogger(ApiKeyRing.class);

	private static final long MOST_SECONDS_TO_WAIT = 1;

	private final ApiKeyStore store;

	private final Set<UUID> used = ConcurrentHashMap.newKeySet();

	private final ReentrantLock reading = new ReentrantLock();

	/** Why the last reading failed, or null where it did not. */
	private volatile @Nullable DataAccessException failure;

	private volatile Snapshot snapshot = new Snapshot(Map.of(), Long.MIN_VALUE);

	ApiKeyRing(ApiKeyStore store) {
		this.store = store;
	}

	/** Whether no key was ever made. */
	boolean isEmpty() {
		return this.snapshot.keys().isEmpty();
	}

	/**
	 * The key of a secret, be it expired or revoked, or null where there is none.
	 * @throws DataAccessException where it is not known, and the database is away: at
	 * once, or after a second where that is not known yet, so that those with wrong keys
	 * do not take the places of those with right ones
	 */
	@Nullable ApiKey find(SecretKey secret) {
		long asked = System.nanoTime();
		ByteBuffer hash = ByteBuffer.wrap(secret.hash());
		ApiKey known = this.snapshot.keys().get(hash);
		if (known == null) {
			DataAccessException failed = this.failure;
			if (failed != null) {
				throw failed;
			}
			refreshSince(asked);
			known = this.snapshot.keys().get(hash);
		}
		return known;
	}

	/** Notes that a key was used. */
	void used(ApiKey key) {
		if (!this.used.contains(key.id())) {
			this.used.add(key.id());
		}
	}

	/** Reads all keys. */
	void refresh() {
		refreshSince(System.nanoTime());
	}

	/**
	 * Reads all keys, unless another thread has done so meanwhile: one does it for all
	 * who wait.
	 */
	private void refreshSince(long moment) {
		awaitTurn();
		try {
			if (this.snapshot.begun() == Long.MIN_VALUE || this.snapshot.begun() - moment < 0) {
				long begun = System.nanoTime();
				this.snapshot = new Snapshot(this.store.all(), begun);
				this.failure = null;
			}
		}
		catch (DataAccessException ex) {
			this.failure = ex;
			throw ex;
		}
		finally {
			this.reading.unlock();
		}
	}

	private void awaitTurn() {
		try {
			if (this.reading.tryLock(MOST_SECONDS_TO_WAIT, TimeUnit.SECONDS)) {
				return;
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
		throw new QueryTimeoutException("The keys are being read, and that takes long");
	}

	@Scheduled(fixedDelay = 1000)
	void watch() {
		try {
			refresh();
		}
		catch (DataAccessException ex) {
			log.debug("The keys could not be read", ex);
		}
	}

	/**
	 * Puts on record which keys were used: not with each request, which would cost it a
	 * write.
	 */
	@Scheduled(initialDelay = 5000, fixedDelay = 5000)
	@PreDestroy
	void recordUse() {
		Set<UUID> ids = Set.copyOf(this.used);
		if (ids.isEmpty()) {
			return;
		}
		this.used.removeAll(ids);
		try {
			this.store.used(ids, Instant.now());
		}
		catch (DataAccessException ex) {
			this.used.addAll(ids);
			log.debug("The use of keys could not be put on record", ex);
		}
	}

	/**
	 * What was read.
	 *
	 * @param keys all keys by their hashes
	 * @param begun when the reading began, by {@link System#nanoTime}
	 */
	private record Snapshot(Map<ByteBuffer, ApiKey> keys, long begun) {

	}

}
