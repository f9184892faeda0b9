package io.metrology.model;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/**
 * Shortens a list that makes something fail, by delta debugging: leaves out ever smaller
 * pieces as long as it still fails.
 */
final class Shrinker {

	private Shrinker() {
	}

	/**
	 * Returns a part of the list that still fails, and no longer does if any one element
	 * is left out.
	 */
	static <T> List<T> shrink(List<T> failing, Predicate<List<T>> fails) {
		List<T> shortest = failing;
		for (int piece = Math.max(1, shortest.size() / 2); piece >= 1;) {
			List<T> shorter = withoutOnePiece(shortest, piece, fails);
			if (shorter.size() < shortest.size()) {
				shortest = shorter;
			}
			else {
				piece /= 2;
			}
		}
		return shortest;
	}

	private static <T> List<T> withoutOnePiece(List<T> failing, int piece, Predicate<List<T>> fails) {
		for (int from = 0; from < failing.size(); from += piece) {
			List<T> candidate = new ArrayList<>(failing);
			candidate.subList(from, Math.min(from + piece, candidate.size())).clear();
			if (fails.test(candidate)) {
				return candidate;
			}
		}
		return failing;
	}

}
