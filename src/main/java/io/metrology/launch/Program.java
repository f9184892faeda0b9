package io.metrology.launch;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;

/** The program that this process runs. */
final class Program {

	private static final int F_SETFD = 2;

	private static final int FD_CLOEXEC = 1;

	private Program() {
	}

	/** Replaces the program by {@code execv}. It returns only if that fails. */
	static void replace(Path program, List<byte[]> command, LaunchCopy copy) throws IOException {
		// The folder for temporary files may not allow to run programs.
		System.setProperty("jna.boot.library.path", copy.folder().toString());
		System.setProperty("jna.nosys", "true");
		Memory path = text(program.toString().getBytes(StandardCharsets.UTF_8));
		List<Memory> texts = command.stream().map(Program::text).toList();
		Memory arguments = new Memory((long) Native.POINTER_SIZE * (texts.size() + 1));
		for (int i = 0; i < texts.size(); i++) {
			arguments.setPointer((long) Native.POINTER_SIZE * i, texts.get(i));
		}
		arguments.setPointer((long) Native.POINTER_SIZE * texts.size(), Pointer.NULL);
		closeAtReplacement(Path.of(System.getProperty("java.class.path")).toRealPath());
		NativeLibrary.getProcess().getFunction("execv").invokeInt(new Object[] { path, arguments });
	}

	/** Otherwise the new program would keep this file open. */
	private static void closeAtReplacement(Path file) throws IOException {
		try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
			for (Path descriptor : descriptors) {
				if (Files.exists(descriptor) && Files.isSameFile(descriptor, file)) {
					NativeLibrary.getProcess()
						.getFunction("fcntl")
						.invokeInt(new Object[] { Integer.valueOf(descriptor.getFileName().toString()), F_SETFD,
								FD_CLOEXEC });
				}
			}
		}
	}

	private static Memory text(byte[] bytes) {
		Memory memory = new Memory(bytes.length + 1L);
		memory.write(0, bytes, 0, bytes.length);
		memory.setByte(bytes.length, (byte) 0);
		return memory;
	}

}
