package io.metrology.model;

import java.util.List;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/** A shrinker that drops too much would hide the failure that it is to explain. */
class ShrinkerTests {

	@Test
	void elementsThatMakeItFailTogetherAreKept() {
		List<Integer> all = IntStream.range(0, 40).boxed().toList();

		List<Integer> shortest = Shrinker.shrink(all, (list) -> list.containsAll(List.of(3, 17, 39)));

		assertThat(shortest).containsExactly(3, 17, 39);
	}

	@Test
	void listThatAlwaysFailsBecomesEmpty() {
		assertThat(Shrinker.shrink(List.of(1, 2, 3), (list) -> true)).isEmpty();
	}

}
