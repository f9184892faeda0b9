package io.metrology.refusals;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/** No more is recorded than the limits per second say. */
class RecordingRateTests {

	@Test
	void recordsOfOneSecondAreAvailableAtOnceAndNoMore() {
		RecordingRate rate = new RecordingRate(3, 1_000_000);

		assertThat(new boolean[] { rate.take(1), rate.take(1), rate.take(1) }).containsOnly(true);
		assertThat(rate.take(1)).isFalse();
	}

	@Test
	void largeBodyIsRecordedOnceAndOthersWaitForTheBudget() {
		RecordingRate rate = new RecordingRate(1000, 100);

		assertThat(rate.take(1_000_000)).isTrue();
		assertThat(rate.take(1)).isFalse();
	}

	@Test
	void decompressedBytesAreTakenFromTheBudget() {
		RecordingRate rate = new RecordingRate(1000, 100);

		assertThat(rate.take(10)).isTrue();
		rate.takeMore(1_000_000);
		assertThat(rate.take(1)).isFalse();
	}

}
