package io.metrology.series;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Consumer;

/**
 * The state of what is read, from the revisions of its channels: every chunk that changes
 * a channel, and every correction of units, counts one up. It is weak, as the same points
 * may come compressed or not.
 */
final class EntityTag {

	private static final int SHOWN_BYTES = 16;

	private EntityTag() {
	}

	/** For an answer that is about all channels. */
	static String of(Series series) {
		return of(series.channels());
	}

	/** For an answer that is about some channels, the same whatever becomes of others. */
	static String of(List<Series.Channel> channels, String... formats) {
		MessageDigest digest = sha256();
		Consumer<String> add = (text) -> {
			digest.update(text.getBytes(StandardCharsets.UTF_8));
			digest.update((byte) 0);
		};
		Arrays.stream(formats).forEach(add);
		for (Series.Channel channel : channels) {
			add.accept(channel.name());
			add.accept(Long.toString(channel.revision()));
		}
		return "W/\"" + HexFormat.of().formatHex(digest.digest(), 0, SHOWN_BYTES) + "\"";
	}

	private static MessageDigest sha256() {
		try {
			return MessageDigest.getInstance("SHA-256");
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException("Every Java has SHA-256", ex);
		}
	}

}
