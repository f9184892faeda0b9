package io.metrology.stream;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.UUID;
import java.util.zip.GZIPOutputStream;

import io.metrology.Chunks;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/** The first part of a body shows its stream, or nothing. */
class ShownDataIdTests {

	private static final UUID DATA_ID = UUID.fromString("d290f1ee-6c54-4b01-90e6-d701748f0851");

	private static final String FIELD = "\"data_id\": \"" + DATA_ID + "\"";

	@ParameterizedTest
	@ValueSource(strings = { "{%s", "{%s, \"channel_name\": \"a", " {\"x\": {\"data_id\": 1}, %s, \"values\": [1.",
			"{\"timestamps\": [1, NaN, [{}]], %s}" })
	void partWithTheFieldShowsTheStream(String form) {
		assertThat(ShownDataId.in(bytes(form.formatted(FIELD)))).isEqualTo(DATA_ID);
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "{", "{\"data_id\": \"d290f1ee-6c54-4b01-90e6-d701748f085", "[{%s}]",
			"{\"x\": {%s}, \"y\": 1", "{\"x\": \"{%s", "{\"data_id\": 7}", "{\"data_id\": \"1-2-3-4-5\"}",
			"{\"data_id\": \"d290f1ee_6c54_4b01_90e6_d701748f0851\"}", "{,%s}", "\0" })
	void partWithoutTheFieldShowsNothing(String form) {
		assertThat(ShownDataId.in(bytes(form.replace("%s", FIELD)))).isNull();
	}

	@Test
	void everyPartOfABodyShowsTheStreamOrNothing() {
		byte[] body = bytes(Chunks.ofPoints(DATA_ID, "thickness", 7, 5));
		int end = new String(body, StandardCharsets.UTF_8).indexOf(DATA_ID.toString()) + 37;
		for (int length = 0; length <= body.length; length++) {
			UUID shown = ShownDataId.in(Arrays.copyOf(body, length));
			assertThat(shown).as("%d bytes", length).isEqualTo((length >= end) ? DATA_ID : null);
		}
	}

	@Test
	void completeGzipBodyShowsTheStreamAndAPartOfItNothing() throws IOException {
		byte[] sent = gzip(bytes(Chunks.ofPoints(DATA_ID, "thickness", 7, 5)));

		assertThat(ShownDataId.in(sent)).isEqualTo(DATA_ID);
		assertThat(ShownDataId.in(Arrays.copyOf(sent, sent.length / 2))).isNull();
	}

	/** The compressed body has a few kilobytes, the body some megabytes. */
	@Test
	void longGzipBodyIsNotReadToItsEnd() throws IOException {
		byte[] sent = gzip(bytes("{\"channel_name\": \"" + " ".repeat(4_000_000) + "\", " + FIELD + "}"));

		assertThat(ShownDataId.in(sent)).isNull();
	}

	private static byte[] bytes(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

	private static byte[] gzip(byte[] body) throws IOException {
		ByteArrayOutputStream sent = new ByteArrayOutputStream();
		try (GZIPOutputStream gzip = new GZIPOutputStream(sent)) {
			gzip.write(body);
		}
		return sent.toByteArray();
	}

}
