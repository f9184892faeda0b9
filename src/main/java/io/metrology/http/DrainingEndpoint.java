package io.metrology.http;

import java.io.IOException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.concurrent.TimeUnit;

import org.apache.tomcat.util.net.Acceptor.AcceptorState;
import org.apache.tomcat.util.net.NioEndpoint;

/**
 * An endpoint that serves the connections that wait when its listening socket is closed.
 * Tomcat discards a connection that it accepts at that moment, and the kernel resets
 * those that nobody has accepted.
 */
final class DrainingEndpoint extends NioEndpoint {

	private static final long MAX_ACCEPT_NANOS = TimeUnit.SECONDS.toNanos(2);

	private volatile boolean closing;

	/** Closes the listening socket. Open connections get one more answer each. */
	void closeListeningSocket() {
		this.closing = true;
		closeServerSocketGraceful();
	}

	/** Is called for a connection that was accepted after the socket began to close. */
	@Override
	protected void destroySocket(SocketChannel socket) {
		if (this.closing && !isPaused()) {
			serve(socket);
		}
		else {
			super.destroySocket(socket);
		}
	}

	/** The parent's socket keeps its waiting connections for the next start. */
	@Override
	protected void doCloseServerSocket() throws IOException {
		if (this.closing && !isPaused() && hasAcceptorEnded() && !getUseInheritedChannel()) {
			serveWaitingConnections();
		}
		super.doCloseServerSocket();
	}

	/** The thread that accepts connections may be busy with one of them. */
	private boolean hasAcceptorEnded() {
		long begun = System.nanoTime();
		try {
			while (this.acceptor.getState() != AcceptorState.ENDED) {
				if (System.nanoTime() - begun > MAX_ACCEPT_NANOS) {
					return false;
				}
				TimeUnit.MILLISECONDS.sleep(1);
			}
			return true;
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			return false;
		}
	}

	private void serveWaitingConnections() throws IOException {
		if (!(getServerSocket() instanceof ServerSocketChannel listening)) {
			return;
		}
		listening.configureBlocking(false);
		long begun = System.nanoTime();
		for (SocketChannel next = listening.accept(); next != null; next = listening.accept()) {
			try {
				countUpOrAwaitConnection();
			}
			catch (InterruptedException ex) {
				Thread.currentThread().interrupt();
			}
			serve(next);
			if (System.nanoTime() - begun > MAX_ACCEPT_NANOS) {
				return;
			}
		}
	}

	private void serve(SocketChannel socket) {
		if (!setSocketOptions(socket)) {
			closeSocket(socket);
		}
	}

}
