package io.metrology.http;

/** The parts of paths that name a stream or a key. */
public final class PathId {

	private static final String UUID_FORM = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}";

	/**
	 * The path variable {@code data_id}: a UUID in its 36-character form and nothing
	 * else, so that words such as {@code chunk} are never taken for ids.
	 */
	public static final String DATA_ID = "{data_id:" + UUID_FORM + "}";

	/** The path variable {@code id} of a key, likewise. */
	public static final String KEY_ID = "{id:" + UUID_FORM + "}";

	/** The path variable {@code id} of a record of a refused chunk, likewise. */
	public static final String REFUSAL_ID = KEY_ID;

	private PathId() {
	}

}
