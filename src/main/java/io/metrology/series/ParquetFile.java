package io.metrology.series;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * The pages, row groups and footer of a Parquet file, written in one go: all that is kept
 * is where the row groups are. Field numbers are those of parquet.thrift.
 *
 * @see <a href=
 * "https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift">parquet.thrift</a>
 */
final class ParquetFile {

	private static final int PLAIN = 0;

	private static final int RLE = 3;

	private static final int RLE_DICTIONARY = 8;

	private static final int DATA_PAGE = 0;

	private static final int DICTIONARY_PAGE = 2;

	private final OutputStream out;

	private final byte[] magic;

	private final List<RowGroup> groups = new ArrayList<>();

	private List<Column> columns = new ArrayList<>();

	private long offset;

	private int rows;

	ParquetFile(OutputStream out, byte[] magic) throws IOException {
		this.out = out;
		this.magic = magic;
		write(magic);
	}

	/** Begins a row group, of which each column follows once, in their order. */
	void begin(int rows) {
		this.rows = rows;
		this.columns = new ArrayList<>();
	}

	/**
	 * Writes a column of values as they are.
	 * @param levels which of the rows have a value, empty where all must
	 */
	void plainColumn(ParquetColumn column, byte[] levels, ByteBuffer values) throws IOException {
		long start = this.offset;
		int levelBytes = (levels.length > 0) ? Integer.BYTES + levels.length : 0;
		write(dataPage(levelBytes + values.remaining(), PLAIN));
		if (levels.length > 0) {
			write(ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(levels.length).array());
			write(levels);
		}
		write(values);
		this.columns.add(new Column(column, this.rows, start, -1, this.offset - start));
	}

	/** Writes a column as a dictionary, and where in it each row's value is. */
	void dictionaryColumn(ParquetColumn column, ByteBuffer dictionary, int entries, RunLengths places)
			throws IOException {
		long start = this.offset;
		write(page(DICTIONARY_PAGE, dictionary.remaining(), 7, (header) -> header.i32(1, entries).i32(2, PLAIN)));
		write(dictionary);
		long data = this.offset;
		byte[] runs = places.bytes();
		write(dataPage(1 + runs.length, RLE_DICTIONARY));
		write(new byte[] { (byte) places.bitWidth() });
		write(runs);
		this.columns.add(new Column(column, this.rows, data, start, this.offset - start));
	}

	void endGroup() {
		this.groups.add(new RowGroup(this.rows, List.copyOf(this.columns)));
	}

	/** Writes the footer. */
	void end() throws IOException {
		List<ParquetColumn> schema = List.of(ParquetColumn.values());
		List<Consumer<ThriftWriter>> elements = new ArrayList<>();
		elements.add((root) -> root.string(4, "points").i32(5, schema.size()));
		schema.forEach((column) -> elements.add(column::describe));
		byte[] footer = new ThriftWriter().i32(1, 1)
			.structList(2, elements, (element, describe) -> describe.accept(element))
			.i64(3, this.groups.stream().mapToLong(RowGroup::rows).sum())
			.structList(4, this.groups, ParquetFile::describe)
			.string(6, "metrology-ingest")
			.finish();
		write(footer);
		write(ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(footer.length).array());
		write(this.magic);
		this.out.flush();
	}

	private static void describe(ThriftWriter writer, RowGroup group) {
		writer.structList(1, group.columns(), ParquetFile::describe)
			.i64(2, group.columns().stream().mapToLong(Column::bytes).sum())
			.i64(3, group.rows());
	}

	private static void describe(ThriftWriter writer, Column column) {
		boolean dictionary = column.dictionaryOffset() >= 0;
		writer.i64(2, 0).struct(3, (data) -> {
			data.i32(1, column.column().type());
			if (dictionary) {
				data.i32List(2, PLAIN, RLE, RLE_DICTIONARY);
			}
			else {
				data.i32List(2, PLAIN, RLE);
			}
			data.stringList(3, column.column().label())
				.i32(4, 0)
				.i64(5, column.rows())
				.i64(6, column.bytes())
				.i64(7, column.bytes())
				.i64(9, column.dataOffset());
			if (dictionary) {
				data.i64(11, column.dictionaryOffset());
			}
		});
	}

	private byte[] dataPage(int bytes, int encoding) {
		return page(DATA_PAGE, bytes, 5, (header) -> header.i32(1, this.rows).i32(2, encoding).i32(3, RLE).i32(4, RLE));
	}

	private static byte[] page(int type, int bytes, int headerField, Consumer<ThriftWriter> header) {
		return new ThriftWriter().i32(1, type).i32(2, bytes).i32(3, bytes).struct(headerField, header).finish();
	}

	private void write(byte[] bytes) throws IOException {
		write(ByteBuffer.wrap(bytes));
	}

	private void write(ByteBuffer bytes) throws IOException {
		this.offset += bytes.remaining();
		this.out.write(bytes.array(), bytes.arrayOffset() + bytes.position(), bytes.remaining());
	}

	/**
	 * A part of a file's rows.
	 *
	 * @param rows their number
	 * @param columns where their columns are
	 */
	private record RowGroup(int rows, List<Column> columns) {

	}

	/**
	 * A column of a row group.
	 *
	 * @param column which it is
	 * @param rows the number of its rows
	 * @param dataOffset where in the file its page is
	 * @param dictionaryOffset where in the file its dictionary is, or -1
	 * @param bytes how long both are
	 */
	private record Column(ParquetColumn column, int rows, long dataOffset, long dictionaryOffset, long bytes) {

	}

}
