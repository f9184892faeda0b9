package io.metrology.http.load;

import io.metrology.http.ErrorCode;
import io.metrology.http.ProblemException;

import org.springframework.http.HttpHeaders;
import org.springframework.util.unit.DataSize;

/**
 * How many bytes of a body are read.
 *
 * @param bytes as they arrive
 * @param inflated after decompression, as clients are told
 * @param name the setting, or the requests that the limit is for
 */
public record BodyLimit(long bytes, long inflated, String name) {

	/** Gzip adds far less than this part to data that it cannot compress. */
	private static final int GZIP_OVERHEAD = 64;

	private static final int GZIP_HEADER = 16 * 1024;

	/** Makes the limit of a plain body. */
	public static BodyLimit of(DataSize size, String name) {
		return new BodyLimit(size.toBytes(), size.toBytes(), name);
	}

	/** Returns the same limit for a body that is not decompressed yet. */
	public BodyLimit gzipped() {
		return new BodyLimit(this.inflated + this.inflated / GZIP_OVERHEAD + GZIP_HEADER, this.inflated, this.name);
	}

	/** Returns the error of a longer body. */
	public ProblemException exceeded() {
		return new ProblemException(ErrorCode.BODY_TOO_LARGE, "The body is longer than the limit of " + this.inflated
				+ " bytes (" + this.name + "). Split the data into smaller chunks.")
			.withHeader(HttpHeaders.CONNECTION, "close");
	}

}
