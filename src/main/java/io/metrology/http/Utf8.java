package io.metrology.http;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;

/**
 * Keeps out what merely resembles UTF-8, and what Jackson would read: overlong sequences,
 * surrogates, code points beyond the last. They would pass for other characters than
 * those that were sent.
 */
final class Utf8 {

	/** Characters that are decoded before the next are; what they say is not kept. */
	private static final int DECODED_AT_ONCE = 8192;

	private Utf8() {
	}

	/**
	 * Checks a body.
	 * @throws ProblemException {@code malformed_json} with the place, counted in bytes
	 * from 0
	 */
	static void require(byte[] body) {
		CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
		ByteBuffer bytes = ByteBuffer.wrap(body);
		CharBuffer characters = CharBuffer.allocate(Math.min(body.length, DECODED_AT_ONCE) + 2);
		CoderResult result;
		do {
			result = decoder.decode(bytes, characters.clear(), true);
		}
		while (result.isOverflow());
		if (result.isError()) {
			throw new ProblemException(ErrorCode.MALFORMED_JSON,
					"The body is not well-formed UTF-8, at byte " + bytes.position() + ".");
		}
	}

}
