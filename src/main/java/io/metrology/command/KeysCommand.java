package io.metrology.command;

import java.io.PrintWriter;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.EnumSet;
import java.util.List;
import java.util.UUID;

import io.metrology.access.ApiKey;
import io.metrology.access.ApiKeyRequest;
import io.metrology.access.ApiKeyService.NewApiKey;
import io.metrology.access.ApiKeyService;
import io.metrology.access.Scope;
import io.metrology.database.ServiceDatabase.MissingFolder;
import io.metrology.database.ServiceDatabase;
import io.metrology.http.Caller;
import io.metrology.http.RequestTime;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine;

/** API keys without a key: for the first one, and for when all are lost. */
@Command(name = "keys", description = "Makes, lists and revokes API keys.", mixinStandardHelpOptions = true)
class KeysCommand implements Runnable {

	@Spec
	@SuppressWarnings("NullAway.Init")
	private CommandSpec spec;

	/** The command, with what it may do. */
	static CommandLine commandLine(Settings settings) {
		return new CommandLine(new KeysCommand()).addSubcommand(new Create(settings))
			.addSubcommand(new ListAll(settings))
			.addSubcommand(new Revoke(settings));
	}

	@Override
	public void run() {
		throw new ParameterException(this.spec.commandLine(), "Create, list or revoke?");
	}

	/** Makes a key, and prints it: alone on the output, so that a script can take it. */
	@Command(name = "create", description = "Makes a key and prints it, once.", mixinStandardHelpOptions = true)
	static class Create implements Runnable {

		private final Settings settings;

		@Spec
		@SuppressWarnings("NullAway.Init")
		private CommandSpec spec;

		@Option(names = "--name", required = true, description = "What people are to call it.")
		@SuppressWarnings("NullAway.Init")
		private String name;

		@Option(names = "--scopes", required = true, split = ",", converter = ScopeText.class,
				description = "What it may be used for: read, write, delete, admin, separated by commas.")
		@SuppressWarnings("NullAway.Init")
		private List<Scope> scopes;

		@Option(names = "--expires", converter = TimeText.class,
				description = "From when on it opens nothing: 2030-01-31 or 2030-01-31T12:00:00Z. Never, if left out.")
		private @Nullable Instant expires;

		Create(Settings settings) {
			this.settings = settings;
		}

		@Override
		public void run() {
			ApiKeyRequest request = new ApiKeyRequest(this.name, EnumSet.copyOf(this.scopes), this.expires);
			request.fault().ifPresent((fault) -> {
				throw new ParameterException(this.spec.commandLine(), fault);
			});
			try (ServiceDatabase database = ServiceDatabase.open(this.settings.read(), MissingFolder.CREATE)) {
				database.migrate();
				NewApiKey made = ApiKeyService.on(database.dataSource()).create(request, Caller.WITHOUT_KEY);
				this.spec.commandLine()
					.getErr()
					.printf("Made key %s (%s). It is shown this once:%n", made.key().id(), made.key().name());
				this.spec.commandLine().getOut().println(made.secret().reveal());
			}
		}

	}

	/** Lists all keys, without the keys themselves. */
	@Command(name = "list", description = "Lists all keys ever made, without the keys themselves.",
			mixinStandardHelpOptions = true)
	static class ListAll implements Runnable {

		private final Settings settings;

		private static final String ROW = "%-36s  %-20s  %-24s  %-20s  %-20s  %-20s  %s%n";

		@Spec
		@SuppressWarnings("NullAway.Init")
		private CommandSpec spec;

		ListAll(Settings settings) {
			this.settings = settings;
		}

		@Override
		public void run() {
			try (ServiceDatabase database = ServiceDatabase.open(this.settings.read(), MissingFolder.REFUSE)) {
				database.migrate();
				PrintWriter out = this.spec.commandLine().getOut();
				out.printf(ROW, "ID", "CREATED", "SCOPES", "EXPIRES", "LAST USED", "REVOKED", "NAME");
				ApiKeyService.on(database.dataSource()).list().forEach((key) -> print(key, out));
				out.flush();
			}
		}

		private static void print(ApiKey key, PrintWriter out) {
			String scopes = String.join(",", key.scopes().stream().sorted().map(Scope::label).toList());
			out.printf(ROW, key.id(), shown(key.createdAt()), scopes, shown(key.expiresAt()), shown(key.lastUsedAt()),
					shown(key.revokedAt()), key.name());
		}

		private static String shown(@Nullable Instant time) {
			return (time != null) ? Instant.ofEpochSecond(time.getEpochSecond()).toString() : "-";
		}

	}

	/** Revokes a key. */
	@Command(name = "revoke", description = "Revokes a key, for good. A running service refuses it within two seconds.",
			mixinStandardHelpOptions = true)
	static class Revoke implements Runnable {

		private final Settings settings;

		@Spec
		@SuppressWarnings("NullAway.Init")
		private CommandSpec spec;

		@Parameters(paramLabel = "ID", description = "The key's id, as keys list shows it.")
		@SuppressWarnings("NullAway.Init")
		private UUID id;

		Revoke(Settings settings) {
			this.settings = settings;
		}

		@Override
		public void run() {
			try (ServiceDatabase database = ServiceDatabase.open(this.settings.read(), MissingFolder.REFUSE)) {
				database.migrate();
				ApiKeyService.on(database.dataSource()).revoke(this.id, Caller.WITHOUT_KEY);
				this.spec.commandLine().getErr().printf("Revoked key %s.%n", this.id);
			}
		}

	}

	/** A scope by its name. */
	static class ScopeText implements ITypeConverter<Scope> {

		@Override
		public Scope convert(String text) {
			return Scope.of(text.strip())
				.orElseThrow(() -> new TypeConversionException("'" + text + "' is none of " + Scope.choices()));
		}

	}

	/** A day, from its begin in UTC, or a moment. */
	static class TimeText implements ITypeConverter<Instant> {

		@Override
		public Instant convert(String text) {
			try {
				return (text.length() == "2030-01-31".length())
						? LocalDate.parse(text).atStartOfDay(ZoneOffset.UTC).toInstant() : RequestTime.parse(text);
			}
			catch (DateTimeException ex) {
				throw new TypeConversionException("'" + text + "' is no time such as 2030-01-31T12:00:00Z");
			}
		}

	}

}
