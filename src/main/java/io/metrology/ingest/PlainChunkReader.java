package io.metrology.ingest;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.UUID;

import org.jspecify.annotations.Nullable;
import tools.jackson.core.io.NumberInput;

/**
 * Reads, in one pass over the bytes, the plain form in which nearly all chunks come: the
 * documented fields, each once, texts of printable ASCII without escapes, numbers, nulls
 * among the values. It accepts only what {@link ChunkParser} accepts, with the same
 * result bit for bit, and gives up on everything else, valid or not: then that parser
 * reads the body anew, and finds the faults.
 *
 * <p>
 * A number of at most 2⁵³ times a power of ten up to 10²² is exact in one multiplication
 * or division of doubles (W. D. Clinger, <i>How to read floating point numbers
 * accurately</i>, 1990); others are left to Jackson.
 *
 * <p>
 * Its length is that of the grammar; its parts share the position in the body.
 */
final class PlainChunkReader {

	private static final double[] POWERS_OF_TEN = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
			1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

	private static final long LARGEST_EXACT = 1L << 53;

	/** So many digits always fit a long. */
	private static final int MOST_DIGITS = 18;

	/** Well below what Jackson reads. */
	private static final int LONGEST_NUMBER = 100;

	private static final int LONGEST_TEXT = 255;

	private static final int UUID_LENGTH = 36;

	private final byte[] body;

	private final int maxPoints;

	private int position;

	private boolean plain = true;

	private @Nullable UUID dataId;

	private @Nullable String channelName;

	private int chunkIndex = -1;

	private double @Nullable [] timestamps;

	private double @Nullable [] values;

	private @Nullable String units;

	private boolean hasUnits;

	private PlainChunkReader(byte[] body, int maxPoints) {
		this.body = body;
		this.maxPoints = maxPoints;
	}

	/** The request, or null if it is not plain, or breaks a rule. */
	static @Nullable ChunkRequest read(byte[] body, int maxPoints) {
		return new PlainChunkReader(body, maxPoints).read();
	}

	private @Nullable ChunkRequest read() {
		expect('{');
		do {
			readField();
		}
		while (this.plain && accept(','));
		expect('}');
		skipWhitespace();
		boolean complete = this.plain && this.position == this.body.length && this.dataId != null
				&& this.channelName != null && this.chunkIndex >= 0 && this.timestamps != null && this.values != null
				&& this.timestamps.length == this.values.length && this.timestamps.length > 0;
		return complete ? new ChunkRequest(this.dataId, this.channelName, this.chunkIndex, this.timestamps, this.values,
				this.units) : null;
	}

	private void readField() {
		String name = text();
		expect(':');
		switch (name) {
			case "data_id" -> this.dataId = once(this.dataId == null) ? uuid() : null;
			case "channel_name" -> this.channelName = once(this.channelName == null) ? filledText() : null;
			case "chunk_index" -> this.chunkIndex = once(this.chunkIndex < 0) ? index() : -1;
			case "timestamps" -> this.timestamps = once(this.timestamps == null) ? numbers(false) : null;
			case "values" -> this.values = once(this.values == null) ? numbers(true) : null;
			case "units" -> this.units = once(!this.hasUnits) ? nullableText() : null;
			default -> giveUp();
		}
	}

	private boolean once(boolean first) {
		return first || giveUp();
	}

	private boolean giveUp() {
		this.plain = false;
		return false;
	}

	private String text() {
		expect('"');
		int start = this.position;
		int end = start;
		while (end < this.body.length && this.body[end] != '"') {
			byte character = this.body[end++];
			if (character < ' ' || character > '~' || character == '\\') {
				giveUp();
				return "";
			}
		}
		if (end == this.body.length || end - start > LONGEST_TEXT) {
			giveUp();
			return "";
		}
		this.position = end + 1;
		return new String(this.body, start, end - start, StandardCharsets.ISO_8859_1);
	}

	private String filledText() {
		String text = text();
		once(!text.isEmpty());
		return text;
	}

	private @Nullable String nullableText() {
		this.hasUnits = true;
		skipWhitespace();
		return acceptNull() ? null : text();
	}

	private @Nullable UUID uuid() {
		String text = text();
		if (text.length() != UUID_LENGTH) {
			giveUp();
			return null;
		}
		for (int i = 0; i < UUID_LENGTH; i++) {
			boolean dash = i == 8 || i == 13 || i == 18 || i == 23;
			if (dash ? text.charAt(i) != '-' : Character.digit(text.charAt(i), 16) < 0) {
				giveUp();
				return null;
			}
		}
		return UUID.fromString(text);
	}

	private int index() {
		skipWhitespace();
		int start = this.position;
		long index = 0;
		while (isDigit() && this.position - start < 10) {
			index = index * 10 + this.body[this.position++] - '0';
		}
		boolean leadingZero = this.position - start > 1 && this.body[start] == '0';
		if (this.position == start || leadingZero || index > Integer.MAX_VALUE) {
			giveUp();
			return -1;
		}
		return (int) index;
	}

	private double[] numbers(boolean nullable) {
		double[] numbers = new double[Math.min(this.maxPoints, 16 + (this.body.length - this.position) / 16)];
		int count = 0;
		expect('[');
		do {
			if (count == this.maxPoints) {
				giveUp();
				return numbers;
			}
			if (count == numbers.length) {
				numbers = Arrays.copyOf(numbers, Math.min(this.maxPoints, count * 2));
			}
			skipWhitespace();
			numbers[count++] = (nullable && acceptNull()) ? Double.NaN : number(nullable);
		}
		while (this.plain && accept(','));
		expect(']');
		return (count == numbers.length) ? numbers : Arrays.copyOf(numbers, count);
	}

	private boolean acceptNull() {
		int i = this.position;
		byte[] bytes = this.body;
		if (i + 4 > bytes.length || bytes[i] != 'n' || bytes[i + 1] != 'u' || bytes[i + 2] != 'l'
				|| bytes[i + 3] != 'l') {
			return false;
		}
		this.position += 4;
		return true;
	}

	private double number(boolean isValue) {
		int start = this.position;
		boolean negative = this.position < this.body.length && this.body[this.position] == '-';
		this.position += negative ? 1 : 0;
		int first = this.position;
		long digits = digits(0);
		int whole = this.position - first;
		int fraction = 0;
		if (this.position < this.body.length && this.body[this.position] == '.') {
			int point = ++this.position;
			digits = digits(digits);
			fraction = this.position - point;
			once(fraction > 0);
		}
		int exponent = exponent() - fraction;
		if (!this.plain || this.position - start > LONGEST_NUMBER || whole == 0
				|| (whole > 1 && this.body[first] == '0')) {
			giveUp();
			return 0;
		}
		double number = (whole + fraction <= MOST_DIGITS && digits <= LARGEST_EXACT && Math.abs(exponent) < 23)
				? exact(digits, exponent, negative) : left(start);
		once(isValue ? Double.isFinite(number) : Math.abs(number) <= SampleArrays.LAST_TIMESTAMP);
		return number;
	}

	/** Appends digits; what comes beyond those that fit is not used. */
	private long digits(long digits) {
		byte[] bytes = this.body;
		int i = this.position;
		while (i < bytes.length && bytes[i] >= '0' && bytes[i] <= '9') {
			digits = digits * 10 + bytes[i++] - '0';
		}
		this.position = i;
		return digits;
	}

	private int exponent() {
		if (this.position == this.body.length || (this.body[this.position] | 0x20) != 'e') {
			return 0;
		}
		this.position++;
		boolean negative = this.position < this.body.length && this.body[this.position] == '-';
		if (negative || (this.position < this.body.length && this.body[this.position] == '+')) {
			this.position++;
		}
		int start = this.position;
		long digits = digits(0);
		// Four digits are more than any double has.
		once(this.position > start && this.position - start <= 4);
		return (int) (negative ? -digits : digits);
	}

	private static double exact(long digits, int exponent, boolean negative) {
		double number = (exponent < 0) ? digits / POWERS_OF_TEN[-exponent] : digits * POWERS_OF_TEN[exponent];
		return negative ? -number : number;
	}

	private double left(int start) {
		return NumberInput.parseDouble(new String(this.body, start, this.position - start, StandardCharsets.ISO_8859_1),
				true);
	}

	private boolean isDigit() {
		return this.position < this.body.length && this.body[this.position] >= '0' && this.body[this.position] <= '9';
	}

	private void expect(char wanted) {
		if (!accept(wanted)) {
			giveUp();
		}
	}

	private boolean accept(char wanted) {
		skipWhitespace();
		if (this.position < this.body.length && this.body[this.position] == wanted) {
			this.position++;
			return true;
		}
		return false;
	}

	private void skipWhitespace() {
		while (this.position < this.body.length && (this.body[this.position] == ' ' || this.body[this.position] == '\n'
				|| this.body[this.position] == '\r' || this.body[this.position] == '\t')) {
			this.position++;
		}
	}

}
