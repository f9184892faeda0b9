package io.metrology.launch;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * The unpacked copy of one jar for one JDK, in the data folder.
 *
 * <pre>
 * launch/lock                     locked while a service prepares a copy
 * launch/training/                the data folder of the run that records the classes
 * launch/&lt;jar&gt;-&lt;JDK&gt;/              complete if it has this name
 *   metrology-ingest.jar, lib/    the copy
 *   classes                       the archive of loaded classes
 *   libjnidispatch.so             the native part of JNA
 *   starting-&lt;pid&gt;                a process that has not reached its main method yet
 * </pre>
 */
final class LaunchCopy {

	static final String NATIVE_LIBRARY = "libjnidispatch.so";

	/** The first JDK whose cache also has linked classes and profiles. */
	private static final int AOT_CACHE_VERSION = 25;

	/** The JVM cannot map the objects of the archive into a smaller heap. */
	private static final long MIN_HEAP = 64L << 20;

	private static final String STARTING = "starting-";

	private static final String UNFINISHED_ARCHIVE = "classes-";

	private final Path folder;

	LaunchCopy(Path folder) {
		this.folder = folder;
	}

	static Path folderIn(Path dataFolder) {
		return dataFolder.resolve("launch");
	}

	static LaunchCopy of(Path launchFolder, Path jar) throws IOException {
		String java = System.getProperty("java.vm.version") + "-" + System.getProperty("os.arch");
		return new LaunchCopy(launchFolder.resolve(JarDigest.of(jar) + "-" + java.replaceAll("[^A-Za-z0-9.+_-]", "_")));
	}

	Path folder() {
		return this.folder;
	}

	Path jar() {
		return this.folder.resolve("metrology-ingest.jar");
	}

	Path archive() {
		return this.folder.resolve("classes");
	}

	/** An archive under another name, until it is complete. */
	Path unfinishedArchive() {
		return this.folder.resolve(UNFINISHED_ARCHIVE + ProcessHandle.current().pid());
	}

	void deleteUnfinishedArchives() throws IOException {
		try (DirectoryStream<Path> files = Files.newDirectoryStream(this.folder, UNFINISHED_ARCHIVE + "*")) {
			for (Path file : files) {
				Files.delete(file);
			}
		}
	}

	/** Whether the JVM creates an AOT cache. Older ones create an archive of classes. */
	static boolean hasAotCache() {
		return Runtime.version().feature() >= AOT_CACHE_VERSION;
	}

	/** The options of the JVM that runs from this copy. */
	List<String> options() {
		List<String> options = new ArrayList<>();
		options.add("-D" + FastStart.COPY_PROPERTY + "=" + this.folder);
		if (Files.isRegularFile(this.archive())) {
			if (hasAotCache()) {
				options.addAll(List.of("-XX:AOTCache=" + archive(), "-Xlog:aot*=off", "-Xlog:cds*=off"));
			}
			else {
				options.addAll(List.of("-XX:SharedArchiveFile=" + archive(), "-Xlog:cds*=off"));
			}
			if (Runtime.getRuntime().totalMemory() < MIN_HEAP) {
				options.add("-Xms64m");
			}
		}
		return options;
	}

	/**
	 * Whether a start may run from this copy: it is complete, nobody else can change it,
	 * and the last start from it reached its main method.
	 */
	boolean isUsable() throws IOException {
		return Files.isDirectory(this.folder, LinkOption.NOFOLLOW_LINKS) && isOwn()
				&& Runtime.getRuntime().maxMemory() >= MIN_HEAP * 2 && !hasFailed();
	}

	/** The working directory decides on the data folder, and may be another user's. */
	private boolean isOwn() throws IOException {
		Object ownUser = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
		for (Path path : List.of(this.folder.getParent(), this.folder, jar())) {
			Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(path);
			if (!Files.getAttribute(path, "unix:uid").equals(ownUser)
					|| permissions.contains(PosixFilePermission.GROUP_WRITE)
					|| permissions.contains(PosixFilePermission.OTHERS_WRITE)) {
				return false;
			}
		}
		return true;
	}

	/** If so, the copy is unusable until it is prepared again. */
	boolean hasFailed() throws IOException {
		try (DirectoryStream<Path> marks = Files.newDirectoryStream(this.folder, STARTING + "*")) {
			for (Path mark : marks) {
				long pid = Long.parseLong(mark.getFileName().toString().substring(STARTING.length()));
				if (pid == ProcessHandle.current().pid() || ProcessHandle.of(pid).isEmpty()) {
					return true;
				}
			}
		}
		return false;
	}

	/** Notes that this process starts from the copy. Its number stays the same. */
	void markStarting() throws IOException {
		Files.createFile(ownMark());
	}

	void markStarted() throws IOException {
		Files.deleteIfExists(ownMark());
	}

	private Path ownMark() {
		return this.folder.resolve(STARTING + ProcessHandle.current().pid());
	}

}
