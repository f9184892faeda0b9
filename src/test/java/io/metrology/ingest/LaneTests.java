package io.metrology.ingest;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

import io.metrology.http.Caller;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

class LaneTests {

	private static final UUID STREAM = UUID.fromString("d290f1ee-6c54-4b01-90e6-d701748f0851");

	private static final long IN_AN_HOUR = TimeUnit.HOURS.toNanos(1);

	private final ExecutorService threads = Executors.newCachedThreadPool();

	private final List<Lane> lanes = new ArrayList<>();

	@AfterEach
	void stop() {
		this.lanes.forEach(Lane::close);
		this.threads.shutdownNow();
	}

	@Test
	void eachOfManySubmissionsGetsItsOwnAnswerOnce() throws Exception {
		Set<ChunkKey> written = Collections.synchronizedSet(new HashSet<>());
		AtomicInteger twice = new AtomicInteger();
		AtomicInteger overlapping = new AtomicInteger();
		AtomicInteger writers = new AtomicInteger();
		Lane lane = lane(8, 100, (batch) -> {
			overlapping.addAndGet(writers.getAndIncrement());
			batch.forEach((ticket) -> twice.addAndGet(written.add(key(ticket)) ? 0 : 1));
			answer(batch);
			writers.decrementAndGet();
		});

		List<Future<Integer>> wrong = new ArrayList<>();
		for (int thread = 0; thread < 32; thread++) {
			int first = thread * 1000;
			wrong.add(this.threads.submit(() -> {
				int mistaken = 0;
				for (int index = first; index < first + 1000; index++) {
					WriteResult result = lane.write(submission(index, 1), System.nanoTime() + IN_AN_HOUR);
					mistaken += (result.receipts().get(0).key().chunkIndex() == index) ? 0 : 1;
				}
				return mistaken;
			}));
		}

		for (Future<Integer> mistaken : wrong) {
			assertThat(mistaken.get(60, TimeUnit.SECONDS)).isZero();
		}
		assertThat(written).hasSize(32_000);
		assertThat(twice).hasValue(0);
		assertThat(overlapping).hasValue(0);
	}

	@Test
	void failuresAndErrorsOfTheWriterReachEveryMemberAndLeaveTheLaneFree() throws Exception {
		Random random = new Random(7);
		Lane lane = lane(8, 100, (batch) -> {
			switch (random.nextInt(3)) {
				case 0 -> batch.forEach((ticket) -> ticket.fail(new IllegalStateException("no")));
				case 1 -> throw new AssertionError("cut off");
				default -> answer(batch);
			}
		});

		List<Future<Integer>> answers = new ArrayList<>();
		for (int thread = 0; thread < 16; thread++) {
			int first = thread * 500;
			answers.add(this.threads.submit(() -> {
				int count = 0;
				for (int index = first; index < first + 500; index++) {
					try {
						lane.write(submission(index, 1), System.nanoTime() + IN_AN_HOUR);
					}
					catch (IllegalStateException | CommitUnknownException | AssertionError ex) {
						// An answer all the same.
					}
					count++;
				}
				return count;
			}));
		}

		for (Future<Integer> count : answers) {
			assertThat(count.get(60, TimeUnit.SECONDS)).isEqualTo(500);
		}
		assertThat(lane.queued()).isZero();
	}

	@Test
	void whatArrivesDuringABatchIsTheNextBatchWithinItsLimits() throws Exception {
		Gate gate = new Gate();
		List<List<Integer>> batches = Collections.synchronizedList(new ArrayList<>());
		Lane lane = lane(3, 10, (batch) -> {
			gate.pass();
			batches.add(batch.stream().map((ticket) -> key(ticket).chunkIndex()).toList());
			answer(batch);
		});
		List<Future<?>> answers = new ArrayList<>();
		answers.add(submit(lane, 0, 1));
		gate.awaitOneWaiting();

		// Points 4 + 4 fit below 10, 4 more do not, and 1 + 1 + 1 are 3 chunks.
		for (int[] chunk : new int[][] { { 1, 4 }, { 2, 4 }, { 3, 4 }, { 4, 1 }, { 5, 1 }, { 6, 11 } }) {
			answers.add(submit(lane, chunk[0], chunk[1]));
			awaitQueued(lane, answers.size() - 1);
		}
		gate.open();

		for (Future<?> answer : answers) {
			answer.get(60, TimeUnit.SECONDS);
		}
		assertThat(batches).containsExactly(List.of(0), List.of(1, 2, 4), List.of(3, 5), List.of(6));
	}

	@Test
	void sameKeyWaitsForTheNextBatch() throws Exception {
		Gate gate = new Gate();
		List<Integer> sizes = Collections.synchronizedList(new ArrayList<>());
		Lane lane = lane(8, 100, (batch) -> {
			gate.pass();
			sizes.add(batch.size());
			answer(batch);
		});
		List<Future<?>> answers = new ArrayList<>(List.of(submit(lane, 0, 1)));
		gate.awaitOneWaiting();
		for (int index : new int[] { 1, 1, 2, 1 }) {
			answers.add(submit(lane, index, 1));
			awaitQueued(lane, answers.size() - 1);
		}

		gate.open();

		for (Future<?> answer : answers) {
			answer.get(60, TimeUnit.SECONDS);
		}
		assertThat(sizes).containsExactly(1, 2, 1, 1);
	}

	@Test
	void queuedSubmissionIsWithdrawnAtItsDeadlineAndNeverWritten() throws Exception {
		Gate gate = new Gate();
		Set<Integer> written = Collections.synchronizedSet(new HashSet<>());
		Lane lane = lane(8, 100, (batch) -> {
			gate.pass();
			batch.forEach((ticket) -> written.add(key(ticket).chunkIndex()));
			answer(batch);
		});
		Future<?> leader = submit(lane, 0, 1);
		gate.awaitOneWaiting();

		assertThatExceptionOfType(QueueTimeoutException.class)
			.isThrownBy(() -> lane.write(submission(1, 1), System.nanoTime() + 1));

		gate.open();
		leader.get(60, TimeUnit.SECONDS);
		assertThat(written).containsExactly(0);
		assertThat(lane.queued()).isZero();
	}

	@Test
	void interruptedSubmissionIsWithdrawnIfItIsStillQueued() throws Exception {
		Gate gate = new Gate();
		Lane lane = lane(8, 100, (batch) -> {
			gate.pass();
			answer(batch);
		});
		Future<?> leader = submit(lane, 0, 1);
		gate.awaitOneWaiting();
		CountDownLatch withdrawn = new CountDownLatch(1);
		Thread follower = new Thread(() -> {
			try {
				lane.write(submission(1, 1), System.nanoTime() + IN_AN_HOUR);
			}
			catch (LaneClosedException ex) {
				withdrawn.countDown();
			}
		});
		follower.start();
		awaitQueued(lane, 1);

		follower.interrupt();

		assertThat(withdrawn.await(60, TimeUnit.SECONDS)).isTrue();
		Future<?> other = submit(lane, 2, 1);
		gate.open();
		leader.get(60, TimeUnit.SECONDS);
		other.get(60, TimeUnit.SECONDS);
	}

	@Test
	void closedLaneWritesWhatIsQueuedAndTakesNothingMore() throws Exception {
		Gate gate = new Gate();
		Lane lane = lane(1, 100, (batch) -> {
			gate.pass();
			answer(batch);
		});
		Future<?> taken = submit(lane, 0, 1);
		gate.awaitOneWaiting();
		Future<?> queued = submit(lane, 1, 1);
		awaitQueued(lane, 1);
		Future<?> closing = this.threads.submit(lane::close);

		gate.open();

		closing.get(60, TimeUnit.SECONDS);
		taken.get(60, TimeUnit.SECONDS);
		queued.get(60, TimeUnit.SECONDS);
		assertThatExceptionOfType(LaneClosedException.class)
			.isThrownBy(() -> lane.write(submission(2, 1), System.nanoTime() + IN_AN_HOUR));
	}

	private Future<?> submit(Lane lane, int index, int points) {
		return this.threads.submit(() -> lane.write(submission(index, points), System.nanoTime() + IN_AN_HOUR));
	}

	private Lane lane(int maxChunks, int maxPoints, Consumer<List<Lane.Ticket>> writer) {
		Lane lane = new Lane("test", new BatchProperties(maxChunks, maxPoints, 1), writer);
		this.lanes.add(lane);
		return lane;
	}

	private static void awaitQueued(Lane lane, int count) throws InterruptedException {
		while (lane.queued() < count) {
			Thread.sleep(1);
		}
	}

	private static Submission submission(int index, int points) {
		return Submission.of(
				Chunk.of(new ChunkKey(STREAM, "thickness", index), new double[points], new double[points], null),
				Caller.WITHOUT_KEY);
	}

	private static ChunkKey key(Lane.Ticket ticket) {
		return ticket.submission().chunks().get(0).key();
	}

	private static void answer(List<Lane.Ticket> batch) {
		for (Lane.Ticket ticket : batch) {
			ticket.complete(WriteResult
				.stored(List.of(new ChunkReceipt(key(ticket), 1, ChunkReceipt.Outcome.CREATED, new byte[32]))));
		}
	}

	/** Holds writers back until it is opened. */
	private static final class Gate {

		private final CountDownLatch waiting = new CountDownLatch(1);

		private final CountDownLatch opened = new CountDownLatch(1);

		void pass() {
			this.waiting.countDown();
			try {
				this.opened.await();
			}
			catch (InterruptedException ex) {
				Thread.currentThread().interrupt();
			}
		}

		void awaitOneWaiting() throws InterruptedException {
			this.waiting.await();
		}

		void open() {
			this.opened.countDown();
		}

	}

}
