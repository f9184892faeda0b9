package io.metrology.ingest;

import java.util.HexFormat;
import java.util.UUID;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The content hash is part of the API: any client can compute it. The expected ones come
 * from Python:
 * {@code hashlib.sha256(struct.pack('>6d', *timestamps, *values)).hexdigest()}.
 */
class ChunkTests {

	private static final ChunkKey KEY = new ChunkKey(UUID.fromString("d290f1ee-6c54-4b01-90e6-d701748f0851"),
			"thickness", 0);

	private static final double[] TIMESTAMPS = { 1705312200.0, 1705312210.0, 1705312220.0 };

	@Test
	void hashIsThatOfTimestampsThenValues() {
		assertThat(hash(TIMESTAMPS, 0, 5.2, 10.1))
			.isEqualTo("9a4d70f5fa9aceaa4eb6f407e4c38d63ca453935138d19a83ffe80a758df73be");
	}

	@Test
	void missingValueIsHashedAsTheCanonicalNan() {
		assertThat(hash(TIMESTAMPS, 0, Double.NaN, 10.1))
			.isEqualTo("9879ac7e9b954ab2bc032e4289dd38997faf50aa82c93814055345ed1405d05b");
	}

	@Test
	void nanOfOtherBitsHasTheSameHash() {
		double other = Double.longBitsToDouble(0xfff8000000000001L);

		assertThat(hash(TIMESTAMPS, 0, other, 10.1)).isEqualTo(hash(TIMESTAMPS, 0, Double.NaN, 10.1));
	}

	@Test
	void negativeZeroAndSubnormalAreHashedBitByBit() {
		assertThat(hash(new double[] { -0.0, -9223372036.0, 0.1 }, -0.0, Double.MIN_VALUE, -Double.MAX_VALUE))
			.isEqualTo("c408864e6e278debcac3f9b3a063dbdf33acec1471b932abd9dec898349cf103");
	}

	@Test
	void unitsAreNotHashed() {
		Chunk inMicrometers = Chunk.of(KEY, TIMESTAMPS, new double[] { 0, 5.2, 10.1 }, "um");

		assertThat(HexFormat.of().formatHex(inMicrometers.contentHash())).isEqualTo(hash(TIMESTAMPS, 0, 5.2, 10.1));
	}

	private static String hash(double[] timestamps, double... values) {
		return HexFormat.of().formatHex(Chunk.of(KEY, timestamps, values, null).contentHash());
	}

}
