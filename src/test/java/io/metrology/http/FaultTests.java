package io.metrology.http;

import java.nio.charset.StandardCharsets;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;

class FaultTests {

	private static final String ASTRAL = new String(Character.toChars(0x1F52C));

	@ParameterizedTest
	@CsvSource({ "a/b, a~1b", "a~b, a~0b", "~1, ~01", "~/, ~0~1", "plain, plain" })
	void nameIsEscapedAsRfc6901Says(String name, String escaped) {
		assertThat(Fault.escape(name)).isEqualTo(escaped);
	}

	@Test
	void longTextIsCutBetweenCharacters() {
		String shown = Fault.shown("x" + ASTRAL.repeat(100));
		assertThat(shown).isEqualTo("x" + ASTRAL.repeat(99) + "…");
		assertThat(StandardCharsets.UTF_8.newEncoder().canEncode(shown)).isTrue();
	}

	@Test
	void textOfOneHundredCharactersIsShownWhole() {
		assertThat(Fault.shown(ASTRAL.repeat(100))).isEqualTo(ASTRAL.repeat(100));
	}

	@Test
	void whatCannotBePrintedIsReplaced() {
		assertThat(Fault.shown("a\nb\u0000c\ud800d\udc00\u009f")).isEqualTo("a\ufffdb\ufffdc\ufffdd\ufffd\ufffd");
	}

	@Test
	void numberIsShownAsItIs() {
		assertThat(Fault.at("/values/0", "must not be", 1e300).rejected()).isEqualTo(1e300);
	}

}
