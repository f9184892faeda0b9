package io.metrology.ingest;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.Stream;

import io.metrology.http.Sqlstate;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.annotation.PreDestroy;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.TransientDataAccessResourceException;
import org.springframework.stereotype.Component;

/**
 * Lets concurrent submissions share a transaction, and so its round trips and its flush
 * to disk. There is no timer and no added wait: a submission that finds its lane idle is
 * written at once; what arrives meanwhile is the next batch.
 *
 * <p>
 * Chunks of one channel mostly take the same lane, where they cannot wait for each
 * other's locks. Large submissions take lanes of their own, so that small ones do not
 * queue behind them.
 */
@Component
class GroupCommit {

	private final ChunkStore store;

	private final BatchProperties properties;

	private final IngestMetrics metrics;

	private final List<Lane> lanes = new ArrayList<>();

	private final List<Lane> lanesForLarge = new ArrayList<>();

	GroupCommit(ChunkStore store, BatchProperties properties, IngestMetrics metrics, MeterRegistry registry) {
		this.store = store;
		this.properties = properties;
		this.metrics = metrics;
		for (int i = 0; i < properties.lanes(); i++) {
			this.lanes.add(new Lane("ingest-" + i, properties, this::write));
			this.lanesForLarge.add(new Lane("ingest-large-" + i, properties, this::write));
		}
		Gauge.builder("metrology.ingest.queued", this, GroupCommit::queued)
			.baseUnit("requests")
			.description("Requests that wait for a batch to be written before theirs")
			.register(registry);
	}

	/**
	 * Writes a submission, alone or with others.
	 * @param deadline by {@link System#nanoTime}: a submission still queued then is
	 * withdrawn
	 * @throws QueueTimeoutException if it was withdrawn; nothing of it is stored
	 * @throws LaneClosedException if the service is being stopped; likewise
	 * @throws CommitUnknownException if the outcome of the COMMIT could not be learned
	 */
	WriteResult write(Submission submission, long deadline) {
		return lane(submission).write(submission, deadline);
	}

	/** Writes what is queued; nothing is taken any more. */
	@PreDestroy
	void close() {
		this.lanes.forEach(Lane::close);
		this.lanesForLarge.forEach(Lane::close);
	}

	private Lane lane(Submission submission) {
		List<Lane> choice = (submission.points() > this.properties.maxPoints()) ? this.lanesForLarge : this.lanes;
		return choice.get(Math.floorMod(submission.chunks().get(0).key().channel().hashCode(), choice.size()));
	}

	private int queued() {
		return this.lanes.stream().mapToInt(Lane::queued).sum()
				+ this.lanesForLarge.stream().mapToInt(Lane::queued).sum();
	}

	/**
	 * Writes a batch and gives each member its outcome. Where that fails, and not because
	 * the server is gone, they are written one by one: a bad neighbour costs nobody else.
	 */
	private void write(List<Lane.Ticket> batch) {
		long taken = System.nanoTime();
		batch.forEach((ticket) -> this.metrics.waited(taken - ticket.queuedAt()));
		RuntimeException failure = attempt(batch);
		if (failure != null) {
			boolean oneByOne = batch.size() > 1 && !isServerGone(failure);
			batch.forEach(oneByOne ? new OneByOne()::write : failing(failure));
		}
	}

	/** Returns why it failed, or null if each member has its outcome. */
	private @Nullable RuntimeException attempt(List<Lane.Ticket> batch) {
		try {
			List<WriteResult> results = this.store.write(batch.stream().map(Lane.Ticket::submission).toList());
			for (int i = 0; i < batch.size(); i++) {
				batch.get(i).complete(results.get(i));
			}
			return null;
		}
		catch (RuntimeException ex) {
			return ex;
		}
	}

	private static boolean isServerGone(RuntimeException failure) {
		return failure instanceof CommitUnknownException || Sqlstate.of(failure).isServerGone();
	}

	private static Consumer<Lane.Ticket> failing(RuntimeException failure) {
		return (ticket) -> ticket.fail(failure);
	}

	/**
	 * Writes each alone, until the server goes: the rest need not find that out for
	 * themselves. Nor need they wait for a lock that another has waited for in vain, or
	 * at all once several have: then it may be on a whole table, and all try again later.
	 */
	private final class OneByOne {

		private static final int MOST_WAITS = 2;

		private final Map<ChunkKey.Channel, RuntimeException> locked = new HashMap<>();

		private int waits;

		private @Nullable RuntimeException forAll;

		void write(Lane.Ticket ticket) {
			RuntimeException failure = known(ticket);
			if (failure == null) {
				failure = attempt(List.of(ticket));
				if (failure != null) {
					note(ticket, failure);
				}
			}
			if (failure != null) {
				ticket.fail(failure);
			}
		}

		private @Nullable RuntimeException known(Lane.Ticket ticket) {
			return (this.forAll != null) ? this.forAll
					: channels(ticket).map(this.locked::get).filter(Objects::nonNull).findFirst().orElse(null);
		}

		private void note(Lane.Ticket ticket, RuntimeException failure) {
			if (isServerGone(failure)) {
				// The rest were not even sent, so nothing is unknown of them.
				this.forAll = new TransientDataAccessResourceException("The server went away",
						new SQLException("The server went away", "08006", failure));
			}
			else if (Sqlstate.of(failure).isTimeout()) {
				channels(ticket).forEach((channel) -> this.locked.put(channel, failure));
				this.waits++;
				if (this.waits == MOST_WAITS) {
					this.forAll = failure;
				}
			}
		}

		private static Stream<ChunkKey.Channel> channels(Lane.Ticket ticket) {
			return ticket.submission().chunks().stream().map((chunk) -> chunk.key().channel());
		}

	}

}
