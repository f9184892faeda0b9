package io.metrology.http;

/** The parts of paths that name a stream. */
public final class StreamPath {

	/**
	 * The path variable {@code data_id}: a UUID in its 36-character form and nothing
	 * else, so that words such as {@code chunk} are never taken for ids.
	 */
	public static final String DATA_ID = "{data_id:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}}";

	private StreamPath() {
	}

}
