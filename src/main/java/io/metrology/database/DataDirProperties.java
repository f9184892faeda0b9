package io.metrology.database;

import java.nio.file.Path;

import jakarta.validation.constraints.NotBlank;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * Where the service keeps what must outlive it. The component is a text, because Spring's
 * conversion to a {@code Path} looks on the class path first.
 *
 * @param dataDir the folder of the embedded PostgreSQL: absolute, or relative to the
 * working directory
 */
@Validated
@ConfigurationProperties("metrology")
record DataDirProperties(@DefaultValue("./data") @NotBlank String dataDir) {

	Path path() {
		return Path.of(this.dataDir);
	}

}
