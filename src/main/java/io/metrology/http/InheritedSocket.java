package io.metrology.http;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;

import org.jspecify.annotations.Nullable;

/**
 * The listening socket that the parent process may pass as standard input (socket
 * activation). The parent keeps the socket open, so connections wait in the kernel while
 * the service restarts.
 */
public final class InheritedSocket {

	private InheritedSocket() {
	}

	/** Whether standard input is a listening TCP socket. */
	public static boolean isPresent() {
		return localAddress() != null;
	}

	/**
	 * Returns the address that the service listens on.
	 * @param configured the address in the settings, null for all interfaces
	 * @return the address of the inherited socket if there is one, else the configured
	 * one
	 */
	public static @Nullable InetAddress addressOr(@Nullable InetAddress configured) {
		InetSocketAddress inherited = localAddress();
		return (inherited != null) ? inherited.getAddress() : configured;
	}

	static @Nullable InetSocketAddress localAddress() {
		try {
			return (System.inheritedChannel() instanceof ServerSocketChannel socket
					&& socket.getLocalAddress() instanceof InetSocketAddress address) ? address : null;
		}
		catch (IOException ex) {
			return null;
		}
	}

}
