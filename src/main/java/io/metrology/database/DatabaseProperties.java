package io.metrology.database;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * How the service treats its database. Where that database is, say
 * {@code spring.datasource.url} and, without it, {@code metrology.data-dir}.
 *
 * @param embeddedPort the TCP port of the embedded PostgreSQL on 127.0.0.1; 0 takes any
 * free one at each start
 * @param allowUnsafeDurability whether to start on a server with {@code fsync} or
 * {@code full_page_writes} off, which can lose acknowledged data when its machine stops
 */
@Validated
@ConfigurationProperties("metrology.database")
record DatabaseProperties(@DefaultValue("0") @Min(0) @Max(65535) int embeddedPort,
		@DefaultValue("false") boolean allowUnsafeDurability) {

}
