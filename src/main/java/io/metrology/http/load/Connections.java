package io.metrology.http.load;

import java.lang.management.ManagementFactory;

import com.sun.management.UnixOperatingSystemMXBean;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import org.apache.coyote.AbstractProtocol;
import org.jspecify.annotations.Nullable;

import org.springframework.stereotype.Component;

/**
 * The open connections of the main port. If more than half of the possible connections
 * are open, answers close theirs, so that idle connections of one client do not keep
 * others out.
 */
@Component
public class Connections {

	/** More than this many do not make a service on one machine faster. */
	private static final int MAX_CONNECTIONS = 16_000;

	private static final int MIN_CONNECTIONS = 100;

	/** Heap bytes of an idle connection: two buffers of 8 KiB and Tomcat's objects. */
	private static final int BYTES_PER_CONNECTION = 20 * 1024;

	private static final double PART_OF_HEAP = 0.3;

	/** File descriptors for everything except connections. */
	private static final int OTHER_DESCRIPTORS = 500;

	private volatile @Nullable AbstractProtocol<?> protocol;

	Connections(MeterRegistry registry) {
		Gauge.builder("metrology.http.connections", this, Connections::open)
			.baseUnit("connections")
			.description("Open connections of the main port")
			.register(registry);
		Gauge.builder("metrology.http.connections.fill", this, Connections::fill)
			.baseUnit("ratio")
			.description("Open connections divided by server.tomcat.max-connections")
			.register(registry);
	}

	/**
	 * Returns how many connections fit into the heap and the file descriptors of this
	 * process.
	 */
	public static int defaultMax() {
		long byHeap = HeapParts.of(PART_OF_HEAP) / BYTES_PER_CONNECTION;
		long max = Math.min(MAX_CONNECTIONS, Math.min(byHeap, descriptors() - OTHER_DESCRIPTORS));
		return (int) Math.max(MIN_CONNECTIONS, max);
	}

	private static long descriptors() {
		return (ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean unix)
				? unix.getMaxFileDescriptorCount() : Long.MAX_VALUE;
	}

	/** Counts the connections of this protocol. */
	public void count(AbstractProtocol<?> protocol) {
		this.protocol = protocol;
	}

	/** Returns whether answers must close their connections. */
	boolean areCrowded() {
		AbstractProtocol<?> protocol = this.protocol;
		return protocol != null && open(protocol) * 2 > protocol.getMaxConnections();
	}

	private double open() {
		AbstractProtocol<?> protocol = this.protocol;
		return (protocol != null) ? open(protocol) : 0;
	}

	private double fill() {
		AbstractProtocol<?> protocol = this.protocol;
		return (protocol != null) ? open(protocol) / (double) protocol.getMaxConnections() : 0;
	}

	/** Tomcat counts the connection that it waits for as well. */
	private static long open(AbstractProtocol<?> protocol) {
		return Math.max(0, protocol.getConnectionCount() - 1);
	}

}
