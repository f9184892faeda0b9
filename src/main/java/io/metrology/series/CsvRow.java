package io.metrology.series;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;

import tools.jackson.core.io.NumberOutput;

/** Writes a table as CSV (RFC 4180), field by field. */
final class CsvRow {

	private static final int BUFFER = 64 * 1024;

	private static final long DAY_MILLIS = 86_400_000;

	private static final double SECOND_MILLIS = 1000;

	/** Beyond, a number stands with an exponent. */
	private static final int PLAIN_DIGITS = 15;

	private final OutputStream out;

	private final byte[] buffer = new byte[BUFFER];

	private int length;

	private boolean begun;

	private String lastText = "";

	private byte[] lastEscaped = new byte[0];

	private long lastDay = Long.MIN_VALUE;

	private byte[] lastDate = new byte[0];

	CsvRow(OutputStream out) {
		this.out = out;
	}

	void header(String... names) throws IOException {
		for (String name : names) {
			text(name);
		}
		end();
	}

	CsvRow text(String text) throws IOException {
		if (!text.equals(this.lastText)) {
			this.lastText = text;
			boolean quoted = text.chars().anyMatch((character) -> ",\"\r\n ".indexOf(character) >= 0);
			this.lastEscaped = (quoted ? "\"" + text.replace("\"", "\"\"") + "\"" : text)
				.getBytes(StandardCharsets.UTF_8);
		}
		return field().append(this.lastEscaped);
	}

	/** A double that reads back to the same bits, or nothing where it is NaN. */
	CsvRow number(double number) throws IOException {
		field();
		return Double.isNaN(number) ? this : append(plain(NumberOutput.toString(number, true)));
	}

	CsvRow integer(long number) throws IOException {
		return field().append(Long.toString(number));
	}

	CsvRow empty() throws IOException {
		return field();
	}

	/** A time as people and spreadsheets read it: UTC, rounded to the millisecond. */
	CsvRow time(double seconds) throws IOException {
		long millis = Math.round(seconds * SECOND_MILLIS);
		long day = Math.floorDiv(millis, DAY_MILLIS);
		if (day != this.lastDay) {
			this.lastDay = day;
			this.lastDate = (LocalDate.ofEpochDay(day) + " ").getBytes(StandardCharsets.US_ASCII);
		}
		int rest = (int) Math.floorMod(millis, DAY_MILLIS);
		field().append(this.lastDate);
		digits(rest / 3_600_000, 2, ':');
		digits(rest / 60_000 % 60, 2, ':');
		digits(rest / 1000 % 60, 2, '.');
		digits(rest % 1000, 3, '\0');
		return this;
	}

	void end() throws IOException {
		append("\r\n");
		this.begun = false;
	}

	void flush() throws IOException {
		this.out.write(this.buffer, 0, this.length);
		this.length = 0;
		this.out.flush();
	}

	/** Without an exponent, where that takes no more than a few zeros. */
	private static String plain(String number) {
		int exponentAt = number.indexOf('E');
		if (exponentAt < 0) {
			return number;
		}
		int exponent = Integer.parseInt(number, exponentAt + 1, number.length(), 10);
		int point = number.indexOf('.');
		if (exponent < 0 || exponent > PLAIN_DIGITS || point < 0) {
			return number;
		}
		StringBuilder digits = new StringBuilder(number.length() + exponent).append(number, 0, point)
			.append(number, point + 1, exponentAt);
		while (digits.length() < point + exponent + 1) {
			digits.append('0');
		}
		return digits.insert(point + exponent, '.').toString();
	}

	private void digits(int number, int count, char end) throws IOException {
		require(count + 1);
		for (int i = count - 1, rest = number; i >= 0; i--, rest /= 10) {
			this.buffer[this.length + i] = (byte) ('0' + rest % 10);
		}
		this.length += count;
		if (end != 0) {
			this.buffer[this.length++] = (byte) end;
		}
	}

	private CsvRow field() throws IOException {
		if (this.begun) {
			append(",");
		}
		this.begun = true;
		return this;
	}

	@SuppressWarnings("deprecation")
	private CsvRow append(String ascii) throws IOException {
		require(ascii.length());
		ascii.getBytes(0, ascii.length(), this.buffer, this.length);
		this.length += ascii.length();
		return this;
	}

	private CsvRow append(byte[] bytes) throws IOException {
		require(bytes.length);
		System.arraycopy(bytes, 0, this.buffer, this.length, bytes.length);
		this.length += bytes.length;
		return this;
	}

	/**
	 * The longest field, a name of 255 characters, has far fewer bytes than the buffer.
	 */
	private void require(int bytes) throws IOException {
		if (this.buffer.length - this.length < bytes) {
			this.out.write(this.buffer, 0, this.length);
			this.length = 0;
		}
	}

}
