package io.metrology.http;

import java.io.IOException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.apache.tomcat.util.net.NioEndpoint;

/**
 * An endpoint that loses no connection when its listening socket is closed. Tomcat
 * discards a connection that it accepts at that moment, and the kernel resets those that
 * nobody has accepted.
 */
final class DrainingEndpoint extends NioEndpoint {

	private static final int MAX_ACCEPT_SECONDS = 2;

	/** Opened when the last waiting connection was accepted. */
	private final CountDownLatch accepted = new CountDownLatch(1);

	private volatile boolean closing;

	/** Closes the listening socket. Open connections get one more answer each. */
	void closeListeningSocket() {
		this.closing = true;
		closeServerSocketGraceful();
	}

	/** Is called for a connection that was accepted after the socket began to close. */
	@Override
	protected void destroySocket(SocketChannel socket) {
		if (!this.closing || isPaused()) {
			super.destroySocket(socket);
			return;
		}
		serve(socket);
		if (!getUseInheritedChannel()) {
			serveWaitingConnections();
		}
		this.accepted.countDown();
	}

	/** The parent's socket keeps its waiting connections for the next start. */
	private void serveWaitingConnections() {
		try {
			if (getServerSocket() instanceof ServerSocketChannel listening) {
				listening.configureBlocking(false);
				for (SocketChannel next = listening.accept(); next != null; next = listening.accept()) {
					countUpOrAwaitConnection();
					serve(next);
				}
			}
		}
		catch (IOException ex) {
			// The socket is closed: no connection waits any more.
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	private void serve(SocketChannel socket) {
		if (!setSocketOptions(socket)) {
			closeSocket(socket);
		}
	}

	@Override
	protected void doCloseServerSocket() throws IOException {
		if (this.closing && !isPaused()) {
			awaitAccepted();
		}
		super.doCloseServerSocket();
	}

	private void awaitAccepted() {
		try {
			this.accepted.await(MAX_ACCEPT_SECONDS, TimeUnit.SECONDS);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

}
