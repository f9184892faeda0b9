package io.metrology.check;

import java.util.Objects;
import java.util.UUID;

import org.jspecify.annotations.Nullable;

/**
 * Something that is not as it should be, seen twice.
 *
 * @param subject the stream, channel or chunk, such as
 * {@code data_id 0b…, channel thickness, chunk_index 3}
 * @param fault what is stored and what should be
 */
public record Finding(String subject, String fault) {

	static String of(UUID dataId) {
		return "data_id " + dataId;
	}

	static String of(UUID dataId, String channelName) {
		return of(dataId) + ", channel " + channelName;
	}

	/** Says what is wrong with a figure, or null where it is right. */
	static @Nullable String difference(String name, @Nullable Object stored, @Nullable Object expected) {
		return Objects.equals(stored, expected) ? null : name + " is " + stored + ", should be " + expected;
	}

	/** Zero is zero here, whatever its sign: PostgreSQL's min() and max() keep either. */
	static @Nullable String difference(String name, @Nullable Double stored, @Nullable Double expected) {
		boolean bothZero = stored != null && expected != null && stored == 0 && expected == 0;
		return bothZero ? null : difference(name, (Object) stored, expected);
	}

	/** One line, also where a name holds control characters, which none should. */
	@Override
	public String toString() {
		return (this.subject + ": " + this.fault).replaceAll("\\p{Cntrl}", "?");
	}

}
