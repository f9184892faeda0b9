package io.metrology.http;

import java.util.UUID;

import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

/**
 * Who asks for something, as it is put on record.
 *
 * @param keyId the id of the API key that the request came with; null where none is
 * needed, and for what the service does by itself
 */
public record Caller(@Nullable UUID keyId) {

	/** Nobody who has a key. */
	public static final Caller WITHOUT_KEY = new Caller(null);

	private static final String ATTRIBUTE = Caller.class.getName();

	/** Who sent a request. */
	public static Caller of(HttpServletRequest request) {
		return (request.getAttribute(ATTRIBUTE) instanceof Caller caller) ? caller : WITHOUT_KEY;
	}

	/** Notes who sent a request. */
	public void sent(HttpServletRequest request) {
		request.setAttribute(ATTRIBUTE, this);
	}

	/** For the log. */
	@Override
	public String toString() {
		return (this.keyId != null) ? "key " + this.keyId : "no key";
	}

}
