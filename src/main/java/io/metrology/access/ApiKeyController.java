package io.metrology.access;

import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.UUID;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.metrology.access.ApiKeyService.NewApiKey;
import io.metrology.http.Caller;
import io.metrology.http.PathId;
import io.metrology.http.RequestReader;
import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.http.CacheControl;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;

/** Keys over HTTP, for those who have the scope {@code admin}. */
@RestController
@RequestMapping(path = "/api-keys", produces = MediaType.APPLICATION_JSON_VALUE)
class ApiKeyController {

	private final RequestReader requests;

	private final ApiKeyService service;

	ApiKeyController(RequestReader requests, ApiKeyService service) {
		this.requests = requests;
		this.service = service;
	}

	/**
	 * Makes a key: {@code {"name": "furnace 3", "scopes": ["write"], "expires_at":
	 * "2030-01-31T00:00:00Z"}}. Answers 201 with the key, which is never shown again.
	 */
	@PostMapping(consumes = MediaType.APPLICATION_JSON_VALUE)
	ResponseEntity<Shown> create(HttpServletRequest request) throws IOException {
		NewApiKey made = this.service.create(this.requests.read(request, ApiKeyRequest::of), Caller.of(request));
		return ResponseEntity.status(HttpStatus.CREATED)
			.cacheControl(CacheControl.noStore())
			.body(Shown.of(made.key(), made.secret().reveal()));
	}

	/** Lists all keys ever made, oldest first, without the keys themselves. */
	@GetMapping
	ResponseEntity<Listed> list() {
		return ResponseEntity.ok()
			.cacheControl(CacheControl.noStore())
			.body(new Listed(this.service.list().stream().map((key) -> Shown.of(key, null)).toList()));
	}

	/** Revokes a key, for good. */
	@DeleteMapping("/" + PathId.KEY_ID)
	@ResponseStatus(HttpStatus.NO_CONTENT)
	void revoke(@PathVariable UUID id, HttpServletRequest request) {
		this.service.revoke(id, Caller.of(request));
	}

	/**
	 * All keys.
	 *
	 * @param apiKeys oldest first
	 */
	record Listed(List<Shown> apiKeys) {

	}

	/**
	 * A key as it is shown.
	 *
	 * @param id what it is called on record
	 * @param name what people call it
	 * @param scopes what it may be used for
	 * @param createdAt when it was made
	 * @param createdBy the key that made it, or null
	 * @param expiresAt from when on it opens nothing, or null for never
	 * @param lastUsedAt when it was last used, or null
	 * @param revokedAt when it was revoked, or null
	 * @param revokedBy the key that revoked it, or null
	 * @param key the key itself, where it was just made
	 */
	record Shown(UUID id, String name, List<String> scopes, Instant createdAt, @Nullable UUID createdBy,
			@Nullable Instant expiresAt, @Nullable Instant lastUsedAt, @Nullable Instant revokedAt,
			@Nullable UUID revokedBy, @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable String key) {

		static Shown of(ApiKey key, @Nullable String secret) {
			return new Shown(key.id(), key.name(), Scope.labels(key.scopes()), key.createdAt(), key.createdBy(),
					key.expiresAt(), key.lastUsedAt(), key.revokedAt(), key.revokedBy(), secret);
		}

	}

}
