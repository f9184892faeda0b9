package io.metrology.ingest;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/** Reads prune by the summary: what it leaves out is never read. */
class ChunkSummaryTests {

	private static final double MISSING = Double.NaN;

	@Test
	void timesAreTheLeastAndTheGreatestOfUnsortedTimestamps() {
		ChunkSummary summary = ChunkSummary.of(new double[] { 20, -5, 30, 10 }, new double[] { 1, 2, 3, 4 });

		assertThat(summary.earliestTime()).isEqualTo(-5);
		assertThat(summary.latestTime()).isEqualTo(30);
	}

	@Test
	void missingValuesAreCountedAndLeftOut() {
		ChunkSummary summary = of(MISSING, 2, MISSING, -3);

		assertThat(summary).isEqualTo(new ChunkSummary(0, 3, -3.0, 2.0, 2));
	}

	@Test
	void withoutAnyValueThereIsNoLeastOrGreatest() {
		assertThat(of(MISSING, MISSING)).isEqualTo(new ChunkSummary(0, 1, null, null, 2));
	}

	@Test
	void singlePointIsBothEnds() {
		assertThat(of(7)).isEqualTo(new ChunkSummary(0, 0, 7.0, 7.0, 0));
	}

	@Test
	void valuesBelowZeroHaveAGreatestBelowZero() {
		assertThat(of(-1e308, -Double.MIN_VALUE).maxValue()).isEqualTo(-Double.MIN_VALUE);
	}

	private static ChunkSummary of(double... values) {
		double[] timestamps = new double[values.length];
		for (int i = 0; i < values.length; i++) {
			timestamps[i] = i;
		}
		return ChunkSummary.of(timestamps, values);
	}

}
