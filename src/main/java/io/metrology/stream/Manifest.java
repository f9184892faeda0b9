package io.metrology.stream;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

import io.metrology.http.Fault;
import io.metrology.http.RequestFields;
import org.jspecify.annotations.Nullable;

/**
 * What a client says that a stream holds: every channel of it.
 *
 * @param channels by channel name
 */
record Manifest(Map<String, Holding> channels) {

	/** Reads a manifest, and notes what is wrong with it; null where there is none. */
	static @Nullable Manifest of(RequestFields fields) {
		Map<String, Holding> channels = new LinkedHashMap<>();
		RequestFields listed = fields.object("channels");
		if (listed == null) {
			return null;
		}
		for (String name : listed.names()) {
			RequestFields channel = listed.object(name);
			if (channel != null) {
				channels.put(name, new Holding(channel.count("chunks"), channel.count("total_points")));
			}
		}
		return new Manifest(channels);
	}

	/** Where what is stored differs. */
	List<Fault> faults(Map<String, Holding> stored) {
		TreeSet<String> names = new TreeSet<>(stored.keySet());
		names.addAll(this.channels.keySet());
		List<Fault> faults = new ArrayList<>();
		for (String name : names) {
			Holding expected = this.channels.getOrDefault(name, Holding.NOTHING);
			Holding held = stored.getOrDefault(name, Holding.NOTHING);
			if (!held.equals(expected)) {
				faults.add(Fault.at("/channels/" + Fault.escape(name),
						"channel " + name + " holds " + held + ", the manifest "
								+ (this.channels.containsKey(name) ? "says " + expected : "does not list it"),
						expected));
			}
		}
		return faults;
	}

	/**
	 * What a channel holds.
	 *
	 * @param chunks the number of its chunks
	 * @param totalPoints the number of its points
	 */
	record Holding(long chunks, long totalPoints) {

		static final Holding NOTHING = new Holding(0, 0);

		@Override
		public String toString() {
			return this.chunks + " chunks with " + this.totalPoints + " points";
		}

	}

}
