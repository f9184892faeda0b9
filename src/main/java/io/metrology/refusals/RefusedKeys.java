package io.metrology.refusals;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;

import io.metrology.http.RequestReader;
import io.metrology.ingest.ChunkResend.Form;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/**
 * The stream, channels and index that a refused body names, as far as it can be read: up
 * to the first byte that is not JSON.
 */
final class RefusedKeys {

	/** Keeps a record small, also for a request with many channels. */
	private static final int MAX_NAME_CHARS = 1024;

	private static final int MAX_NAME_LENGTH = 255;

	private static final Pattern UUID_FORM = Pattern
		.compile("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}");

	private final List<String> channelNames = new ArrayList<>();

	private @Nullable UUID dataId;

	private @Nullable Integer chunkIndex;

	private int nameChars;

	private RefusedKeys() {
	}

	/** Reads a body, or its first bytes. */
	static RefusedKeys of(Form form, byte[] body) {
		RefusedKeys keys = new RefusedKeys();
		try (JsonParser json = RequestReader.JSON.createParser(body)) {
			if (json.nextToken() == JsonToken.START_OBJECT) {
				keys.read(json, form);
			}
		}
		catch (JacksonException ex) {
			// The fields before the fault are known.
		}
		return keys;
	}

	/**
	 * Reads the first bytes of a body as sent.
	 * @param encoding the header {@code Content-Encoding}, or null
	 */
	static RefusedKeys ofFirst(Form form, byte[] first, @Nullable String encoding) {
		if (encoding == null || !encoding.contains("gzip")) {
			return of(form, first);
		}
		byte[] inflated = new byte[first.length];
		int length = 0;
		try (InputStream gzip = new GZIPInputStream(new ByteArrayInputStream(first))) {
			int read;
			while ((read = gzip.read(inflated, length, inflated.length - length)) > 0) {
				length += read;
			}
		}
		catch (IOException ex) {
			// The first bytes end before the data do.
		}
		return of(form, Arrays.copyOf(inflated, length));
	}

	@Nullable UUID dataId() {
		return this.dataId;
	}

	/** Returns the first names, about a kilobyte of them. */
	List<String> channelNames() {
		return this.channelNames;
	}

	@Nullable Integer chunkIndex() {
		return this.chunkIndex;
	}

	private void read(JsonParser json, Form form) {
		while (json.nextToken() == JsonToken.PROPERTY_NAME && !isComplete(form)) {
			String name = json.currentName();
			JsonToken value = json.nextToken();
			switch (name) {
				case "data_id" -> readDataId(json, value);
				case "chunk_index" -> readChunkIndex(json, value);
				case "channel_name" -> {
					if (form == Form.CHUNK && value == JsonToken.VALUE_STRING) {
						add(json.getString());
					}
				}
				case "channels" -> {
					if (form == Form.MULTI && value == JsonToken.START_OBJECT) {
						readNames(json);
					}
				}
				default -> {
				}
			}
			json.skipChildren();
		}
	}

	/** Saves the reading of the arrays if they come last. */
	private boolean isComplete(Form form) {
		return form == Form.CHUNK && this.dataId != null && this.chunkIndex != null && !this.channelNames.isEmpty();
	}

	private void readDataId(JsonParser json, JsonToken value) {
		if (value == JsonToken.VALUE_STRING && UUID_FORM.matcher(json.getString()).matches()) {
			this.dataId = UUID.fromString(json.getString());
		}
	}

	private void readChunkIndex(JsonParser json, JsonToken value) {
		if (value == JsonToken.VALUE_NUMBER_INT || value == JsonToken.VALUE_NUMBER_FLOAT) {
			double number = json.getDoubleValue();
			if (number >= 0 && number <= Integer.MAX_VALUE && number == Math.rint(number)) {
				this.chunkIndex = (int) number;
			}
		}
	}

	private void readNames(JsonParser json) {
		while (json.nextToken() == JsonToken.PROPERTY_NAME) {
			add(json.currentName());
			json.nextToken();
			json.skipChildren();
		}
	}

	private void add(String name) {
		boolean storable = !name.isEmpty() && name.length() <= MAX_NAME_LENGTH
				&& name.codePoints().noneMatch(RefusedKeys::isUnstorable);
		if (storable && this.nameChars + name.length() <= MAX_NAME_CHARS) {
			this.channelNames.add(name);
			this.nameChars += name.length();
		}
	}

	private static boolean isUnstorable(int character) {
		return Character.isISOControl(character) || Character.getType(character) == Character.SURROGATE;
	}

}
