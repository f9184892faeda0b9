package io.metrology.series;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * How series are read.
 *
 * @param maxDownloads the most series that are written to clients at the same time, each
 * of which takes a thread and a few megabytes
 */
@Validated
@ConfigurationProperties("metrology.series")
record SeriesProperties(@Min(1) @Max(150) @DefaultValue("32") int maxDownloads) {
}
