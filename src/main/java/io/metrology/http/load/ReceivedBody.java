package io.metrology.http.load;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

import io.metrology.http.ProblemException;
import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

/**
 * The body of one request as sent, as far as it has arrived. One thread at a time adds
 * bytes, any thread may ask.
 */
public final class ReceivedBody {

	private static final String ATTRIBUTE = ReceivedBody.class.getName();

	private static final int FIRST_BUFFER = 16 * 1024;

	/** How much of a body is read and discarded once it is refused. */
	private static final long MAX_DISCARDED = 256L * 1024 * 1024;

	private final BodyLimit limit;

	private final int announced;

	private final long begunAt = System.nanoTime();

	private byte[] buffer;

	private int length;

	private long discarded;

	private boolean complete;

	private long lastByteAt = this.begunAt;

	private @Nullable ProblemException failure;

	/**
	 * Makes an empty body.
	 * @param announced the length, or -1 if it is unknown
	 */
	ReceivedBody(int announced, BodyLimit limit) {
		this.announced = announced;
		this.limit = limit;
		this.buffer = new byte[(announced >= 0) ? announced : FIRST_BUFFER];
		this.complete = announced == 0;
	}

	/** Returns the body of a request, or null if none is read for it. */
	public static @Nullable ReceivedBody of(HttpServletRequest request) {
		return (request.getAttribute(ATTRIBUTE) instanceof ReceivedBody body) ? body : null;
	}

	void belongsTo(HttpServletRequest request) {
		request.setAttribute(ATTRIBUTE, this);
	}

	/**
	 * Reads what the stream has, at most one buffer.
	 * @return whether the body goes on
	 * @throws ProblemException {@code overloaded} if a body of unknown length needs more
	 * memory than there is
	 */
	boolean readFrom(InputStream in, BodyMemory memory, HttpServletRequest request) throws IOException {
		if (this.failure != null) {
			return discard(in);
		}
		if (this.length == this.buffer.length) {
			grow(memory, request);
		}
		int read = in.read(this.buffer, this.length, this.buffer.length - this.length);
		return add(read);
	}

	private void grow(BodyMemory memory, HttpServletRequest request) {
		int longer = (int) Math.min(this.buffer.length * 2L, this.limit.bytes() + 1);
		memory.grow(request, longer * (long) BodyMemory.TIMES_LENGTH);
		synchronized (this) {
			this.buffer = Arrays.copyOf(this.buffer, longer);
		}
	}

	private synchronized boolean add(int read) {
		this.lastByteAt = System.nanoTime();
		if (read < 0) {
			this.complete = true;
			return false;
		}
		this.length += read;
		this.complete = this.length == this.announced;
		if (this.length > this.limit.bytes()) {
			this.failure = this.limit.exceeded();
		}
		return !this.complete;
	}

	/** Notes that the last byte has arrived. */
	synchronized void end() {
		this.complete = true;
	}

	/** Reads on after a refusal, so that the client reads its answer. */
	private boolean discard(InputStream in) throws IOException {
		int read = in.read(this.buffer, 0, this.buffer.length);
		this.discarded += Math.max(0, read);
		synchronized (this) {
			this.lastByteAt = System.nanoTime();
		}
		return read >= 0 && this.discarded < MAX_DISCARDED;
	}

	/** Refuses the body. The first reason stays. */
	synchronized void fail(ProblemException problem) {
		if (this.failure == null) {
			this.failure = problem;
		}
	}

	/** Returns when the body began to arrive, by {@link System#nanoTime}. */
	long begunAt() {
		return this.begunAt;
	}

	/** Returns whether the last byte has arrived. */
	public synchronized boolean isComplete() {
		return this.complete;
	}

	/** Returns when the newest byte arrived, by {@link System#nanoTime}. */
	public synchronized long lastByteAt() {
		return this.lastByteAt;
	}

	/** Returns a copy of the first bytes that have arrived, at most {@code max}. */
	public synchronized byte[] first(int max) {
		return Arrays.copyOf(this.buffer, Math.min(max, this.length));
	}

	/**
	 * Returns the complete body as sent, before decompression.
	 * @throws ProblemException the reason for which the body was refused, for example
	 * {@code request_timeout}
	 */
	public synchronized byte[] bytes() {
		if (this.failure != null) {
			throw this.failure;
		}
		if (!this.complete) {
			throw new IllegalStateException("The body is not complete");
		}
		if (this.length < this.buffer.length) {
			this.buffer = Arrays.copyOf(this.buffer, this.length);
		}
		return this.buffer;
	}

}
