package io.metrology.database;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The claim of one process on a data folder. The operating system gives it up with the
 * process, however that ends, and a server that outlives us does not inherit it: so
 * whoever holds it may treat a running server as an orphan.
 */
final class FolderLock implements AutoCloseable {

	static final String FILE = "metrology.lock";

	/**
	 * The folders that this process holds. Closing a second channel on a locked file
	 * would give up the lock (POSIX), so that it must not even be opened.
	 */
	private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

	private final Path folder;

	private final FileChannel channel;

	private FolderLock(Path folder, FileChannel channel) {
		this.folder = folder;
		this.channel = channel;
	}

	/**
	 * Takes the folder for this process.
	 * @throws FolderInUseException if another service, or a command, has it
	 */
	static FolderLock acquire(Path folder) throws IOException {
		if (!HELD.add(folder)) {
			throw inUse(folder, Long.toString(ProcessHandle.current().pid()));
		}
		try {
			return lock(folder);
		}
		catch (IOException | RuntimeException ex) {
			HELD.remove(folder);
			throw ex;
		}
	}

	private static FolderLock lock(Path folder) throws IOException {
		Path file = folder.resolve(FILE);
		FileChannel channel = FileChannel.open(file, Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE),
				DataFolder.OWNER_FILE);
		try {
			if (channel.tryLock() == null) {
				throw inUse(folder, Files.readString(file).strip());
			}
			channel.truncate(0);
			String pid = ProcessHandle.current().pid() + "\n";
			channel.write(ByteBuffer.wrap(pid.getBytes(StandardCharsets.US_ASCII)));
			return new FolderLock(folder, channel);
		}
		catch (IOException | RuntimeException ex) {
			channel.close();
			throw ex;
		}
	}

	private static FolderInUseException inUse(Path folder, String pid) {
		String holder = pid.isEmpty() ? "another service or command"
				: "another service or command (process " + pid + ")";
		return new FolderInUseException("The data folder %s is in use by %s".formatted(folder, holder),
				"Stop it, or give this one a folder of its own with metrology.data-dir " + "(METROLOGY_DATA_DIR).");
	}

	@Override
	public void close() {
		try {
			this.channel.close();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		finally {
			HELD.remove(this.folder);
		}
	}

}
