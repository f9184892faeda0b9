package io.metrology.stream;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.UUID;
import java.util.zip.GZIPInputStream;

import io.metrology.http.RequestReader;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/** Finds the stream of a chunk request in the first part of its body. */
final class ShownDataId {

	private static final String FIELD = "data_id";

	private static final int UUID_LENGTH = 36;

	/** Bytes after decompression, so that a small body cannot take long. */
	private static final int MAX_BYTES = 64 * 1024;

	private static final int GZIP_MAGIC = 0x1f8b;

	private ShownDataId() {
	}

	/**
	 * Returns the value of the top-level field {@code data_id}, or null if the bytes do
	 * not show it completely.
	 */
	static @Nullable UUID in(byte[] body) {
		try (InputStream plain = plain(body); JsonParser json = RequestReader.JSON.createParser(plain)) {
			return (json.nextToken() == JsonToken.START_OBJECT) ? find(json) : null;
		}
		catch (IOException | JacksonException ex) {
			// The rest of the body has not arrived, or the request will be refused.
			return null;
		}
	}

	private static @Nullable UUID find(JsonParser json) {
		for (String name = json.nextName(); name != null; name = json.nextName()) {
			JsonToken value = json.nextToken();
			if (name.equals(FIELD)) {
				return (value == JsonToken.VALUE_STRING) ? uuid(json.getString()) : null;
			}
			json.skipChildren();
		}
		return null;
	}

	private static @Nullable UUID uuid(String text) {
		if (text.length() != UUID_LENGTH) {
			return null;
		}
		try {
			return UUID.fromString(text);
		}
		catch (IllegalArgumentException ex) {
			return null;
		}
	}

	private static InputStream plain(byte[] body) throws IOException {
		InputStream sent = new ByteArrayInputStream(body);
		boolean gzip = body.length > 1 && ((body[0] & 0xff) << 8 | (body[1] & 0xff)) == GZIP_MAGIC;
		return gzip ? new ByteArrayInputStream(new GZIPInputStream(sent).readNBytes(MAX_BYTES)) : sent;
	}

}
