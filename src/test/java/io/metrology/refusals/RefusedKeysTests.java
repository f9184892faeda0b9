package io.metrology.refusals;

import java.nio.charset.StandardCharsets;
import java.util.UUID;

import io.metrology.ingest.ChunkResend.Form;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/** A record names what its body names, as far as that can be read. */
class RefusedKeysTests {

	private static final UUID STREAM = UUID.fromString("d290f1ee-6c54-4b01-90e6-d701748f0851");

	@Test
	void fieldsBeforeTheFaultAreKnown() {
		RefusedKeys keys = of(Form.CHUNK,
				"{\"chunk_index\": 3.0, \"data_id\": \"" + STREAM + "\", \"values\": [1, 2,, \"channel_name\": \"a\"}");

		assertThat(keys.dataId()).isEqualTo(STREAM);
		assertThat(keys.chunkIndex()).isEqualTo(3);
		assertThat(keys.channelNames()).isEmpty();
	}

	@Test
	void fieldsOfTheWrongKindAreUnknown() {
		RefusedKeys keys = of(Form.CHUNK,
				"{\"chunk_index\": 3.5, \"data_id\": \"x\", \"channel_name\": \"a\\u0000b\", \"channels\": {\"b\": 1}}");

		assertThat(keys.dataId()).isNull();
		assertThat(keys.chunkIndex()).isNull();
		assertThat(keys.channelNames()).isEmpty();
	}

	@Test
	void channelsOfARequestForSeveralAreNamedUpToAKilobyte() {
		StringBuilder channels = new StringBuilder();
		for (int i = 1000; i < 2000; i++) {
			channels.append((i > 1000) ? "," : "").append("\"").append(i).append("\": {\"values\": [1]}");
		}
		RefusedKeys keys = of(Form.MULTI,
				"{\"channels\": {" + channels + "}, \"chunk_index\": 7, \"data_id\": \"" + STREAM + "\"}");

		assertThat(keys.channelNames()).hasSize(256).startsWith("1000", "1001");
		assertThat(keys.chunkIndex()).isEqualTo(7);
		assertThat(keys.dataId()).isEqualTo(STREAM);
	}

	@Test
	void bytesThatAreNoJsonNameNothing() {
		for (String body : new String[] { "", "[1]", "\u0000", "<xml/>", "5" }) {
			assertThat(of(Form.CHUNK, body).dataId()).isNull();
		}
	}

	private static RefusedKeys of(Form form, String body) {
		return RefusedKeys.of(form, body.getBytes(StandardCharsets.UTF_8));
	}

}
