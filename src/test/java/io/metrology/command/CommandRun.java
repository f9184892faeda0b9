package io.metrology.command;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;

import io.metrology.TestPostgres.TestDatabase;

/**
 * A command that was run in the test's JVM.
 *
 * @param status its exit status
 * @param out what it wrote to standard output
 * @param err what it wrote to standard error
 */
record CommandRun(int status, String out, String err) {

	static CommandRun of(String... arguments) {
		StringWriter out = new StringWriter();
		StringWriter err = new StringWriter();
		int status = Commands.run(arguments, new PrintWriter(out, true), new PrintWriter(err, true));
		return new CommandRun(status, out.toString(), err.toString());
	}

	/** Runs a command on a database that is named as an external one. */
	static CommandRun on(TestDatabase database, String... arguments) {
		List<String> all = new ArrayList<>(List.of(arguments));
		all.add("--spring.datasource.url=" + database.url());
		all.add("--spring.datasource.username=" + database.username());
		all.add("--spring.datasource.password=" + database.password());
		return of(all.toArray(String[]::new));
	}

}
