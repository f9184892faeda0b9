package io.metrology.series;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

import org.jspecify.annotations.Nullable;

/**
 * Keeps doubles for a second and third column while the first is written, so that the
 * columns of a JSON answer come from one reading and agree. What exceeds a few megabytes
 * goes to a temporary file, which is gone when this is closed.
 */
final class Spool implements Closeable {

	/** Doubles kept in memory: 2 MiB. */
	private static final int MEMORY = 256 * 1024;

	private static final int BLOCK = 8 * 1024;

	private ByteBuffer buffer = ByteBuffer.allocate(BLOCK * Double.BYTES);

	private @Nullable FileChannel file;

	void add(double[] doubles) throws IOException {
		for (double value : doubles) {
			if (!this.buffer.hasRemaining()) {
				makeRoom();
			}
			this.buffer.putDouble(value);
		}
	}

	/** Hands out the doubles in the order in which they came. Nothing may follow. */
	void drain(DoubleTaker taker) throws IOException {
		if (this.file != null) {
			FileChannel spooled = this.file;
			long end = spooled.position();
			ByteBuffer block = ByteBuffer.allocate(BLOCK * Double.BYTES);
			for (long position = 0; position < end; position += block.limit()) {
				block.clear().limit((int) Math.min(block.capacity(), end - position));
				readFully(spooled, block, position);
				take(block.flip(), taker);
			}
		}
		take(this.buffer.flip(), taker);
	}

	private void makeRoom() throws IOException {
		if (this.buffer.capacity() < MEMORY * Double.BYTES) {
			this.buffer = ByteBuffer.allocate(this.buffer.capacity() * 2).put(this.buffer.flip());
			return;
		}
		if (this.file == null) {
			Path path = Files.createTempFile("metrology-series-", ".spool");
			this.file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE,
					StandardOpenOption.DELETE_ON_CLOSE);
		}
		this.buffer.flip();
		while (this.buffer.hasRemaining()) {
			this.file.write(this.buffer);
		}
		this.buffer.clear();
	}

	private static void readFully(FileChannel file, ByteBuffer block, long position) throws IOException {
		while (block.hasRemaining()) {
			if (file.read(block, position + block.position()) < 0) {
				throw new IOException("A temporary file was truncated");
			}
		}
	}

	private static void take(ByteBuffer doubles, DoubleTaker taker) throws IOException {
		while (doubles.hasRemaining()) {
			taker.take(doubles.getDouble());
		}
	}

	@Override
	public void close() throws IOException {
		if (this.file != null) {
			this.file.close();
		}
	}

	/** Takes a double. */
	@FunctionalInterface
	interface DoubleTaker {

		void take(double value) throws IOException;

	}

}
