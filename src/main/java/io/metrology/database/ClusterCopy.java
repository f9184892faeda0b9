package io.metrology.database;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import java.util.function.LongConsumer;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

/**
 * Copies the files of a cluster on which a server runs. Files may change, grow, shrink
 * and vanish meanwhile: the server's log, which is copied last, mends all of that.
 */
final class ClusterCopy extends SimpleFileVisitor<Path> {

	/**
	 * What PostgreSQL's manual says to leave out ("Making a Base Backup Using the Low
	 * Level API"): folders whose content belongs to the running server, or would do harm,
	 * as another server's replication slots.
	 */
	private static final Set<String> EMPTIED = Set.of("pg_wal", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial",
			"pg_snapshots", "pg_stat_tmp", "pg_subtrans");

	/** Files in the cluster's root that are left out likewise. */
	private static final Set<String> OMITTED = Set.of("postmaster.pid", "postmaster.opts", "backup_label",
			"backup_label.old", "tablespace_map", "tablespace_map.old", "backup_manifest", "current_logfiles",
			"postgresql.auto.conf.tmp", "recovery.signal", "standby.signal");

	/** Temporary files and tables, and caches that the server makes anew. */
	private static final Pattern TEMPORARY = Pattern
		.compile("pgsql_tmp.*|pg_internal\\.init.*|t\\d+_\\d+(_[a-z]+)?(\\.\\d+)?");

	private static final Path CONTROL = Path.of("global", "pg_control");

	private static final int CONTROL_TRIES = 100;

	/** Bytes between two reports of progress. */
	private static final long STEP = 8 << 20;

	private final Path from;

	private final Path to;

	private final LongConsumer progress;

	private long bytes;

	/**
	 * Prepares a copy.
	 * @param progress is told the bytes copied so far
	 */
	ClusterCopy(Path from, Path to, LongConsumer progress) {
		this.from = from;
		this.to = to;
		this.progress = progress;
	}

	/** Copies all but the log. */
	void copyFiles() throws IOException {
		Files.walkFileTree(this.from, this);
		copyControl();
		// Empty in the running server as well, where it is not used.
		for (String folder : new String[] { "archive_status", "summaries" }) {
			createFolder(this.to.resolve("pg_wal").resolve(folder));
		}
	}

	/** Copies files of the log that are complete. */
	void copyLog(Iterable<String> segments) throws IOException {
		for (String segment : segments) {
			Path file = Path.of("pg_wal", segment);
			if (!Files.exists(this.from.resolve(file))) {
				throw new BackupException(
						"The file %s of the server's log is gone; the backup would be incomplete. Try again"
							.formatted(this.from.resolve(file)));
			}
			copy(file);
		}
	}

	long bytes() {
		return this.bytes;
	}

	@Override
	public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) throws IOException {
		Path relative = this.from.relativize(folder);
		if (isTemporary(relative)) {
			return FileVisitResult.SKIP_SUBTREE;
		}
		createFolder(this.to.resolve(relative));
		return isEmptied(relative) ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
	}

	@Override
	public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
		Path relative = this.from.relativize(file);
		if (isEmptied(relative)) {
			// A link: the log may be on a disk of its own.
			createFolder(this.to.resolve(relative));
		}
		else if (!isTemporary(relative) && !isOmitted(relative) && !relative.equals(CONTROL)) {
			copyIfThere(relative);
		}
		return FileVisitResult.CONTINUE;
	}

	@Override
	public FileVisitResult visitFileFailed(Path file, IOException failure) throws IOException {
		return passVanished(failure);
	}

	@Override
	public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException failure) throws IOException {
		return (failure != null) ? passVanished(failure) : FileVisitResult.CONTINUE;
	}

	/** What was dropped meanwhile, the log drops as well. */
	private static FileVisitResult passVanished(IOException failure) throws IOException {
		if (failure instanceof NoSuchFileException) {
			return FileVisitResult.CONTINUE;
		}
		throw failure;
	}

	private static boolean isEmptied(Path relative) {
		return relative.getNameCount() == 1 && EMPTIED.contains(relative.toString());
	}

	private static boolean isOmitted(Path relative) {
		return relative.getNameCount() == 1 && OMITTED.contains(relative.toString());
	}

	private static boolean isTemporary(Path relative) {
		return TEMPORARY.matcher(String.valueOf(relative.getFileName())).matches();
	}

	private void copyIfThere(Path relative) throws IOException {
		if (Files.isDirectory(this.from.resolve(relative))) {
			throw new BackupException(
					"%s is a link to a folder, which a backup would leave out".formatted(this.from.resolve(relative)));
		}
		try {
			copy(relative);
		}
		catch (NoSuchFileException ex) {
			passVanished(ex);
		}
	}

	/** Copies a file as long as it is now: what it grows by, the log has. */
	private void copy(Path relative) throws IOException {
		try (FileChannel source = FileChannel.open(this.from.resolve(relative), StandardOpenOption.READ);
				FileChannel target = create(this.to.resolve(relative))) {
			long size = source.size();
			long position = 0;
			long copied = 1;
			while (position < size && copied > 0) {
				copied = source.transferTo(position, Math.min(size - position, STEP), target);
				position += copied;
				this.bytes += copied;
				this.progress.accept(this.bytes);
			}
		}
	}

	/**
	 * The one file that the log does not mend. The server writes it at once, but a reader
	 * may still see half of that; so it must be read twice the same.
	 */
	private void copyControl() throws IOException {
		byte[] content = Files.readAllBytes(this.from.resolve(CONTROL));
		for (int i = 0; i < CONTROL_TRIES; i++) {
			byte[] again = Files.readAllBytes(this.from.resolve(CONTROL));
			if (Arrays.equals(content, again)) {
				try (FileChannel target = create(this.to.resolve(CONTROL))) {
					target.write(ByteBuffer.wrap(content));
				}
				this.bytes += content.length;
				return;
			}
			content = again;
		}
		throw new BackupException("%s changes all the time. Try again".formatted(this.from.resolve(CONTROL)));
	}

	private static FileChannel create(Path file) throws IOException {
		return FileChannel.open(file, EnumSet.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
				DataFolder.OWNER_FILE);
	}

	private static void createFolder(Path folder) throws IOException {
		if (!Files.isDirectory(folder)) {
			Files.createDirectory(folder, DataFolder.OWNER_FOLDER);
		}
	}

}
