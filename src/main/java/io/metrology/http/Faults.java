package io.metrology.http;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

import org.jspecify.annotations.Nullable;

/**
 * The faults found in one request, in the order found. All are counted, the first
 * {@value #MOST_KEPT} are kept.
 */
public final class Faults {

	static final int MOST_KEPT = 20;

	private final List<Fault> kept = new ArrayList<>(0);

	private final Set<String> pointers = new HashSet<>(0);

	private @Nullable ErrorCode code;

	private int count;

	/** Notes a fault that makes the request invalid. */
	public void add(String pointer, String detail, @Nullable Object rejected) {
		add(ErrorCode.INVALID_REQUEST, pointer, detail, rejected);
	}

	/**
	 * Notes a fault with a code of its own. The answer carries that code if all faults
	 * share it, and {@link ErrorCode#INVALID_REQUEST} otherwise.
	 */
	public void add(ErrorCode code, String pointer, String detail, @Nullable Object rejected) {
		this.count++;
		this.code = (this.code == null || this.code == code) ? code : ErrorCode.INVALID_REQUEST;
		if (this.kept.size() < MOST_KEPT) {
			this.kept.add(Fault.at(pointer, detail, rejected));
			this.pointers.add(pointer);
		}
	}

	/** Whether no fault was found. */
	public boolean isEmpty() {
		return this.count == 0;
	}

	/** Whether a fault is kept under this pointer, or one within it. */
	public boolean has(String pointer) {
		return this.pointers.stream().anyMatch((kept) -> kept.equals(pointer) || kept.startsWith(pointer + "/"));
	}

	/**
	 * Throws if any fault was found.
	 * @param subject what the request was about, such as {@code channel thickness}, or an
	 * empty text
	 */
	public void throwIfAny(String subject) {
		if (this.code != null) {
			throw new ProblemException(this.code, sentence(subject)).with(this.kept);
		}
	}

	private String sentence(String subject) {
		String about = subject.isEmpty() ? "" : " (" + subject + ")";
		String first = this.kept.get(0).detail();
		return (this.count == 1) ? first + about + "." : first + about + "; " + (this.count - 1) + " more "
				+ ((this.count == 2) ? "fault is listed." : "faults were found, see errors.");
	}

}
