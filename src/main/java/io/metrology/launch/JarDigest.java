package io.metrology.launch;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * A digest of a jar's content. The directory at the end of a jar has the checksum of each
 * entry, so it alone is read.
 */
final class JarDigest {

	private static final int END_SIGNATURE = 0x06054b50;

	private static final int END_LENGTH = 22;

	private static final int SIZE_POSITION = 12;

	private static final int LENGTH = 8;

	private JarDigest() {
	}

	static String of(Path jar) throws IOException {
		try (FileChannel file = FileChannel.open(jar)) {
			ByteBuffer end = read(file, file.size() - END_LENGTH, END_LENGTH);
			if (end.getInt(0) != END_SIGNATURE) {
				throw new IOException("The jar has a comment at its end");
			}
			int size = end.getInt(SIZE_POSITION);
			MessageDigest digest = MessageDigest.getInstance("SHA-256");
			digest.update(read(file, file.size() - END_LENGTH - size, size));
			return HexFormat.of().formatHex(digest.digest(), 0, LENGTH);
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException("Every JDK has SHA-256", ex);
		}
	}

	private static ByteBuffer read(FileChannel file, long position, int length) throws IOException {
		ByteBuffer bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
		while (bytes.hasRemaining()) {
			if (file.read(bytes, position + bytes.position()) < 0) {
				throw new EOFException();
			}
		}
		return bytes.flip();
	}

}
