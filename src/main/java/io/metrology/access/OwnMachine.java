package io.metrology.access;

import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;

/**
 * Tells requests that people on the service's own machine have sent from those that only
 * seem to be: a page in their browser may send requests to loopback, too, and make its
 * own name point there (DNS rebinding), and a proxy passes on those of others.
 */
final class OwnMachine {

	private static final Pattern LOOPBACK_NAME = Pattern
		.compile("(.+\\.)?localhost\\.?|127(\\.\\d{1,3}){3}|\\[?(::1|0:0:0:0:0:0:0:1)]?");

	private static final List<String> PASSED_ON = List.of("Forwarded", "X-Forwarded-For", "X-Forwarded-Host",
			"X-Forwarded-Proto", "X-Real-IP", "Via");

	private OwnMachine() {
	}

	/** Whether an address cannot be reached from other machines; null stands for all. */
	static boolean isLoopback(@Nullable InetAddress address) {
		return address != null && address.isLoopbackAddress();
	}

	/**
	 * Whether a request was sent by this machine to this machine.
	 * @param trustedOrigins the origins whose pages may send requests, too
	 */
	static boolean sent(HttpServletRequest request, Collection<String> trustedOrigins) {
		return isLoopbackLiteral(request.getRemoteAddr()) && isLoopbackName(request.getServerName())
				&& isTrusted(request.getHeader(HttpHeaders.ORIGIN), trustedOrigins)
				&& PASSED_ON.stream().allMatch((name) -> request.getHeader(name) == null);
	}

	private static boolean isTrusted(@Nullable String origin, Collection<String> trustedOrigins) {
		return origin == null || trustedOrigins.contains(origin) || isLoopbackOrigin(origin);
	}

	private static boolean isLoopbackOrigin(String origin) {
		try {
			return isLoopbackName(URI.create(origin).getHost());
		}
		catch (IllegalArgumentException ex) {
			return false;
		}
	}

	private static boolean isLoopbackName(@Nullable String name) {
		return name != null && LOOPBACK_NAME.matcher(name.toLowerCase(Locale.ROOT)).matches();
	}

	/** No name is looked up: the address is always a literal. */
	private static boolean isLoopbackLiteral(String address) {
		try {
			return InetAddress.getByName(address).isLoopbackAddress();
		}
		catch (UnknownHostException ex) {
			return false;
		}
	}

}
