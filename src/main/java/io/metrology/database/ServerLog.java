package io.metrology.database;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The files that the server logs to: {@code start.log} until it has read its settings,
 * then one for each day of the week.
 */
final class ServerLog {

	private static final int LINES = 15;

	private final Path folder;

	private FileTime begin = FileTime.from(Instant.EPOCH);

	ServerLog(Path folder) {
		this.folder = folder;
	}

	/** Marks the begin of a start. */
	void begin() throws IOException {
		Files.deleteIfExists(startFile());
		Files.createFile(startFile());
		this.begin = Files.getLastModifiedTime(startFile());
	}

	Path startFile() {
		return this.folder.resolve("start.log");
	}

	/** Returns the last lines that the server has logged since the begin of the start. */
	String lastLines() throws IOException {
		List<String> lines = new ArrayList<>();
		for (Path file : filesOfThisStart()) {
			try (Stream<String> all = Files.lines(file, StandardCharsets.ISO_8859_1)) {
				all.forEach(lines::add);
			}
		}
		return lines.stream().skip(Math.max(0, lines.size() - LINES)).collect(Collectors.joining("\n"));
	}

	private List<Path> filesOfThisStart() throws IOException {
		try (Stream<Path> files = Files.list(this.folder)) {
			return files.filter((file) -> file.equals(startFile()) || isLaterLog(file))
				.sorted(Comparator.comparing((Path file) -> !file.equals(startFile())))
				.toList();
		}
	}

	private boolean isLaterLog(Path file) {
		return file.getFileName().toString().startsWith("postgresql-")
				&& file.toFile().lastModified() >= this.begin.toMillis();
	}

}
