package io.metrology.series;

import java.io.ByteArrayOutputStream;

/**
 * Small numbers as runs of equal ones, Parquet's RLE encoding: the length of a run times
 * two as a varint, then the number in as many whole bytes as its bits need.
 */
final class RunLengths {

	private final int bitWidth;

	private final ByteArrayOutputStream out = new ByteArrayOutputStream();

	private int number;

	private int length;

	RunLengths(int bitWidth) {
		this.bitWidth = bitWidth;
	}

	int bitWidth() {
		return this.bitWidth;
	}

	RunLengths add(int number) {
		return add(number, 1);
	}

	RunLengths add(int number, int times) {
		if (number != this.number) {
			endRun();
			this.number = number;
		}
		this.length += times;
		return this;
	}

	byte[] bytes() {
		endRun();
		return this.out.toByteArray();
	}

	void clear() {
		this.out.reset();
		this.length = 0;
	}

	private void endRun() {
		if (this.length == 0) {
			return;
		}
		int rest = this.length << 1;
		while ((rest & ~0x7F) != 0) {
			this.out.write(rest & 0x7F | 0x80);
			rest >>>= 7;
		}
		this.out.write(rest);
		for (int bits = 0; bits < this.bitWidth; bits += Byte.SIZE) {
			this.out.write(this.number >>> bits);
		}
		this.length = 0;
	}

}
