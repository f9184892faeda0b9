package io.metrology.series;

import java.util.function.Consumer;

/** The columns of the Parquet file, and how its metadata describes them. */
enum ParquetColumn {

	CHANNEL(6, true, (element) -> element.i32(6, 0).struct(10, (logical) -> logical.empty(1))),
	/** Exact, Unix epoch seconds. */
	TIME_SECONDS(5, true, (element) -> {
	}),
	/** UTC, in nanoseconds since 1970, rounded. */
	TIME(2, true, (element) -> element.struct(10,
			(logical) -> logical.struct(8, (timestamp) -> timestamp.isTrue(1).struct(2, (unit) -> unit.empty(3))))),
	/** Null where it is missing. */
	VALUE(5, false, (element) -> {
	}), CHUNK_INDEX(1, true, (element) -> {
	});

	private final int type;

	private final boolean required;

	private final Consumer<ThriftWriter> logicalType;

	/**
	 * Describes a column.
	 * @param type Parquet's number of the physical type: 1 INT32, 2 INT64, 5 DOUBLE, 6
	 * BYTE_ARRAY
	 */
	ParquetColumn(int type, boolean required, Consumer<ThriftWriter> logicalType) {
		this.type = type;
		this.required = required;
		this.logicalType = logicalType;
	}

	int type() {
		return this.type;
	}

	String label() {
		return name().toLowerCase(java.util.Locale.ROOT);
	}

	/** Writes the SchemaElement. */
	void describe(ThriftWriter element) {
		element.i32(1, this.type).i32(3, this.required ? 0 : 1).string(4, label());
		this.logicalType.accept(element);
	}

}
