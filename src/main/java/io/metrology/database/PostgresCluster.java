package io.metrology.database;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.util.FileSystemUtils;

/** The database cluster in the data folder, and the password that opens it. */
final class PostgresCluster {

	private static final Logger logger = LoggerFactory.getLogger(PostgresCluster.class);

	/** The name of the one user, who owns everything, and of the database. */
	static final String NAME = "metrology";

	/**
	 * What a new cluster starts with. An operator may change these in
	 * {@code postgresql.conf}; what acknowledged data depends on is set at each start.
	 */
	private static final List<String> SETTINGS = List.of(
			// Modest, for a machine that is shared with the service.
			"shared_buffers=256MB",
			// A file for each day of the week, so that the log cannot fill the disk.
			"logging_collector=on", "log_filename=postgresql-%a.log", "log_rotation_age=1d", "log_rotation_size=0",
			"log_truncate_on_rotation=on", "log_directory=../log");

	private static final String UNFINISHED = "unfinished-";

	private static final int PASSWORD_BYTES = 24;

	private final DataFolder folder;

	private PostgresCluster(DataFolder folder) {
		this.folder = folder;
	}

	/**
	 * Creates the cluster at the first start.
	 * @throws DatabaseStartException if there is one that these programs cannot use
	 */
	static PostgresCluster openOrCreate(DataFolder folder, PostgresPrograms programs) throws IOException {
		PostgresCluster cluster = new PostgresCluster(folder);
		cluster.deleteUnfinished();
		if (Files.exists(folder.cluster())) {
			cluster.requireVersion(programs.version());
			cluster.requireOwner();
		}
		else {
			cluster.create(programs);
		}
		return cluster;
	}

	private void requireVersion(String version) throws IOException {
		String major = version.substring(0, version.indexOf('.'));
		Path file = this.folder.cluster().resolve("PG_VERSION");
		String found = Files.exists(file) ? Files.readString(file).strip() : "unknown";
		if (!found.equals(major)) {
			throw new DatabaseStartException(
					"The data folder %s was written by PostgreSQL %s; this service brings PostgreSQL %s, which cannot read it"
						.formatted(this.folder.root(), found, major),
					"Run the version of this service that wrote the folder; or move the data with pg_dump and "
							+ "pg_restore to an empty folder (metrology.data-dir), or to a PostgreSQL server "
							+ "(spring.datasource.url). Nothing was changed.");
		}
	}

	private void requireOwner() throws IOException {
		Object owner = Files.getAttribute(this.folder.cluster(), "unix:uid");
		if (!owner.equals(this.folder.ownUserId())) {
			throw new DatabaseStartException(
					"The data folder %s belongs to %s, who is not the user of this service"
						.formatted(this.folder.root(), Files.getOwner(this.folder.cluster())),
					"Start the service as the user who owns the folder.");
		}
	}

	/** Creates it under another name first: a folder with its final name is complete. */
	private void create(PostgresPrograms programs) throws IOException {
		if (!Files.exists(this.folder.passwordFile())) {
			writePassword();
		}
		Path unfinished = Files.createTempDirectory(this.folder.root(), UNFINISHED, DataFolder.OWNER_FOLDER);
		Stream<String> arguments = Stream.of("--pgdata=" + unfinished, "--username=" + NAME,
				"--pwfile=" + this.folder.passwordFile(), "--auth=scram-sha-256", "--encoding=UTF8",
				// Text sorts by its bytes, on every machine.
				"--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums");
		Stream<String> settings = SETTINGS.stream().map((setting) -> "--set=" + setting);
		programs.run("initdb", Stream.concat(arguments, settings).toArray(String[]::new));
		Files.move(unfinished, this.folder.cluster(), StandardCopyOption.ATOMIC_MOVE);
		DataFolder.sync(this.folder.root());
	}

	/**
	 * Deletes what interrupted starts left. A program of theirs may still be writing;
	 * then the next start finds the rest.
	 */
	private void deleteUnfinished() throws IOException {
		try (DirectoryStream<Path> entries = Files.newDirectoryStream(this.folder.root(), UNFINISHED + "*")) {
			for (Path entry : entries) {
				try {
					FileSystemUtils.deleteRecursively(entry);
				}
				catch (IOException ex) {
					logger.debug("Not deleted yet: {}", entry, ex);
				}
			}
		}
	}

	private void writePassword() throws IOException {
		byte[] random = new byte[PASSWORD_BYTES];
		new SecureRandom().nextBytes(random);
		String password = Base64.getUrlEncoder().withoutPadding().encodeToString(random);
		Path unfinished = Files.createTempFile(this.folder.root(), UNFINISHED, null, DataFolder.OWNER_FILE);
		Files.writeString(unfinished, password + "\n");
		Files.move(unfinished, this.folder.passwordFile(), StandardCopyOption.ATOMIC_MOVE);
	}

	String password() throws IOException {
		if (!Files.exists(this.folder.passwordFile())) {
			throw new DatabaseStartException("The file with the password of the embedded PostgreSQL, %s, is missing"
				.formatted(this.folder.passwordFile()), "Put it back, from a backup of the data folder.");
		}
		return Files.readString(this.folder.passwordFile()).strip();
	}

	Path path() {
		return this.folder.cluster();
	}

}
