package io.metrology.ingest;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import javax.sql.DataSource;

import io.metrology.http.Caller;
import io.metrology.http.Sqlstate;
import io.metrology.ingest.ChannelRegistry.Created;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.dao.ConcurrencyFailureException;
import org.springframework.jdbc.CannotGetJdbcConnectionException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.stereotype.Repository;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * Chunks in PostgreSQL. A write is planned from what this instance remembers of the
 * channels, and depends on their not having changed since. If they have, or something is
 * not remembered, it is planned anew: lock the channels, read what they hold, decide,
 * write, commit. The isolation must be READ COMMITTED.
 *
 * <p>
 * A stream's row is not locked by a chunk for a channel that exists. Whoever finalizes or
 * deletes a stream locks its row and then its channels, so a chunk that waited for its
 * channel sees the stream as it is afterwards. A chunk for a new channel locks the
 * stream's row first.
 */
@Repository
class ChunkStore {

	private static final Logger log = LoggerFactory.getLogger(ChunkStore.class);

	private final TransactionTemplate transaction;

	private final TransactionTemplate snapshot;

	private final HoldingsReader holdings;

	private final HoldingsReader readings;

	private final ChunkStatements statements;

	private final ChannelRegistry registry;

	private final ChannelMemory memory;

	private final IngestProperties properties;

	private final IngestMetrics metrics;

	ChunkStore(@Qualifier(WriteConnections.QUALIFIER) JdbcTemplate jdbc,
			@Qualifier(WriteConnections.QUALIFIER) DataSource writing, JdbcTemplate reading, DataSource database,
			ChunkStatements statements, ChannelRegistry registry, ChannelMemory memory, IngestProperties properties,
			IngestMetrics metrics) {
		// Without JPA's session, which nothing here needs. The pool's connections are
		// READ COMMITTED; to set that here would ask each for its level first.
		this.transaction = new TransactionTemplate(new JdbcTransactionManager(writing));
		this.snapshot = new TransactionTemplate(new JdbcTransactionManager(database));
		this.snapshot.setIsolationLevel(TransactionDefinition.ISOLATION_REPEATABLE_READ);
		this.snapshot.setReadOnly(true);
		this.holdings = new HoldingsReader(jdbc);
		this.readings = new HoldingsReader(reading);
		this.statements = statements;
		this.registry = registry;
		this.memory = memory;
		this.properties = properties;
		this.metrics = metrics;
	}

	/**
	 * Writes a batch in one transaction; this is the only way in. Submissions are applied
	 * in order, no key may come twice. Once this returns, all that it calls stored is
	 * committed and flushed.
	 * @return one result for each submission, in order
	 * @throws CommitUnknownException if the outcome of the COMMIT could not be learned
	 */
	List<WriteResult> write(List<Submission> batch) {
		long begun = System.nanoTime();
		BatchKeys keys = BatchKeys.of(batch);
		Planned planned = writeFromMemory(batch, keys).or(() -> writeLocked(batch, keys, false))
			.or(() -> writeLocked(batch, keys, true))
			.orElseThrow(() -> new IllegalStateException("A channel that was locked is gone"));
		this.memory.remember(planned.plan().channelsToCache());
		this.metrics.committed(keys.chunks().size(), System.nanoTime() - begun);
		planned.registered()
			.forEach((dataId) -> log.info("Registered stream {} by its first chunk, sent with {}", dataId,
					makers(batch).get(dataId)));
		resends(batch).filter((resend) -> planned.plan().changesFinalized(dataId(resend)))
			.forEach((resend) -> log.info("Stored resent chunk ({}) in a finalized stream, sent with {}",
					resend.chunks().get(0).key(), resend.caller()));
		return planned.results();
	}

	private static Stream<Submission> resends(List<Submission> batch) {
		return batch.stream().filter((submission) -> submission.resend() != null);
	}

	private static UUID dataId(Submission submission) {
		return submission.chunks().get(0).key().dataId();
	}

	/** What {@link #write} would answer now; nothing is locked or written. */
	List<WriteResult> preview(List<Submission> batch) {
		BatchKeys keys = BatchKeys.of(batch);
		return this.snapshot.execute((status) -> {
			WritePlan plan = plan(this.readings.look(keys), this.readings.countChannels(keys));
			return batch.stream().map(plan::add).toList();
		});
	}

	/** Empty if nothing was written, as something is not remembered, or was changed. */
	private Optional<Planned> writeFromMemory(List<Submission> batch, BatchKeys keys) {
		boolean cacheable = ChunkStatements.fitsOne(batch) && resends(batch).findAny().isEmpty();
		Holdings remembered = cacheable ? this.memory.recall(keys) : null;
		if (remembered == null) {
			return Optional.empty();
		}
		Planned planned = Planned.of(plan(remembered, Map.of()), batch, Set.of());
		// A refusal is for the client to see, so it is not made from memory.
		if (planned.results().stream().anyMatch((result) -> result.refusal() != null)) {
			return Optional.empty();
		}
		try {
			this.statements.writeIfUnchanged(planned.plan());
			return Optional.of(planned);
		}
		catch (ConcurrencyFailureException ex) {
			this.memory.distrust(keys.channels());
			return Optional.empty();
		}
		catch (RuntimeException ex) {
			throw failure(ex, keys, !(ex instanceof CannotGetJdbcConnectionException));
		}
	}

	/**
	 * Empty if a channel is new: then nothing was done, and the batch must be written
	 * again with {@code creating}, which locks streams before channels.
	 */
	private Optional<Planned> writeLocked(List<Submission> batch, BatchKeys keys, boolean creating) {
		AtomicBoolean committing = new AtomicBoolean();
		try {
			return this.transaction.execute((status) -> {
				Optional<Planned> planned = storeLocked(batch, keys, creating);
				committing.set(planned.isPresent());
				if (planned.isEmpty()) {
					status.setRollbackOnly();
				}
				return planned;
			});
		}
		catch (RuntimeException ex) {
			throw failure(ex, keys, committing.get());
		}
	}

	private RuntimeException failure(RuntimeException ex, BatchKeys keys, boolean committing) {
		Sqlstate state = Sqlstate.of(ex);
		if (state.leavesServerUnknown()) {
			this.memory.forget();
		}
		else {
			this.memory.distrust(keys.channels());
		}
		return (committing && state.leavesCommitUnknown()) ? new CommitUnknownException(ex) : ex;
	}

	private Optional<Planned> storeLocked(List<Submission> batch, BatchKeys keys, boolean creating) {
		Created created = creating ? this.registry.create(keys, makers(batch),
				resends(batch).map(ChunkStore::dataId).collect(Collectors.toSet())) : Created.NOTHING;
		Holdings held = this.holdings.lock(keys);
		if (held.channels().size() < keys.channels().size() && !creating) {
			return Optional.empty();
		}
		Planned planned = Planned.of(plan(held, created.channelsBefore()), batch, created.streams());
		this.statements.write(planned.plan());
		if (creating) {
			this.registry.dropEmpty(planned.plan().emptyOf(keys.channels()));
		}
		return Optional.of(planned);
	}

	/** Who is the first to send to each stream. */
	private static Map<UUID, Caller> makers(List<Submission> batch) {
		Map<UUID, Caller> makers = new LinkedHashMap<>();
		batch.forEach((submission) -> submission.chunks()
			.forEach((chunk) -> makers.putIfAbsent(chunk.key().dataId(), submission.caller())));
		return makers;
	}

	private WritePlan plan(Holdings held, Map<UUID, Integer> channelsBefore) {
		return new WritePlan(held, this.properties.unitsMismatch(), this.registry.registersUnknown(),
				new ChannelRoom(channelsBefore, this.properties.maxChannelsPerStream()));
	}

	/**
	 * What is to be committed.
	 *
	 * @param plan what is written
	 * @param results what becomes of each submission
	 * @param registered the streams that it is the first to write to
	 */
	private record Planned(WritePlan plan, List<WriteResult> results, Set<UUID> registered) {

		static Planned of(WritePlan plan, List<Submission> batch, Set<UUID> registered) {
			return new Planned(plan, batch.stream().map(plan::add).toList(), registered);
		}

	}

}
