package io.metrology;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import static org.assertj.core.api.Assertions.assertThat;

/** The packaged service says what it consists of. */
class SbomIT {

	private static final Path JAR = Path.of("target", "metrology-ingest.jar");

	private static final String SBOM = "META-INF/sbom/application.cdx.json";

	private static final String LIBRARIES = "BOOT-INF/lib/";

	/** Put there by Boot's own packaging, and of the same version and licence as Boot. */
	private static final String PACKAGING = "spring-boot-jarmode-tools-";

	@Test
	void everyLibraryInTheJarIsListedWithItsLicence() throws IOException {
		try (JarFile jar = new JarFile(JAR.toFile())) {
			Map<String, JsonNode> components = components(jar);
			List<String> libraries = libraries(jar);

			assertThat(libraries).hasSizeGreaterThan(50);
			assertThat(components.keySet()).containsAll(libraries);
			assertThat(libraries).allSatisfy((library) -> {
				JsonNode component = components.get(library);
				assertThat(component.path("licenses").size()).isPositive();
				assertThat(component.path("purl").stringValue("")).startsWith("pkg:maven/");
			});
		}
	}

	/** By the names of their files. */
	private static Map<String, JsonNode> components(JarFile jar) throws IOException {
		JarEntry entry = jar.getJarEntry(SBOM);
		assertThat(entry).as(SBOM).isNotNull();
		try (InputStream in = jar.getInputStream(entry)) {
			JsonNode sbom = JsonMapper.shared().readTree(in);
			assertThat(sbom.path("bomFormat").stringValue("")).isEqualTo("CycloneDX");
			return StreamSupport.stream(sbom.path("components").spliterator(), false)
				.collect(Collectors.toMap(SbomIT::fileName, Function.identity()));
		}
	}

	private static String fileName(JsonNode component) {
		return component.path("name").stringValue("") + "-" + component.path("version").stringValue("") + ".jar";
	}

	private static List<String> libraries(JarFile jar) {
		return jar.stream()
			.map(JarEntry::getName)
			.filter((name) -> name.startsWith(LIBRARIES) && name.endsWith(".jar"))
			.map((name) -> name.substring(LIBRARIES.length()))
			.filter((name) -> !name.startsWith(PACKAGING))
			.toList();
	}

}
