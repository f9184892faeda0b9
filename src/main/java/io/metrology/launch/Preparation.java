package io.metrology.launch;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.util.FileSystemUtils;

/**
 * Creates the launch copy and its archive while the service runs. An interrupted
 * preparation leaves nothing with a final name, so the next service begins again.
 */
final class Preparation {

	private static final Logger log = LoggerFactory.getLogger(Preparation.class);

	static final FileAttribute<Set<PosixFilePermission>> OWNER_FOLDER = PosixFilePermissions
		.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

	private static final String UNFINISHED = "unfinished-";

	private final Path launchFolder;

	private final @Nullable Path jar;

	private Preparation(Path launchFolder, @Nullable Path jar) {
		this.launchFolder = launchFolder;
		this.jar = jar;
	}

	/**
	 * Begins the preparation in a thread of its own.
	 * @param jar the jar of the service, null if it runs from its copy
	 */
	static void begin(Path launchFolder, @Nullable Path jar) {
		Thread thread = new Thread(new Preparation(launchFolder, jar)::run, "fast-start");
		thread.setDaemon(true);
		thread.setPriority(Thread.MIN_PRIORITY);
		thread.start();
	}

	private void run() {
		try {
			if (!Files.isDirectory(this.launchFolder)) {
				Files.createDirectory(this.launchFolder, OWNER_FOLDER);
			}
			try (FileChannel file = FileChannel.open(this.launchFolder.resolve("lock"), StandardOpenOption.CREATE,
					StandardOpenOption.WRITE); FileLock lock = file.tryLock()) {
				if (lock != null) {
					prepare();
				}
			}
		}
		catch (IOException | RuntimeException ex) {
			log.info("The next start will not be faster: {}", ex.toString());
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	private void prepare() throws IOException, InterruptedException {
		LaunchCopy copy = copy();
		if (!Files.isRegularFile(copy.archive())) {
			log.info("Preparing a faster start in {}", this.launchFolder);
			copy.deleteUnfinishedArchives();
			if (Training.run(copy, this.launchFolder)) {
				log.info("The next start will be faster");
			}
		}
	}

	private LaunchCopy copy() throws IOException {
		if (this.jar == null) {
			return new LaunchCopy(Path.of(System.getProperty(FastStart.COPY_PROPERTY)));
		}
		LaunchCopy copy = LaunchCopy.of(this.launchFolder, this.jar);
		boolean complete = Files.isDirectory(copy.folder()) && !copy.hasFailed();
		deleteFoldersExcept(complete ? copy.folder() : this.launchFolder);
		if (!complete) {
			Path unfinished = Files.createTempDirectory(this.launchFolder, UNFINISHED, OWNER_FOLDER);
			JarCopy.unpack(this.jar, new LaunchCopy(unfinished));
			if (!LaunchCopy.of(this.launchFolder, this.jar).folder().equals(copy.folder())) {
				throw new IOException("The jar was replaced meanwhile");
			}
			Files.move(unfinished, copy.folder(), StandardCopyOption.ATOMIC_MOVE);
		}
		return copy;
	}

	private void deleteFoldersExcept(Path kept) throws IOException {
		try (Stream<Path> entries = Files.list(this.launchFolder)) {
			List<Path> folders = entries.filter(Files::isDirectory)
				.filter((folder) -> !folder.equals(kept) && !folder.endsWith(Training.FOLDER))
				.toList();
			for (Path folder : folders) {
				FileSystemUtils.deleteRecursively(folder);
			}
		}
	}

}
