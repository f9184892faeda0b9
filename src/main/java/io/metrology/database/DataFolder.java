package io.metrology.database;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The folder of the embedded PostgreSQL, held by this process alone until it is closed.
 *
 * <pre>
 * metrology.lock        marks the folder as ours, and is locked while a service runs on it
 * postgresql-password   the password of the database user, for us and for psql
 * postgresql/           the database cluster
 * binaries/             the server's programs
 * log/                  the server's log
 * </pre>
 */
final class DataFolder implements AutoCloseable {

	/** For folders: nobody but the owner may enter. */
	static final FileAttribute<Set<PosixFilePermission>> OWNER_FOLDER = PosixFilePermissions
		.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

	/** For files: nobody but the owner may read. */
	static final FileAttribute<Set<PosixFilePermission>> OWNER_FILE = PosixFilePermissions
		.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

	static final String PASSWORD_FILE = "postgresql-password";

	private final Path root;

	private final int ownUserId;

	private final FolderLock lock;

	private DataFolder(Path root, int ownUserId, FolderLock lock) {
		this.root = root;
		this.ownUserId = ownUserId;
		this.lock = lock;
	}

	/**
	 * Creates the folder if it does not exist, and takes it.
	 * @throws DatabaseStartException if it cannot be written, belongs to something else,
	 * or is in use by another service
	 */
	static DataFolder open(Path path) {
		Path absolute = path.toAbsolutePath().normalize();
		try {
			Files.createDirectories(absolute.getParent() != null ? absolute.getParent() : absolute);
			if (!Files.isDirectory(absolute)) {
				Files.createDirectory(absolute, OWNER_FOLDER);
			}
			Path root = absolute.toRealPath();
			requirePlainPath(root);
			requireOurs(root);
			int ownUserId = requireWritable(root);
			requireOwner(root, ownUserId);
			return new DataFolder(root, ownUserId, FolderLock.acquire(root));
		}
		catch (IOException ex) {
			throw new DatabaseStartException("The data folder %s cannot be used: %s".formatted(absolute, ex),
					"Make it a folder that the user of this service may write, or name another one with "
							+ "metrology.data-dir (METROLOGY_DATA_DIR).",
					ex);
		}
	}

	/** {@code pg_ctl} hands the path to a shell in double quotes, unescaped. */
	static void requirePlainPath(Path root) {
		if (root.toString().chars().anyMatch((c) -> "\"$`\\\n".indexOf(c) >= 0)) {
			throw new DatabaseStartException(
					"The data folder %s has a character in its path that PostgreSQL's start program cannot handle"
						.formatted(root),
					"Use a path without quotes, $, ` and \\.");
		}
	}

	private static void requireOurs(Path root) throws IOException {
		if (Files.exists(root.resolve(FolderLock.FILE))) {
			return;
		}
		try (Stream<Path> entries = Files.list(root)) {
			List<String> names = entries.map((entry) -> entry.getFileName().toString())
				// A fresh volume has such entries, too.
				.filter((name) -> !name.startsWith(".") && !name.equals("lost+found"))
				.sorted()
				.toList();
			if (!names.isEmpty()) {
				throw new DatabaseStartException(
						"The data folder %s is not one of this service: it contains %s, but no %s. Nothing was changed"
							.formatted(root, names.get(0), FolderLock.FILE),
						"Name an empty or a new folder with metrology.data-dir (METROLOGY_DATA_DIR).");
			}
		}
	}

	/**
	 * Proves by trying that the folder can be written.
	 * @return the user id of this process, as the file system sees it
	 */
	private static int requireWritable(Path root) throws IOException {
		Path probe = Files.createTempFile(root, ".probe", null);
		try {
			return (Integer) Files.getAttribute(probe, "unix:uid");
		}
		finally {
			Files.delete(probe);
		}
	}

	/**
	 * Root can enter another user's folder; PostgreSQL, which never has root's rights,
	 * cannot.
	 */
	private static void requireOwner(Path root, int ownUserId) throws IOException {
		Path marker = root.resolve(FolderLock.FILE);
		if (Files.exists(marker) && !Files.getAttribute(marker, "unix:uid").equals(ownUserId)) {
			throw new DatabaseStartException(
					"The data folder %s belongs to the user %s, who is not the user of this service".formatted(root,
							Files.getOwner(marker)),
					"Start the service as the user who owns the folder.");
		}
	}

	/**
	 * Makes a renaming or a new name in a folder durable; {@code fsync} of the file alone
	 * does not.
	 */
	static void sync(Path folder) throws IOException {
		try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
			channel.force(true);
		}
	}

	Path root() {
		return this.root;
	}

	Path passwordFile() {
		return this.root.resolve(PASSWORD_FILE);
	}

	Path cluster() {
		return this.root.resolve("postgresql");
	}

	Path binaries() {
		return this.root.resolve("binaries");
	}

	Path log() {
		return this.root.resolve("log");
	}

	/** The user that this service runs as; 0 is root. */
	int ownUserId() {
		return this.ownUserId;
	}

	@Override
	public void close() {
		this.lock.close();
	}

}
