package io.metrology.access;

import java.time.Instant;
import java.util.Set;
import java.util.UUID;

import org.jspecify.annotations.Nullable;

/**
 * A key as the service knows it: all but the key itself.
 *
 * @param id what it is called on record
 * @param name what people call it
 * @param scopes what it may be used for
 * @param createdAt when it was made
 * @param createdBy the key that made it, or null
 * @param expiresAt from when on it opens nothing, or null for never
 * @param lastUsedAt when it was last used, to within a few seconds, or null
 * @param revokedAt when it was revoked, or null
 * @param revokedBy the key that revoked it, or null
 */
public record ApiKey(UUID id, String name, Set<Scope> scopes, Instant createdAt, @Nullable UUID createdBy,
		@Nullable Instant expiresAt, @Nullable Instant lastUsedAt, @Nullable Instant revokedAt,
		@Nullable UUID revokedBy) {

	/** Whether its time is over. */
	boolean isExpired(Instant now) {
		return this.expiresAt != null && !now.isBefore(this.expiresAt);
	}

}
