package io.metrology.access;

import java.util.Set;

import org.springframework.security.authentication.AbstractAuthenticationToken;
import org.springframework.security.core.authority.SimpleGrantedAuthority;

/** Somebody who was let in, with what they may do. */
final class ApiKeyAuthentication extends AbstractAuthenticationToken {

	private final String principal;

	private ApiKeyAuthentication(String principal, Set<Scope> scopes) {
		super(scopes.stream().map((scope) -> new SimpleGrantedAuthority(scope.label())).toList());
		this.principal = principal;
		setAuthenticated(true);
	}

	/** Who has a key. */
	static ApiKeyAuthentication of(ApiKey key) {
		return new ApiKeyAuthentication(key.id().toString(), key.scopes());
	}

	/** Who needs none. */
	static ApiKeyAuthentication withoutKey() {
		return new ApiKeyAuthentication("no key", Scope.all());
	}

	@Override
	public String getPrincipal() {
		return this.principal;
	}

	/** Never the key. */
	@Override
	public String getCredentials() {
		return "";
	}

}
