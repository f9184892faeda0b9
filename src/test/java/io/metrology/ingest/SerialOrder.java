package io.metrology.ingest;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

import io.metrology.StoredChannel;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The one order in which the chunks of a channel were written, as a trigger noted it
 * inside the transactions, and what each request must have been answered if that order is
 * true.
 */
final class SerialOrder {

	private final List<Written> writes;

	private final Map<Receipt, List<Integer>> positions = new HashMap<>();

	private final List<Long> totals = new ArrayList<>();

	private final Map<Integer, Written> held = new HashMap<>();

	private long totalPoints;

	SerialOrder(Collection<Written> written) {
		this.writes = written.stream().sorted(Comparator.comparingLong(Written::revision)).toList();
		for (int position = 0; position < this.writes.size(); position++) {
			replay(this.writes.get(position), position);
		}
	}

	private void replay(Written write, int position) {
		Written before = this.held.put(write.index(), write);
		assertThat(write.created()).as("%s is the first under its key", write).isEqualTo(before == null);
		this.totalPoints += write.points() - ((before != null) ? before.points() : 0);
		Receipt receipt = new Receipt(write.index(), write.hash(), write.created() ? "created" : "replaced",
				this.totalPoints);
		this.positions.computeIfAbsent(receipt, (key) -> new ArrayList<>()).add(position);
		this.totals.add(this.totalPoints);
	}

	/** Every revision from the first to the last was given to one write. */
	void assertNoWriteSharesARevision() {
		assertThat(this.writes).extracting(Written::revision)
			.containsExactlyElementsOf(LongStream.rangeClosed(1, this.writes.size()).boxed().toList());
	}

	/**
	 * Every write was acknowledged once, with the total that it made; nothing else was.
	 */
	void assertExplains(Collection<Acknowledged> answers) {
		Map<Receipt, Long> expected = new HashMap<>();
		this.positions.forEach((receipt, places) -> expected.put(receipt, (long) places.size()));
		Map<Receipt, Long> actual = answers.stream()
			.filter((answer) -> !answer.isUnchanged())
			.collect(Collectors.groupingBy(Acknowledged::receipt, Collectors.counting()));
		assertThat(actual).isEqualTo(expected);
		assertThat(answers).filteredOn(Acknowledged::isUnchanged)
			.allSatisfy((answer) -> assertThat(couldFind(answer.receipt())).as(answer.toString()).isTrue());
	}

	/**
	 * Whether there was a moment at which the chunk was held so and the total was that.
	 */
	private boolean couldFind(Receipt receipt) {
		boolean holding = false;
		for (int position = 0; position < this.writes.size(); position++) {
			Written write = this.writes.get(position);
			holding = (write.index() == receipt.index()) ? write.hash().equals(receipt.hash()) : holding;
			if (holding && this.totals.get(position) == receipt.totalPoints()) {
				return true;
			}
		}
		return false;
	}

	/**
	 * A request that was answered before another was sent comes before it in the order.
	 */
	void assertKeepsRealTime(Collection<Acknowledged> answers) {
		Map<Integer, Acknowledged> byPosition = new HashMap<>();
		for (Acknowledged answer : answers) {
			List<Integer> places = this.positions.getOrDefault(answer.receipt(), List.of());
			if (places.size() == 1) {
				byPosition.put(places.get(0), answer);
			}
		}
		assertThat(byPosition).as("writes that can be told apart").hasSizeGreaterThan(this.writes.size() / 2);
		long latestStart = Long.MIN_VALUE;
		for (int position : byPosition.keySet().stream().sorted().toList()) {
			Acknowledged answer = byPosition.get(position);
			assertThat(answer.ended()).as("%s ends after those before it began", answer).isGreaterThan(latestStart);
			latestStart = Math.max(latestStart, answer.started());
		}
	}

	/** The rows are what the last writes left. */
	void assertEndsIn(StoredChannel channel) {
		assertThat(channel.totalPoints()).isEqualTo(this.totalPoints).isEqualTo(channel.sumOfPoints());
		assertThat(channel.chunkCount()).isEqualTo(this.held.size());
		assertThat(channel.revision()).isEqualTo(this.writes.size());
		assertThat(channel.chunks().keySet()).isEqualTo(this.held.keySet());
		channel.chunks().forEach((index, chunk) -> {
			assertThat(chunk.hash()).isEqualTo(this.held.get(index).hash());
			assertThat(chunk.revision()).isEqualTo(this.held.get(index).revision());
		});
	}

	/**
	 * A write, as the trigger noted it.
	 *
	 * @param index the chunk's index
	 * @param revision the channel's revision, which orders the writes
	 * @param points its number of points
	 * @param hash its content hash
	 * @param created whether a row was inserted rather than updated
	 */
	record Written(int index, long revision, int points, String hash, boolean created) {

	}

	/**
	 * What a request was answered.
	 *
	 * @param index the chunk's index
	 * @param hash its content hash
	 * @param outcome what became of it
	 * @param totalPoints the channel's total
	 */
	record Receipt(int index, String hash, String outcome, long totalPoints) {

	}

	/**
	 * A request with its answer.
	 *
	 * @param receipt the answer
	 * @param started when it was sent, in ns
	 * @param ended when it was answered, in ns
	 */
	record Acknowledged(Receipt receipt, long started, long ended) {

		boolean isUnchanged() {
			return this.receipt.outcome().equals("unchanged");
		}

	}

}
