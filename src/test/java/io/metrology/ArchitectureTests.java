package io.metrology;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.conditions.ArchConditions.onlyDependOnClassesThat;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static org.assertj.core.api.Assertions.assertThat;

/** Which feature may use which. */
class ArchitectureTests {

	private static final JavaClasses CLASSES = new ClassFileImporter()
		.withImportOption(new ImportOption.DoNotIncludeTests())
		.importPackages("io.metrology");

	@ParameterizedTest
	@CsvSource({ "http,", "database,", "launch,", "access, http", "stream, http", "ingest, http|stream",
			"series, http|stream", "refusals, ingest|http|database", "check, ingest",
			"command, database|access|check|http" })
	void aFeatureUsesOnlyWhatItMay(String feature, String allowed) {
		var permitted = resideInAPackage("io.metrology." + feature + "..");
		for (String other : (allowed != null) ? allowed.split("\\|") : new String[0]) {
			permitted = permitted.or(resideInAPackage("io.metrology." + other + ".."));
		}
		ArchRule rule = classes().that()
			.resideInAPackage("io.metrology." + feature + "..")
			.should(onlyDependOnClassesThat(permitted.or(resideInAPackage("io.metrology..").negate())
				.as("itself, " + allowed + " or libraries")));
		rule.check(CLASSES);
	}

	@Test
	void everyFeatureHasARule() {
		assertThat(CLASSES.stream().map((type) -> type.getPackageName()).distinct()).containsExactlyInAnyOrder(
				"io.metrology", "io.metrology.http", "io.metrology.http.load", "io.metrology.database",
				"io.metrology.stream", "io.metrology.ingest", "io.metrology.series", "io.metrology.access",
				"io.metrology.refusals", "io.metrology.command", "io.metrology.check", "io.metrology.launch");
	}

}
