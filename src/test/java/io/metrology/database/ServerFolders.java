package io.metrology.database;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

import static org.assertj.core.api.Assertions.assertThat;

/** Data folders for tests, with the programs already unpacked: that takes the longest. */
final class ServerFolders {

	private static final Path UNPACKED = unpack();

	private ServerFolders() {
	}

	/** Returns a data folder below the given one on which no server ever ran. */
	static Path newFolder(Path parent) {
		Path folder = parent.resolve("data");
		try {
			Files.createDirectory(folder, DataFolder.OWNER_FOLDER);
			Files.createFile(folder.resolve(FolderLock.FILE));
			Process copy = new ProcessBuilder("cp", "-pPR", UNPACKED.toString(), folder.toString()).inheritIO().start();
			assertThat(copy.onExit().join().exitValue()).isZero();
			return folder;
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private static Path unpack() {
		try (DataFolder folder = DataFolder.open(Path.of("target", "test-programs"))) {
			PostgresPrograms.unpackInto(folder, PostgresArchive.forThisPlatform());
			return folder.binaries();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

}
