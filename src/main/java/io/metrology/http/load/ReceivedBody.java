package io.metrology.http.load;

import java.util.Arrays;

import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

/**
 * The body of one request as sent, as far as it has arrived. One thread adds bytes, any
 * thread may ask.
 */
public final class ReceivedBody {

	private static final String ATTRIBUTE = ReceivedBody.class.getName();

	private byte[] buffer = new byte[0];

	private int length;

	private boolean complete;

	private long lastByteAt = System.nanoTime();

	ReceivedBody() {
	}

	/** Returns the body of a request, or null if none is read for it. */
	public static @Nullable ReceivedBody of(HttpServletRequest request) {
		return (request.getAttribute(ATTRIBUTE) instanceof ReceivedBody body) ? body : null;
	}

	/** Keeps the body of a request that was read at once. */
	public static void keep(HttpServletRequest request, byte[] sent) {
		ReceivedBody body = new ReceivedBody();
		body.buffer = sent;
		body.length = sent.length;
		body.complete = true;
		request.setAttribute(ATTRIBUTE, body);
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
	 * @throws IllegalStateException if the body is not complete
	 */
	public synchronized byte[] bytes() {
		if (!this.complete) {
			throw new IllegalStateException("The body is not complete");
		}
		return (this.length == this.buffer.length) ? this.buffer : Arrays.copyOf(this.buffer, this.length);
	}

}
