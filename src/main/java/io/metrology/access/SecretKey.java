package io.metrology.access;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Base64;

/**
 * A key itself, on its way to or from the one who has it. Of made ones 256 bits are
 * random, so that their plain SHA-256 gives nothing away, and need not be slow.
 */
public final class SecretKey {

	/** Lets people and scanners for leaked secrets know what they have found. */
	private static final String PREFIX = "mik_";

	private static final int RANDOM_BYTES = 32;

	private static final SecureRandom RANDOM = new SecureRandom();

	private final String text;

	SecretKey(String text) {
		this.text = text;
	}

	/** Makes a new key. */
	static SecretKey random() {
		byte[] bytes = new byte[RANDOM_BYTES];
		RANDOM.nextBytes(bytes);
		return new SecretKey(PREFIX + Base64.getUrlEncoder().withoutPadding().encodeToString(bytes));
	}

	/** The key in full, for the one who asked for it and nobody else. */
	public String reveal() {
		return this.text;
	}

	int length() {
		return this.text.length();
	}

	/** Whether it arrives as it was sent. */
	boolean fitsAHeader() {
		return this.text.chars().allMatch((character) -> character > ' ' && character < 0x7f);
	}

	/** What is stored of it. */
	byte[] hash() {
		try {
			return MessageDigest.getInstance("SHA-256").digest(this.text.getBytes(StandardCharsets.UTF_8));
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException("Every Java platform has SHA-256", ex);
		}
	}

	/** Not the key: texts end up in logs. */
	@Override
	public String toString() {
		return "a key";
	}

}
