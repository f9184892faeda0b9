package io.metrology.http;

import java.util.Collection;

import org.apache.coyote.http11.Http11NioProtocol;
import org.apache.tomcat.util.net.NioChannel;
import org.apache.tomcat.util.net.SocketWrapperBase;
import org.apache.tomcat.util.threads.ThreadPoolExecutor;

/**
 * HTTP/1.1 whose open connections can be counted after its listening socket is closed.
 * Tomcat creates it by the name of its class.
 */
public class DrainingProtocol extends Http11NioProtocol {

	private final DrainingEndpoint endpoint;

	/** Creates the protocol with an endpoint that loses no accepted connection. */
	public DrainingProtocol() {
		this(new DrainingEndpoint());
	}

	private DrainingProtocol(DrainingEndpoint endpoint) {
		super(endpoint);
		this.endpoint = endpoint;
	}

	/** Closes the listening socket. Open connections get one more answer each. */
	void closeListeningSocket() {
		this.endpoint.closeListeningSocket();
	}

	/** The number of open connections. */
	int openConnections() {
		return connections().size();
	}

	/**
	 * Whether a request has started and its answer has not been sent. A connection whose
	 * request waits for a thread looks idle.
	 */
	boolean isBusy() {
		return connections().stream().anyMatch(DrainingProtocol::isBusy);
	}

	private Collection<SocketWrapperBase<NioChannel>> connections() {
		return this.endpoint.getConnections();
	}

	/**
	 * A thread holds the lock while it handles a request. Between two threads, the
	 * processor keeps the state of a request that is incomplete or asynchronous.
	 */
	private static boolean isBusy(SocketWrapperBase<NioChannel> connection) {
		return connection.getLock().isLocked() || connection.getCurrentProcessor() != null;
	}

}
