package io.metrology.command;

import java.nio.file.Path;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

import io.metrology.database.BackupReceipt;
import io.metrology.database.OnlineBackup;
import io.metrology.database.ServiceDatabase;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code backup}: the embedded server's data, copied while it runs. */
@Command(name = "backup", mixinStandardHelpOptions = true,
		description = "Copies the data of the embedded PostgreSQL into a new folder, also while the service runs: "
				+ "all that was acknowledged before the moment that it prints is in it. The copy is a data folder "
				+ "that the service starts from. For another server use pg_basebackup.")
class BackupCommand implements Callable<Integer> {

	private static final double MEGABYTE = 1_000_000;

	private static final long SILENCE = TimeUnit.SECONDS.toNanos(5);

	private final Settings settings;

	@Spec
	@SuppressWarnings("NullAway.Init")
	private CommandSpec spec;

	@Parameters(paramLabel = "FOLDER",
			description = "The folder to make. It appears once the backup is complete and on disk.")
	@SuppressWarnings("NullAway.Init")
	private Path folder;

	private long lastProgress;

	BackupCommand(Settings settings) {
		this.settings = settings;
	}

	@Override
	public Integer call() throws Exception {
		try (ServiceDatabase database = ServiceDatabase.open(this.settings.read(),
				ServiceDatabase.MissingFolder.REFUSE)) {
			this.lastProgress = System.nanoTime();
			print(OnlineBackup.of(database).to(this.folder, this::printProgress));
			return CommandLine.ExitCode.OK;
		}
	}

	private void printProgress(long bytes, long expected) {
		long now = System.nanoTime();
		if (now - this.lastProgress > SILENCE) {
			this.lastProgress = now;
			this.spec.commandLine()
				.getErr()
				.printf(Locale.ROOT, "Copied %,.0f MB of about %,.0f MB%n", bytes / MEGABYTE, expected / MEGABYTE);
		}
	}

	private void print(BackupReceipt backup) {
		this.spec.commandLine()
			.getOut()
			.printf(Locale.ROOT, """
					Backed up %,.1f MB in %.1f s to %s
					It holds all that was acknowledged before %s (LSN %s).
					Check it:       METROLOGY_DATA_DIR='%3$s' java -jar metrology-ingest.jar check
					Start from it:  METROLOGY_DATA_DIR='%3$s' java -jar metrology-ingest.jar
					""", backup.bytes() / MEGABYTE, backup.duration().toMillis() / 1000.0, backup.folder(),
					// Rounded down, so that it stays true.
					backup.holdsUntil().truncatedTo(ChronoUnit.MILLIS), backup.stopLsn());
	}

}
