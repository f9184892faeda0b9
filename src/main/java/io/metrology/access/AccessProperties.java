package io.metrology.access;

import java.util.List;

import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.StringUtils;

/**
 * Who may use the service.
 *
 * @param bootstrapKey a key with all scopes, at least 20 characters long, that is made at
 * start if it is not known yet; empty for none
 * @param openMetrics whether {@code /actuator/prometheus} is served without a key
 * @param corsOrigins the origins, such as {@code https://lab.example.org}, whose pages
 * may use the API from a browser; none by default
 */
@ConfigurationProperties("metrology.access")
record AccessProperties(@Nullable String bootstrapKey, @DefaultValue("false") boolean openMetrics,
		@DefaultValue List<String> corsOrigins) {

	/** The bootstrap key, or null where none is set. */
	@Nullable SecretKey bootstrapSecret() {
		return StringUtils.hasText(this.bootstrapKey) ? new SecretKey(this.bootstrapKey.strip()) : null;
	}

	/** Without the key: texts end up in logs. */
	@Override
	public String toString() {
		return "AccessProperties[openMetrics=" + this.openMetrics + ", corsOrigins=" + this.corsOrigins + "]";
	}

}
