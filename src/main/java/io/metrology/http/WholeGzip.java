package io.metrology.http;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.zip.GZIPInputStream;

/**
 * Decompresses a gzip body that has arrived completely. {@code GZIPInputStream} treats a
 * pause in the network as the end of the data, and ignores data after the end.
 */
public final class WholeGzip extends GZIPInputStream {

	/** Bytes of the checksum and the length at the end. */
	private static final int TRAILER = 8;

	/** Begins to decompress a body. */
	public WholeGzip(byte[] sent) throws IOException {
		super(new ByteArrayInputStream(sent), Math.max(1, sent.length));
	}

	/** Returns whether data follows the end, which a body must not have. */
	public boolean hasMore() {
		return this.inf.getRemaining() > TRAILER;
	}

}
