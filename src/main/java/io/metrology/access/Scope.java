package io.metrology.access;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** What a key may be used for. None implies another. */
public enum Scope {

	/** To read streams, points and metrics. */
	READ,
	/** To make streams, to store chunks, to correct units and to finalize. */
	WRITE,
	/** To delete streams. */
	DELETE,
	/** To make, list and revoke keys. */
	ADMIN;

	/** Its name on the wire, in the database and on the command line. */
	public String label() {
		return name().toLowerCase(Locale.ROOT);
	}

	/** The scope of that name. */
	public static Optional<Scope> of(String label) {
		return Arrays.stream(values()).filter((scope) -> scope.label().equals(label)).findFirst();
	}

	/** All scopes. */
	public static Set<Scope> all() {
		return EnumSet.allOf(Scope.class);
	}

	/** The names of all scopes, for people. */
	public static String choices() {
		return Arrays.stream(values()).map(Scope::label).collect(Collectors.joining(", "));
	}

	/** The names of some scopes, always in the same order. */
	static List<String> labels(Set<Scope> scopes) {
		return scopes.stream().sorted().map(Scope::label).toList();
	}

}
