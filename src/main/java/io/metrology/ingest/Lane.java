package io.metrology.ingest;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

import org.jspecify.annotations.Nullable;

/**
 * Writes one batch at a time, by the threads that bring the submissions. Whoever finds
 * the lane free leads: it takes what is queued, writes it, makes the first of those who
 * came meanwhile the next leader, and tells its followers what became of theirs.
 *
 * <p>
 * A submission is queued, then taken, then done; while it is queued, and only then, it
 * may be withdrawn. A leader always completes what it has taken, and always hands the
 * lane on.
 */
class Lane {

	private final Deque<Ticket> queue = new ArrayDeque<>();

	private final BatchProperties limits;

	private final Consumer<List<Ticket>> writer;

	/** Whether some thread leads or was told to. */
	private boolean led;

	/**
	 * Makes a lane.
	 * @param writer completes or fails every ticket that it is given
	 */
	Lane(BatchProperties limits, Consumer<List<Ticket>> writer) {
		this.limits = limits;
		this.writer = writer;
	}

	/**
	 * Writes a submission, as a leader or as a follower; see {@link GroupCommit#write}.
	 */
	WriteResult write(Submission submission, long deadline) {
		Ticket ticket = new Ticket(submission);
		enter(ticket);
		if (awaitTurn(ticket, deadline) == State.LEADING) {
			lead(ticket);
		}
		return ticket.outcome();
	}

	int queued() {
		synchronized (this.queue) {
			return this.queue.size();
		}
	}

	private void enter(Ticket ticket) {
		synchronized (this.queue) {
			this.queue.addLast(ticket);
			if (!this.led) {
				this.led = true;
				ticket.state = State.LEADING;
			}
		}
	}

	/** Waits until a ticket is done, or it is up to its thread to lead. */
	private State awaitTurn(Ticket ticket, long deadline) {
		boolean interrupted = false;
		State state;
		while ((state = ticket.state) == State.QUEUED || state == State.TAKEN) {
			if (state == State.TAKEN) {
				LockSupport.park(this);
			}
			else {
				LockSupport.parkNanos(this, Math.max(1, deadline - System.nanoTime()));
			}
			interrupted |= Thread.interrupted();
			if ((interrupted || System.nanoTime() >= deadline) && withdraw(ticket)) {
				restore(interrupted);
				throw new QueueTimeoutException();
			}
		}
		restore(interrupted);
		return state;
	}

	private boolean withdraw(Ticket ticket) {
		synchronized (this.queue) {
			return ticket.state == State.QUEUED && this.queue.remove(ticket);
		}
	}

	private void lead(Ticket leader) {
		List<Ticket> batch = new ArrayList<>();
		try {
			take(batch);
			this.writer.accept(batch);
		}
		finally {
			handOn(leader);
			batch.forEach(Ticket::release);
		}
	}

	/**
	 * Takes the leader and what fits with it. A key that is in the batch already waits
	 * for the next: one statement cannot write a row twice.
	 */
	private void take(List<Ticket> batch) {
		Set<ChunkKey> keys = new HashSet<>();
		int chunks = 0;
		long points = 0;
		synchronized (this.queue) {
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
	}

	private void handOn(Ticket leader) {
		synchronized (this.queue) {
			// Still there only if it could not take anything, not even itself.
			if (this.queue.peekFirst() == leader) {
				this.queue.removeFirst();
			}
			Ticket next = this.queue.peekFirst();
			if (next == null) {
				this.led = false;
			}
			else {
				next.state = State.LEADING;
				LockSupport.unpark(next.thread);
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
		/** Its thread leads, or is to. */
		LEADING,
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
			// Without either the leader was cut off in the middle, perhaps after its
			// COMMIT.
			throw (this.failure != null) ? this.failure : new CommitUnknownException();
		}

	}

}
