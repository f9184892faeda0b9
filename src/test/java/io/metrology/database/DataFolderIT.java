package io.metrology.database;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import org.assertj.core.api.ThrowableAssertAlternative;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/** On which folders the embedded server starts, and what it says about the others. */
class DataFolderIT {

	@TempDir
	private Path parent;

	@Test
	void secondServiceOnTheFolderIsRefused() throws IOException {
		Path folder = ServerFolders.newFolder(this.parent);
		Process first = EmbeddedServerProgram.start(folder);
		try {
			EmbeddedServerProgram.awaitReady(first);

			assertRefused(folder).withMessageContainingAll(folder.toString(), "in use", "process " + first.pid() + ")");
		}
		finally {
			end(first);
		}
	}

	@Test
	void secondServerInTheProcessIsRefusedAndTheFirstKeepsTheFolder() throws IOException {
		Path folder = ServerFolders.newFolder(this.parent);
		try (EmbeddedServer first = EmbeddedServer.start(folder, 0)) {
			assertRefused(folder).withMessageContaining("in use");

			Process other = EmbeddedServerProgram.start(folder);
			assertThat(other.onExit().join().exitValue()).isNotZero();
			assertThat(first.dataFolder()).isEqualTo(folder);
		}
	}

	@Test
	void foreignFolderIsRefusedAndLeftAlone() throws IOException {
		Files.writeString(this.parent.resolve("thesis.tex"), "important");

		assertRefused(this.parent).withMessageContainingAll(this.parent.toString(), "thesis.tex");

		assertThat(this.parent.toFile().list()).containsExactly("thesis.tex");
	}

	@Test
	void foreignClusterIsRefused() throws IOException {
		Files.writeString(this.parent.resolve("PG_VERSION"), "18\n");

		assertRefused(this.parent).withMessageContainingAll(this.parent.toString(), "PG_VERSION");
	}

	@Test
	void freshVolumeIsAccepted() throws IOException {
		Files.createDirectory(this.parent.resolve("lost+found"));

		DataFolder.open(this.parent).close();

		assertThat(this.parent.resolve(FolderLock.FILE)).exists();
	}

	@Test
	void clusterOfAnotherMajorVersionIsRefused() throws IOException {
		Path folder = ServerFolders.newFolder(this.parent);
		Files.createDirectory(folder.resolve("postgresql"));
		Files.writeString(folder.resolve("postgresql/PG_VERSION"), "17\n");

		assertRefused(folder).withMessageContainingAll(folder.toString(), "PostgreSQL 17", "PostgreSQL 18");
	}

	@Test
	void folderThatCannotExistIsRefused() throws IOException {
		Path file = Files.createFile(this.parent.resolve("file"));

		assertRefused(file.resolve("data")).withMessageContaining(file.toString());
	}

	@Test
	void pathThatAShellWouldChangeIsRefused() {
		assertRefused(this.parent.resolve("$(date)")).withMessageContaining("character");
	}

	@Test
	void pathWithBlanksIsAccepted() throws IOException {
		Path folder = ServerFolders.newFolder(Files.createDirectory(this.parent.resolve("my 'data' ü")));

		EmbeddedServer.start(folder, 0).close();

		assertThat(folder.resolve("postgresql/PG_VERSION")).exists();
	}

	@Test
	void missingPasswordIsNamed() throws IOException {
		Path folder = ServerFolders.newFolder(this.parent);
		EmbeddedServer.start(folder, 0).close();
		Files.delete(folder.resolve("postgresql-password"));

		assertRefused(folder).withMessageContaining("postgresql-password");
	}

	@Test
	void refusedFolderIsFreeAgain() throws IOException {
		clusterOfAnotherMajorVersionIsRefused();

		DataFolder.open(this.parent.resolve("data")).close();
	}

	private static ThrowableAssertAlternative<DatabaseStartException> assertRefused(Path folder) {
		return assertThatExceptionOfType(DatabaseStartException.class)
			.isThrownBy(() -> EmbeddedServer.start(folder, 0).close());
	}

	private static void end(Process service) throws IOException {
		service.getOutputStream().close();
		service.onExit().join();
	}

}
