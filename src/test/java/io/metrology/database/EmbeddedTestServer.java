package io.metrology.database;

import java.nio.file.Path;

/** The embedded server, for tests of other packages. */
public final class EmbeddedTestServer implements AutoCloseable {

	private final EmbeddedServer server;

	private EmbeddedTestServer(EmbeddedServer server) {
		this.server = server;
	}

	/** Starts the server on a folder, which keeps its data for the next time. */
	public static EmbeddedTestServer start(Path folder) {
		return new EmbeddedTestServer(EmbeddedServer.start(folder, 0));
	}

	/**
	 * Starts the server on a new folder, {@code data} below the given one: sooner, as its
	 * programs are unpacked already.
	 */
	public static EmbeddedTestServer startBelow(Path parent) {
		return start(ServerFolders.newFolder(parent));
	}

	public String url() {
		return this.server.url();
	}

	public String username() {
		return this.server.username();
	}

	public String password() {
		return this.server.password();
	}

	@Override
	public void close() {
		this.server.close();
	}

}
