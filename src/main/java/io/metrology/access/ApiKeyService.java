package io.metrology.access;

import java.util.List;
import java.util.UUID;

import javax.sql.DataSource;

import io.metrology.http.Caller;
import io.metrology.http.ErrorCode;
import io.metrology.http.ProblemException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Service;

/** Makes, lists and revokes keys. */
@Service
public class ApiKeyService {

	private static final Logger log = LoggerFactory.getLogger(ApiKeyService.class);

	private final ApiKeyStore store;

	private final ApiKeyRing ring;

	ApiKeyService(ApiKeyStore store, ApiKeyRing ring) {
		this.store = store;
		this.ring = ring;
	}

	/** For a program that is not the service, and has a database to itself. */
	public static ApiKeyService on(DataSource database) {
		ApiKeyStore store = new ApiKeyStore(JdbcClient.create(database));
		return new ApiKeyService(store, new ApiKeyRing(store));
	}

	/** Makes a key; it is valid when this returns. */
	public NewApiKey create(ApiKeyRequest request, Caller caller) {
		UUID id = UUID.randomUUID();
		SecretKey secret = SecretKey.random();
		this.store.insert(id, request.requiredName(), secret, request.scopes(), request.expiresAt(), caller.keyId());
		log.info("Made key {} ({}) with scopes {}, by {}", id, request.name(), Scope.labels(request.scopes()), caller);
		this.ring.refresh();
		return new NewApiKey(get(id), secret);
	}

	/** All keys ever made, oldest first. */
	public List<ApiKey> list() {
		return List.copyOf(this.store.all().values());
	}

	/**
	 * Revokes a key; this instance refuses it when this returns, others within two
	 * seconds. To revoke it again changes nothing.
	 * @throws ProblemException {@code not_found}
	 */
	public void revoke(UUID id, Caller caller) {
		if (this.store.revoke(id, caller.keyId())) {
			log.info("Revoked key {}, by {}", id, caller);
		}
		get(id);
		this.ring.refresh();
	}

	private ApiKey get(UUID id) {
		return this.store.find(id)
			.orElseThrow(() -> new ProblemException(ErrorCode.NOT_FOUND, "No API key has this id (" + id + ")."));
	}

	/**
	 * A key that was just made.
	 *
	 * @param key what is known of it
	 * @param secret the key itself, which nobody can learn later
	 */
	public record NewApiKey(ApiKey key, SecretKey secret) {

	}

}
