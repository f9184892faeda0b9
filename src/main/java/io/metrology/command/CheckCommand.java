package io.metrology.command;

import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

import io.metrology.check.Checked;
import io.metrology.check.DatabaseCheck;
import io.metrology.check.Finding;
import io.metrology.database.ServiceDatabase;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine;

/** {@code check}: whether what is stored agrees with itself. */
@Command(name = "check", mixinStandardHelpOptions = true,
		description = "Checks that all that is stored agrees with itself: every chunk with its content hash, counts and "
				+ "summary, every channel with its chunks, every row with what it belongs to. It only reads, also "
				+ "beside the running service, with a role that may only read, or on a standby. Exit status 1 if "
				+ "anything is wrong.")
class CheckCommand implements Callable<Integer> {

	private static final int LINES = 100;

	private static final long SILENCE = TimeUnit.SECONDS.toNanos(5);

	private final Settings settings;

	@Spec
	@SuppressWarnings("NullAway.Init")
	private CommandSpec spec;

	@Option(names = "--stream", paramLabel = "UUID",
			description = "Checks the stream with this data_id alone. May be given several times.")
	private List<UUID> streams = List.of();

	private long lines;

	private long lastProgress;

	CheckCommand(Settings settings) {
		this.settings = settings;
	}

	@Override
	public Integer call() throws Exception {
		try (ServiceDatabase database = ServiceDatabase.open(this.settings.read(),
				ServiceDatabase.MissingFolder.REFUSE)) {
			Checked checked = check(database);
			print(checked, database);
			return (checked.findings() == 0) ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
		}
	}

	private Checked check(ServiceDatabase database) throws Exception {
		long[] expected = new long[1];
		try (DatabaseCheck check = new DatabaseCheck(database.dataSource(), this::print,
				(checked) -> printProgress(checked, expected[0]))) {
			this.lastProgress = System.nanoTime();
			expected[0] = check.estimatedChunks();
			return this.streams.isEmpty() ? check.all() : check.streams(this.streams);
		}
	}

	private void print(Finding finding) {
		if (this.lines++ < LINES) {
			out().println(finding);
		}
	}

	private void printProgress(Checked checked, long expected) {
		long now = System.nanoTime();
		if (now - this.lastProgress > SILENCE) {
			this.lastProgress = now;
			String ofAbout = (this.streams.isEmpty() && expected > 0) ? " of about %,d".formatted(expected) : "";
			this.spec.commandLine()
				.getErr()
				.printf(Locale.ROOT, "Checked %,d%s chunks, %,d findings so far%n", checked.chunks(), ofAbout,
						checked.findings());
		}
	}

	private void print(Checked checked, ServiceDatabase database) {
		if (this.lines > LINES) {
			out().printf(Locale.ROOT, "... and %,d more%n", this.lines - LINES);
		}
		if (checked.toBePurged() > 0) {
			out().printf(Locale.ROOT, "%,d chunks of deleted streams are still to be removed%n", checked.toBePurged());
		}
		out().printf(Locale.ROOT, "Checked %,d streams, %,d channels and %,d chunks with %,d points in %s: %s%n",
				checked.streams(), checked.channels(), checked.chunks(), checked.points(), database.description(),
				(checked.findings() == 0) ? "all is well"
						: String.format(Locale.ROOT, "%,d findings", checked.findings()));
	}

	private PrintWriter out() {
		return this.spec.commandLine().getOut();
	}

}
