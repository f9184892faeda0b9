package io.metrology.series;

import java.util.Arrays;
import java.util.List;

import io.metrology.http.QueryParameters;
import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;
import org.springframework.http.InvalidMediaTypeException;
import org.springframework.http.MediaType;
import org.springframework.util.InvalidMimeTypeException;
import org.springframework.util.MimeTypeUtils;
import org.springframework.web.HttpMediaTypeNotAcceptableException;

/** The formats of points. */
enum PointFormat {

	JSON(MediaType.APPLICATION_JSON), CSV(MediaType.parseMediaType("text/csv;charset=UTF-8")),
	PARQUET(MediaType.parseMediaType("application/vnd.apache.parquet"));

	private final MediaType type;

	PointFormat(MediaType type) {
		this.type = type;
	}

	MediaType type() {
		return this.type;
	}

	/** Its name in the query and in names of files. */
	String label() {
		return name().toLowerCase(java.util.Locale.ROOT);
	}

	/**
	 * The one that {@code format=} names, or else the first that {@code Accept} likes.
	 */
	static PointFormat of(HttpServletRequest request, QueryParameters parameters)
			throws HttpMediaTypeNotAcceptableException {
		String named = parameters.text("format");
		if (named == null) {
			return accepted(request.getHeader(HttpHeaders.ACCEPT));
		}
		return Arrays.stream(values())
			.filter((format) -> format.label().equals(named))
			.findFirst()
			.orElseThrow(() -> QueryParameters.fault("format", "must be json, csv or parquet", named));
	}

	private static PointFormat accepted(@Nullable String accept) throws HttpMediaTypeNotAcceptableException {
		if (accept == null || accept.isBlank()) {
			return JSON;
		}
		for (MediaType wanted : parse(accept)) {
			for (PointFormat format : values()) {
				if (wanted.getQualityValue() > 0 && wanted.includes(format.type)) {
					return format;
				}
			}
		}
		throw new HttpMediaTypeNotAcceptableException(Arrays.stream(values()).map(PointFormat::type).toList());
	}

	private static List<MediaType> parse(String accept) throws HttpMediaTypeNotAcceptableException {
		try {
			List<MediaType> types = new java.util.ArrayList<>(MediaType.parseMediaTypes(accept));
			MimeTypeUtils.sortBySpecificity(types);
			types.sort(java.util.Comparator.comparingDouble(MediaType::getQualityValue).reversed());
			return types;
		}
		catch (InvalidMediaTypeException | InvalidMimeTypeException ex) {
			throw new HttpMediaTypeNotAcceptableException("The Accept header is not well-formed, or too long");
		}
	}

}
