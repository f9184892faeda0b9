package io.metrology.access;

import java.net.InetAddress;
import java.util.UUID;

import io.metrology.http.InheritedSocket;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.boot.actuate.autoconfigure.web.server.ManagementPortType;
import org.springframework.boot.cloud.CloudPlatform;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.web.server.autoconfigure.ServerProperties.ForwardHeadersStrategy;
import org.springframework.boot.web.server.autoconfigure.ServerProperties;
import org.springframework.core.env.Environment;
import org.springframework.stereotype.Component;

/**
 * Lets the start go on only where nobody is let in who must not be: without a key the
 * service serves its own machine alone.
 */
@Component
public class AccessGate implements SmartInitializingSingleton {

	private static final Logger log = LoggerFactory.getLogger(AccessGate.class);

	/** Below that somebody who has read the database could find the key by trying. */
	private static final int SHORTEST_BOOTSTRAP_KEY = 20;

	private static final String MAKE_A_KEY = "make one with: java -jar metrology-ingest.jar keys create --name admin "
			+ "--scopes read,write,delete,admin";

	private final AccessProperties properties;

	private final ServerProperties server;

	private final @Nullable String reach;

	private final ApiKeyStore store;

	private final ApiKeyRing ring;

	AccessGate(AccessProperties properties, ServerProperties server, Environment environment, ApiKeyStore store,
			ApiKeyRing ring) {
		this.properties = properties;
		this.server = server;
		this.reach = reach(server, environment);
		this.store = store;
		this.ring = ring;
	}

	/** Before the first request can come in. */
	@Override
	public void afterSingletonsInstantiated() {
		SecretKey bootstrap = this.properties.bootstrapSecret();
		if (bootstrap != null) {
			store(bootstrap);
		}
		this.ring.refresh();
		if (!this.ring.isEmpty()) {
			return;
		}
		if (this.reach != null) {
			throw new AccessStartException(
					"The service would " + this.reach
							+ ", and no API key was ever made: everybody could read, write and delete",
					"Set METROLOGY_ACCESS_BOOTSTRAP_KEY to a long random text (such as that of: openssl rand -hex 32), or "
							+ MAKE_A_KEY + ". Or serve this machine alone: SERVER_ADDRESS=127.0.0.1, no other "
							+ "management.server.address, and no server.forward-headers-strategy.");
		}
		log.warn("UNPROTECTED: no API key was ever made, so every program on this machine may read, write and delete. "
				+ "Requests from elsewhere are refused. To ask for keys, {}", MAKE_A_KEY);
	}

	/**
	 * Whether no key is asked for: none was ever made, and other machines cannot reach
	 * the service.
	 */
	public boolean isOpen() {
		return this.ring.isEmpty() && this.reach == null;
	}

	/** How others could reach the service, or null where they cannot. */
	private static @Nullable String reach(ServerProperties server, Environment environment) {
		InetAddress address = InheritedSocket.addressOr(server.getAddress());
		if (!OwnMachine.isLoopback(address)) {
			return "listen on " + place(address);
		}
		InetAddress management = Binder.get(environment)
			.bind("management.server.address", InetAddress.class)
			.orElse(null);
		if (ManagementPortType.get(environment) == ManagementPortType.DIFFERENT && !OwnMachine.isLoopback(management)) {
			return "serve health and metrics on " + place(management);
		}
		ForwardHeadersStrategy strategy = server.getForwardHeadersStrategy();
		boolean believes = (strategy != null) ? strategy != ForwardHeadersStrategy.NONE
				: CloudPlatform.getActive(environment) != null;
		return believes ? "believe proxies, which pass on the requests of others (server.forward-headers-strategy)"
				: null;
	}

	private static String place(@Nullable InetAddress address) {
		return (address != null) ? address.getHostAddress() : "all interfaces";
	}

	private void store(SecretKey bootstrap) {
		if (bootstrap.length() < SHORTEST_BOOTSTRAP_KEY) {
			throw new AccessStartException(
					"The bootstrap key (metrology.access.bootstrap-key) has " + bootstrap.length()
							+ " characters; it could be guessed",
					"Make it at least " + SHORTEST_BOOTSTRAP_KEY
							+ " random characters long, such as those of: openssl rand -hex 32");
		}
		if (!bootstrap.fitsAHeader()) {
			throw new AccessStartException(
					"The bootstrap key (metrology.access.bootstrap-key) has characters that a header cannot carry",
					"Make it of letters, digits and signs of ASCII, without spaces, such as those of: openssl rand -hex 32");
		}
		UUID id = UUID.randomUUID();
		if (this.store.insert(id, "bootstrap", bootstrap, Scope.all(), null, null)) {
			log.info("Made key {} (bootstrap) with all scopes, from metrology.access.bootstrap-key", id);
			return;
		}
		this.ring.refresh();
		ApiKey known = this.ring.find(bootstrap);
		if (known != null && known.revokedAt() != null) {
			log.warn("The bootstrap key (metrology.access.bootstrap-key) was revoked, and stays so: {}", known.id());
		}
	}

}
