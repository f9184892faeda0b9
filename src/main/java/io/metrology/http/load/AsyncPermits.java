package io.metrology.http.load;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;

import jakarta.servlet.AsyncContext;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Permits that requests wait for without a thread, first come, first served. A request
 * that gets its permits is dispatched again, from the filters on.
 */
public final class AsyncPermits {

	private static final Logger log = LoggerFactory.getLogger(AsyncPermits.class);

	private final String attribute;

	private final AsyncRequests requests;

	private final int total;

	private final Deque<Waiting> queue = new ArrayDeque<>();

	private int free;

	/**
	 * Makes permits.
	 * @param name tells these permits from others of the same request
	 */
	AsyncPermits(String name, int total, AsyncRequests requests) {
		this.attribute = AsyncPermits.class.getName() + "." + name;
		this.total = total;
		this.free = total;
		this.requests = requests;
	}

	/**
	 * Takes permits, or lets the request wait for them without its thread.
	 * @param permits at most the total
	 * @return {@link Outcome#WAITING} if the caller must return without an answer: the
	 * request comes again
	 */
	public Outcome acquire(HttpServletRequest request, HttpServletResponse response, int permits) {
		if (request.getAttribute(this.attribute) instanceof Grant grant) {
			return grant.expired ? Outcome.EXPIRED : Outcome.GRANTED;
		}
		if (takeAtOnce(permits)) {
			request.setAttribute(this.attribute, new Grant(permits));
			return Outcome.GRANTED;
		}
		AsyncContext async = this.requests.start(request, response, 0);
		Waiting waiting = new Waiting(request, async, permits, RequestDeadline.of(request));
		AsyncRequests.whenAnswered(async, () -> forget(waiting));
		synchronized (this) {
			this.queue.addLast(waiting);
		}
		grantNext();
		return Outcome.WAITING;
	}

	/** The client may leave before its turn, or before the dispatch. */
	private void forget(Waiting waiting) {
		synchronized (this) {
			this.queue.remove(waiting);
		}
		release(waiting.request);
	}

	/** Takes more permits for a request that has some, without waiting. */
	synchronized boolean grow(HttpServletRequest request, int permits) {
		if (this.free < permits) {
			return false;
		}
		this.free -= permits;
		if (request.getAttribute(this.attribute) instanceof Grant grant) {
			grant.permits += permits;
		}
		else {
			request.setAttribute(this.attribute, new Grant(permits));
		}
		return true;
	}

	/** Returns how many permits a request has. */
	int granted(HttpServletRequest request) {
		return (request.getAttribute(this.attribute) instanceof Grant grant) ? grant.permits : 0;
	}

	/** Gives the permits of a request back, if it has any. */
	public void release(HttpServletRequest request) {
		if (request.getAttribute(this.attribute) instanceof Grant grant) {
			request.removeAttribute(this.attribute);
			giveBack(grant);
			grantNext();
		}
	}

	private synchronized void giveBack(Grant grant) {
		this.free += grant.permits;
		grant.permits = 0;
	}

	/** Dispatches the waiting requests whose deadline has passed. */
	void expire() {
		List<Waiting> expired = new ArrayList<>();
		synchronized (this) {
			Iterator<Waiting> waiting = this.queue.iterator();
			while (waiting.hasNext()) {
				Waiting next = waiting.next();
				if (next.deadline.left().isZero()) {
					waiting.remove();
					expired.add(next);
				}
			}
		}
		for (Waiting waiting : expired) {
			Grant none = new Grant(0);
			none.expired = true;
			waiting.dispatch(none);
		}
		grantNext();
	}

	/** Returns the number of permits. */
	int total() {
		return this.total;
	}

	/** Returns how many permits are taken. */
	synchronized int used() {
		return this.total - this.free;
	}

	private synchronized boolean takeAtOnce(int permits) {
		if (!this.queue.isEmpty() || this.free < permits) {
			return false;
		}
		this.free -= permits;
		return true;
	}

	private void grantNext() {
		List<Waiting> granted = new ArrayList<>();
		synchronized (this) {
			while (!this.queue.isEmpty() && this.queue.element().permits <= this.free) {
				Waiting next = this.queue.remove();
				this.free -= next.permits;
				granted.add(next);
			}
		}
		granted.forEach((waiting) -> waiting.dispatch(new Grant(waiting.permits)));
	}

	/** What became of a request for permits. */
	public enum Outcome {

		/** The request has its permits. */
		GRANTED,
		/** The request waits without a thread, and comes again. */
		WAITING,
		/** The deadline of the request passed. */
		EXPIRED

	}

	private static final class Grant {

		private int permits;

		private boolean expired;

		Grant(int permits) {
			this.permits = permits;
		}

	}

	private final class Waiting {

		private final HttpServletRequest request;

		private final AsyncContext async;

		private final int permits;

		private final RequestDeadline deadline;

		Waiting(HttpServletRequest request, AsyncContext async, int permits, RequestDeadline deadline) {
			this.request = request;
			this.async = async;
			this.permits = permits;
			this.deadline = deadline;
		}

		private void dispatch(Grant grant) {
			try {
				this.request.setAttribute(AsyncPermits.this.attribute, grant);
				this.async.dispatch();
			}
			catch (IllegalStateException ex) {
				// The request was answered meanwhile, because its connection broke.
				log.debug("A request that waited for {} has ended", AsyncPermits.this.attribute, ex);
				giveBack(grant);
			}
		}

	}

}
