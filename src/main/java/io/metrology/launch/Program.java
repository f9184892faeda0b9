package io.metrology.launch;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;

/** The program that this process runs. */
final class Program {

	private Program() {
	}

	/** Replaces the program by {@code execv}. It returns only if that fails. */
	static void replace(Path program, List<byte[]> command, LaunchCopy copy) {
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
		NativeLibrary.getProcess().getFunction("execv").invokeInt(new Object[] { path, arguments });
	}

	private static Memory text(byte[] bytes) {
		Memory memory = new Memory(bytes.length + 1L);
		memory.write(0, bytes, 0, bytes.length);
		memory.setByte(bytes.length, (byte) 0);
		return memory;
	}

}
