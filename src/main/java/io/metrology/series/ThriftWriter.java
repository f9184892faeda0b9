package io.metrology.series;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.function.Consumer;

/**
 * Writes structures in Thrift's compact protocol, as far as Parquet's metadata needs it.
 * Fields must be written in the order of their numbers, which must not differ by more
 * than 15.
 *
 * @see <a href=
 * "https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md">Thrift
 * compact protocol</a>
 */
final class ThriftWriter {

	private static final int TRUE = 1;

	private static final int I32 = 5;

	private static final int I64 = 6;

	private static final int BINARY = 8;

	private static final int LIST = 9;

	private static final int STRUCT = 12;

	private static final int LONG_LIST = 15;

	private final ByteArrayOutputStream out = new ByteArrayOutputStream();

	private final Deque<Integer> outerFields = new ArrayDeque<>();

	private int lastField;

	ThriftWriter i32(int field, int value) {
		header(field, I32);
		return varint(zigzag(value));
	}

	ThriftWriter i64(int field, long value) {
		header(field, I64);
		return varint(zigzag(value));
	}

	ThriftWriter isTrue(int field) {
		header(field, TRUE);
		return this;
	}

	ThriftWriter string(int field, String value) {
		header(field, BINARY);
		return string(value);
	}

	ThriftWriter struct(int field, Consumer<ThriftWriter> content) {
		header(field, STRUCT);
		return struct(content);
	}

	/** A structure without fields, such as stands for a choice. */
	ThriftWriter empty(int field) {
		return struct(field, (none) -> {
		});
	}

	ThriftWriter i32List(int field, int... values) {
		list(field, I32, values.length);
		for (int value : values) {
			varint(zigzag(value));
		}
		return this;
	}

	ThriftWriter stringList(int field, String value) {
		list(field, BINARY, 1);
		return string(value);
	}

	<T> ThriftWriter structList(int field, Collection<T> items, java.util.function.BiConsumer<ThriftWriter, T> each) {
		list(field, STRUCT, items.size());
		items.forEach((item) -> struct((writer) -> each.accept(writer, item)));
		return this;
	}

	/** The outermost structure, complete. */
	byte[] finish() {
		this.out.write(0);
		return this.out.toByteArray();
	}

	private ThriftWriter struct(Consumer<ThriftWriter> content) {
		this.outerFields.push(this.lastField);
		this.lastField = 0;
		content.accept(this);
		this.out.write(0);
		this.lastField = this.outerFields.pop();
		return this;
	}

	private ThriftWriter string(String value) {
		byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
		varint(bytes.length);
		this.out.writeBytes(bytes);
		return this;
	}

	private void list(int field, int type, int size) {
		header(field, LIST);
		if (size < LONG_LIST) {
			this.out.write(size << 4 | type);
		}
		else {
			this.out.write(LONG_LIST << 4 | type);
			varint(size);
		}
	}

	private void header(int field, int type) {
		this.out.write((field - this.lastField) << 4 | type);
		this.lastField = field;
	}

	private static long zigzag(long value) {
		return value << 1 ^ value >> 63;
	}

	private ThriftWriter varint(long value) {
		long rest = value;
		while ((rest & ~0x7FL) != 0) {
			this.out.write((int) (rest & 0x7F | 0x80));
			rest >>>= 7;
		}
		this.out.write((int) rest);
		return this;
	}

}
