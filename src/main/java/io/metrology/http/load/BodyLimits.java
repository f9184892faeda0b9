package io.metrology.http.load;

import java.util.Locale;

import io.metrology.http.HttpProperties;
import jakarta.servlet.http.HttpServletRequest;

import org.springframework.http.HttpHeaders;
import org.springframework.stereotype.Component;
import org.springframework.util.unit.DataSize;

/** Says how long the body of a request may be. */
@Component
public class BodyLimits {

	/** A manifest of 10 000 channels has about 600 kB. */
	private static final DataSize WITHOUT_POINTS = DataSize.ofMegabytes(4);

	private final BodyLimit longest;

	private final BodyLimit withoutPoints;

	/** Makes the limits. */
	public BodyLimits(HttpProperties properties) {
		this.longest = BodyLimit.of(properties.maxBodySize(), "metrology.http.max-body-size");
		this.withoutPoints = (WITHOUT_POINTS.compareTo(properties.maxBodySize()) < 0)
				? BodyLimit.of(WITHOUT_POINTS, "of requests without points") : this.longest;
	}

	/** Returns the limit of a body that has points. */
	public BodyLimit longest() {
		return this.longest;
	}

	/** Returns the limit of a request's body after decompression. */
	public BodyLimit of(HttpServletRequest request) {
		return mayHavePoints(request.getServletPath()) ? this.longest : this.withoutPoints;
	}

	/** Returns the limit of a request's body as sent. */
	BodyLimit asSent(HttpServletRequest request) {
		return isGzip(request) ? of(request).gzipped() : of(request);
	}

	private static boolean mayHavePoints(String path) {
		return path.contains("/stream/chunk") || path.endsWith("/resend") || path.endsWith("/resend/");
	}

	/** Returns whether the body is announced as gzip. */
	public static boolean isGzip(HttpServletRequest request) {
		String coding = request.getHeader(HttpHeaders.CONTENT_ENCODING);
		return coding != null && coding.strip().toLowerCase(Locale.ROOT).matches("(x-)?gzip");
	}

}
