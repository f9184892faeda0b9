package io.metrology.refusals;

import java.time.Duration;
import java.util.Arrays;
import java.util.Set;
import java.util.UUID;
import java.util.zip.CRC32C;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.metrology.ingest.ChunkResend.Form;
import io.metrology.refusals.RefusalRecorder.Head;
import org.jspecify.annotations.Nullable;

/**
 * Requests whose record was in the database a moment ago. The same request again needs no
 * write of its own. A moment is short, because a record may be deleted meanwhile.
 */
class KnownRefusals {

	/** Somewhat longer than the time between two writes of the counts. */
	private static final Duration KNOWN_FOR = Duration.ofMillis(1500);

	private static final int MAX_KNOWN = 1000;

	private final Cache<Fingerprint, Known> known = Caffeine.newBuilder().maximumSize(MAX_KNOWN).build();

	/** Returns the record of the same request, or null if it is not known. */
	@Nullable Known find(Head head, byte[] sent) {
		Known found = this.known.getIfPresent(Fingerprint.of(head, sent));
		return (found != null && found.isFresh() && found.isOf(sent)) ? found : null;
	}

	/** Notes that a request has a record. */
	void add(Head head, byte[] sent, UUID id, @Nullable UUID dataId) {
		this.known.put(Fingerprint.of(head, sent), new Known(id, dataId, RefusedBody.sha256().digest(sent)));
	}

	/** Notes which of some records still exist. */
	void confirm(Set<UUID> asked, Set<UUID> existing) {
		this.known.asMap().values().removeIf((each) -> asked.contains(each.id()) && !existing.contains(each.id()));
		this.known.asMap().values().stream().filter((each) -> existing.contains(each.id())).forEach(Known::renew);
	}

	/** Notes that a record was deleted. */
	void forget(UUID id) {
		this.known.asMap().values().removeIf((each) -> each.id().equals(id));
	}

	/** Tells most bodies apart at little cost. Equal ones are compared by their hash. */
	private record Fingerprint(Form form, @Nullable String contentEncoding, int length, long checksum) {

		static Fingerprint of(Head head, byte[] sent) {
			CRC32C checksum = new CRC32C();
			checksum.update(sent);
			return new Fingerprint(head.form(), head.contentEncoding(), sent.length, checksum.getValue());
		}

	}

	/** A request that has a record. */
	static final class Known {

		private final UUID id;

		private final @Nullable UUID dataId;

		private final byte[] hash;

		private volatile long knownAt = System.nanoTime();

		private Known(UUID id, @Nullable UUID dataId, byte[] hash) {
			this.id = id;
			this.dataId = dataId;
			this.hash = hash;
		}

		UUID id() {
			return this.id;
		}

		@Nullable UUID dataId() {
			return this.dataId;
		}

		private boolean isOf(byte[] sent) {
			return Arrays.equals(this.hash, RefusedBody.sha256().digest(sent));
		}

		private boolean isFresh() {
			return System.nanoTime() - this.knownAt < KNOWN_FOR.toNanos();
		}

		private void renew() {
			this.knownAt = System.nanoTime();
		}

	}

}
