package io.metrology.ingest;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes one batch at a time, by a thread of its own: what comes while it writes is the
 * next batch, and while there is something to write it does not sleep. Whoever brings a
 * submission waits for its outcome.
 *
 * <p>
 * A submission is queued, then taken, then done. It may be withdrawn only while it is
 * queued. A taken submission is always completed, also if its request no longer waits.
 */
class Lane implements AutoCloseable {

	private static final Logger log = LoggerFactory.getLogger(Lane.class);

	private static final long MOST_MILLIS_TO_CLOSE = 5000;

	private final Deque<Ticket> queue = new ArrayDeque<>();

	private final BatchProperties limits;

	private final Consumer<List<Ticket>> writer;

	private final Thread thread;

	/** Guards the queue, the states of what is in it, and the fields below. */
	private final ReentrantLock lock = new ReentrantLock();

	private final Condition arrived = this.lock.newCondition();

	/** Whether the thread sleeps until something arrives. */
	private boolean idle;

	private boolean closed;

	/**
	 * Makes a lane, and starts its thread.
	 * @param name of the thread
	 * @param writer completes or fails every ticket that it is given
	 */
	Lane(String name, BatchProperties limits, Consumer<List<Ticket>> writer) {
		this.limits = limits;
		this.writer = writer;
		this.thread = new Thread(this::work, name);
		this.thread.setDaemon(true);
		this.thread.start();
	}

	/** Writes a submission, alone or with others; see {@link GroupCommit#write}. */
	WriteResult write(Submission submission, long deadline) {
		Ticket ticket = new Ticket(submission);
		enter(ticket);
		awaitDone(ticket, deadline);
		return ticket.outcome();
	}

	int queued() {
		this.lock.lock();
		try {
			return this.queue.size();
		}
		finally {
			this.lock.unlock();
		}
	}

	/** Writes what is queued, and ends the thread. */
	@Override
	public void close() {
		this.lock.lock();
		try {
			this.closed = true;
			this.arrived.signal();
		}
		finally {
			this.lock.unlock();
		}
		try {
			this.thread.join(MOST_MILLIS_TO_CLOSE);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	private void enter(Ticket ticket) {
		this.lock.lock();
		try {
			if (this.closed) {
				throw new LaneClosedException();
			}
			this.queue.addLast(ticket);
			if (this.idle) {
				this.idle = false;
				this.arrived.signal();
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Waits for the outcome, until the deadline.
	 * @throws QueueTimeoutException if the submission was still queued then; nothing of
	 * it is stored
	 * @throws CommitUnknownException if it was being written then
	 */
	private void awaitDone(Ticket ticket, long deadline) {
		boolean interrupted = false;
		State state;
		while ((state = ticket.state) != State.DONE) {
			LockSupport.parkNanos(this, Math.max(1, deadline - System.nanoTime()));
			interrupted |= Thread.interrupted();
			boolean late = System.nanoTime() - deadline >= 0;
			if ((interrupted || late) && withdraw(ticket)) {
				restore(interrupted);
				throw interrupted ? new LaneClosedException() : new QueueTimeoutException();
			}
			if (late && state == State.TAKEN && ticket.state != State.DONE) {
				restore(interrupted);
				throw new CommitUnknownException();
			}
		}
		restore(interrupted);
	}

	private boolean withdraw(Ticket ticket) {
		this.lock.lock();
		try {
			return ticket.state == State.QUEUED && this.queue.remove(ticket);
		}
		finally {
			this.lock.unlock();
		}
	}

	private void work() {
		List<Ticket> batch = new ArrayList<>();
		boolean open = true;
		while (open) {
			try {
				open = awaitBatch(batch);
				if (!batch.isEmpty()) {
					this.writer.accept(batch);
				}
			}
			catch (RuntimeException | Error ex) {
				report(ex);
			}
			finally {
				batch.forEach(Ticket::release);
				batch.clear();
			}
		}
	}

	/** Whatever fails, the lane goes on: even without memory for a line in the log. */
	private static void report(Throwable failure) {
		try {
			log.error("A batch was cut off; what became of its chunks is not known", failure);
		}
		catch (RuntimeException | Error ex) {
			// Its tickets say so, too: those without an outcome.
		}
	}

	/**
	 * Waits for a batch and takes it.
	 * @return false once the lane is closed and all is written
	 */
	private boolean awaitBatch(List<Ticket> batch) {
		this.lock.lock();
		try {
			while (this.queue.isEmpty() && !this.closed) {
				this.idle = true;
				this.arrived.awaitUninterruptibly();
			}
			take(batch);
			return !(this.closed && this.queue.isEmpty());
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Takes the first and what fits with it. A key that is in the batch already waits for
	 * the next: one statement cannot write a row twice.
	 */
	private void take(List<Ticket> batch) {
		Set<ChunkKey> keys = new HashSet<>();
		int chunks = 0;
		long points = 0;
		Iterator<Ticket> waiting = this.queue.iterator();
		while (waiting.hasNext() && chunks < this.limits.maxChunks()) {
			Ticket ticket = waiting.next();
			List<Chunk> wanted = ticket.submission.chunks();
			boolean fits = batch.isEmpty() || (chunks + wanted.size() <= this.limits.maxChunks()
					&& points + ticket.submission.points() <= this.limits.maxPoints());
			if (fits && wanted.stream().noneMatch((chunk) -> keys.contains(chunk.key()))) {
				wanted.forEach((chunk) -> keys.add(chunk.key()));
				chunks += wanted.size();
				points += ticket.submission.points();
				batch.add(ticket);
				ticket.state = State.TAKEN;
				waiting.remove();
			}
		}
	}

	private static void restore(boolean interrupted) {
		if (interrupted) {
			Thread.currentThread().interrupt();
		}
	}

	private enum State {

		/** It waits, and may be withdrawn. */
		QUEUED,
		/** It is being written. */
		TAKEN,
		/** Its outcome is known. */
		DONE

	}

	/** A submission on its way, and what becomes of it. */
	static final class Ticket {

		private final Submission submission;

		private final Thread thread = Thread.currentThread();

		private final long queuedAt = System.nanoTime();

		private volatile State state = State.QUEUED;

		private @Nullable WriteResult result;

		private @Nullable RuntimeException failure;

		Ticket(Submission submission) {
			this.submission = submission;
		}

		Submission submission() {
			return this.submission;
		}

		long queuedAt() {
			return this.queuedAt;
		}

		/** It was written, or refused. */
		void complete(WriteResult result) {
			this.result = result;
		}

		/** It could not be written. */
		void fail(RuntimeException failure) {
			this.failure = failure;
		}

		/** Lets its thread go on. */
		private void release() {
			this.state = State.DONE;
			LockSupport.unpark(this.thread);
		}

		private WriteResult outcome() {
			if (this.result != null) {
				return this.result;
			}
			// Without either the writing was cut off in the middle, perhaps after its
			// COMMIT.
			throw (this.failure != null) ? this.failure : new CommitUnknownException();
		}

	}

}
