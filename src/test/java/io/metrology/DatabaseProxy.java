package io.metrology;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

import io.metrology.TestPostgres.TestDatabase;
import org.postgresql.Driver;

/**
 * The way from a service to its database, which a test can cut: the server stays up, but
 * cannot be reached.
 */
public final class DatabaseProxy implements AutoCloseable {

	private final TestDatabase database;

	private final InetSocketAddress target;

	private final int port;

	private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();

	private ServerSocket listener;

	private Thread acceptor;

	private boolean stalled;

	public DatabaseProxy(TestDatabase database) throws IOException {
		this.database = database;
		Properties parsed = Driver.parseURL(database.url(), null);
		this.target = new InetSocketAddress(parsed.getProperty("PGHOST", "localhost"),
				Integer.parseInt(parsed.getProperty("PGPORT", "5432")));
		this.listener = listen(0);
		this.port = this.listener.getLocalPort();
	}

	/** The same database, reached through the proxy. */
	public TestDatabase database() {
		return new TestDatabase(this.database.url().replaceFirst("//[^/]*/", "//127.0.0.1:" + this.port + "/"),
				this.database.username(), this.database.password());
	}

	/** Ends all connections and refuses new ones. */
	public synchronized void cut() throws IOException {
		this.listener.close();
		try {
			// As long as it stands in accept(), the port is not free.
			this.acceptor.join();
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
		drop();
	}

	/** Lets connections through again. */
	public synchronized void restore() throws IOException {
		this.listener = listen(this.port);
	}

	/**
	 * Lets nothing through and ends nothing, as a network does that loses every packet.
	 */
	public synchronized void stall() {
		this.stalled = true;
	}

	/** Lets through what was held back, and all that follows. */
	public synchronized void resume() {
		this.stalled = false;
		notifyAll();
	}

	private synchronized void awaitFlow() {
		try {
			while (this.stalled) {
				wait();
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	/** Ends all connections, but not new ones. */
	public void drop() throws IOException {
		for (Socket socket : this.sockets) {
			socket.close();
		}
	}

	private ServerSocket listen(int wanted) throws IOException {
		ServerSocket socket = new ServerSocket();
		socket.setReuseAddress(true);
		socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), wanted));
		this.acceptor = daemon(() -> accept(socket));
		return socket;
	}

	private void accept(ServerSocket from) {
		while (!from.isClosed()) {
			try {
				Socket client = from.accept();
				this.sockets.add(client);
				Socket server = new Socket(this.target.getAddress(), this.target.getPort());
				this.sockets.add(server);
				client.setTcpNoDelay(true);
				server.setTcpNoDelay(true);
				daemon(() -> copy(client, server));
				daemon(() -> copy(server, client));
			}
			catch (IOException ex) {
				// The listener was closed: the loop ends.
			}
		}
	}

	private void copy(Socket from, Socket to) {
		try (from; to) {
			InputStream in = from.getInputStream();
			byte[] buffer = new byte[16384];
			for (int length = in.read(buffer); length >= 0; length = in.read(buffer)) {
				awaitFlow();
				to.getOutputStream().write(buffer, 0, length);
			}
		}
		catch (IOException ex) {
			// One side is gone: so is the other.
		}
		finally {
			this.sockets.remove(from);
			this.sockets.remove(to);
		}
	}

	private static Thread daemon(Runnable work) {
		Thread thread = new Thread(work, "database-proxy");
		thread.setDaemon(true);
		thread.start();
		return thread;
	}

	@Override
	public void close() {
		try {
			cut();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

}
