package io.metrology.database;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;

import org.jspecify.annotations.Nullable;

import org.springframework.util.FileSystemUtils;

/**
 * Copies the data folder of the embedded server while that runs, into one that the
 * service can be started from: a base backup by PostgreSQL's low-level interface, as the
 * embedded server comes without {@code pg_basebackup}.
 */
public final class OnlineBackup {

	private final ServiceDatabase database;

	private final Path source;

	private OnlineBackup(ServiceDatabase database, Path source) {
		this.database = database;
		this.source = source;
	}

	/**
	 * Prepares a backup.
	 * @throws BackupException if the database is not an embedded one
	 */
	public static OnlineBackup of(ServiceDatabase database) {
		return new OnlineBackup(database,
				database.dataFolder()
					.orElseThrow(() -> new BackupException("backup is for the embedded PostgreSQL. Of "
							+ database.description() + " make a backup with pg_basebackup, see docs/backup.md.")));
	}

	/**
	 * Makes a backup.
	 * @param folder the data folder to make; nothing must be there yet
	 * @param progress is told how far the copying has come
	 * @return once all of it is on disk
	 * @throws BackupException if it cannot be made there; then nothing is left of it
	 */
	public BackupReceipt to(Path folder, Progress progress) throws SQLException {
		Instant begun = Instant.now();
		Path target = folder.toAbsolutePath().normalize();
		try {
			Path parent = requirePlace(target);
			Path unfinished = Files.createTempDirectory(parent, target.getFileName() + ".unfinished-",
					DataFolder.OWNER_FOLDER);
			try {
				Copied copied = copyInto(unfinished, progress);
				sync(unfinished);
				Files.move(unfinished, target, StandardCopyOption.ATOMIC_MOVE);
				DataFolder.sync(parent);
				return new BackupReceipt(target, copied.bytes(), copied.holdsUntil(), copied.stopLsn(),
						Duration.between(begun, Instant.now()));
			}
			catch (IOException | SQLException | RuntimeException ex) {
				FileSystemUtils.deleteRecursively(unfinished);
				throw ex;
			}
		}
		catch (IOException ex) {
			throw new BackupException("The backup in %s cannot be made: %s".formatted(target, ex), ex);
		}
	}

	/** Returns the folder in which the backup is to be made. */
	private Path requirePlace(Path target) throws IOException {
		DataFolder.requirePlainPath(target);
		if (Files.exists(target)) {
			throw new BackupException("%s exists already. Name a new folder for the backup.".formatted(target));
		}
		Path parent = target.getParent();
		if (parent == null || !Files.isDirectory(parent)) {
			throw new BackupException("There is no folder %s to make the backup in.".formatted(parent));
		}
		if (parent.toRealPath().startsWith(this.source)) {
			throw new BackupException("%s is inside of the data folder. Name a folder elsewhere, best on another disk."
				.formatted(target));
		}
		return parent;
	}

	private Copied copyInto(Path unfinished, Progress progress) throws IOException, SQLException {
		ClusterCopy copy;
		Instant holdsUntil;
		BackupSession.Stop stop;
		try (BackupSession session = BackupSession.start(this.database.dataSource())) {
			long expected = session.size();
			copy = new ClusterCopy(this.source.resolve("postgresql"), unfinished.resolve("postgresql"),
					(bytes) -> progress.copied(bytes, expected));
			copy.copyFiles();
			holdsUntil = Instant.now();
			stop = session.stop();
			// While the session still keeps it.
			copy.copyLog(stop.segments());
		}
		write(unfinished.resolve("postgresql/backup_label"), stop.label());
		write(unfinished.resolve(DataFolder.PASSWORD_FILE),
				Files.readString(this.source.resolve(DataFolder.PASSWORD_FILE)));
		// Last: without it no service starts on the folder.
		write(unfinished.resolve(FolderLock.FILE), "");
		return new Copied(copy.bytes(), holdsUntil, stop.lsn());
	}

	private static void write(Path file, String content) throws IOException {
		Files.createFile(file, DataFolder.OWNER_FILE);
		Files.writeString(file, content);
	}

	/** Only now, so that most of it is on disk already. */
	private static void sync(Path folder) throws IOException {
		Files.walkFileTree(folder, new SimpleFileVisitor<>() {

			@Override
			public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
				try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
					channel.force(true);
				}
				return FileVisitResult.CONTINUE;
			}

			@Override
			public FileVisitResult postVisitDirectory(Path visited, @Nullable IOException failure) throws IOException {
				if (failure != null) {
					throw failure;
				}
				DataFolder.sync(Objects.requireNonNull(visited));
				return FileVisitResult.CONTINUE;
			}

		});
	}

	/** Is told how far a backup has come. */
	public interface Progress {

		/**
		 * Called now and then.
		 * @param bytes how many were copied
		 * @param expected about how many there are, the log not counted
		 */
		void copied(long bytes, long expected);

	}

	/**
	 * What was copied.
	 *
	 * @param bytes how much
	 * @param holdsUntil what was acknowledged before is in it
	 * @param stopLsn where the log stood
	 */
	private record Copied(long bytes, Instant holdsUntil, String stopLsn) {

	}

}
