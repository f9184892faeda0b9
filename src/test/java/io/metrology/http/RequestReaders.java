package io.metrology.http;

import java.time.Duration;

import io.metrology.http.load.AsyncRequests;
import io.metrology.http.load.BodyLimits;
import io.metrology.http.load.BodyMemory;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import jakarta.validation.Validation;

import org.springframework.util.unit.DataSize;

/** Makes the reader of requests without the rest of the service. */
public final class RequestReaders {

	private RequestReaders() {
	}

	/** A reader with the constraints of the service. */
	public static RequestReader strict() {
		SimpleMeterRegistry registry = new SimpleMeterRegistry();
		HttpProperties properties = new HttpProperties(DataSize.ofMegabytes(32), Duration.ofSeconds(60), 100,
				Duration.ofSeconds(25), 8, null, 0);
		return new RequestReader(
				new BodyReader(new BodyLimits(properties),
						new BodyMemory(properties, new AsyncRequests(registry), registry), registry),
				Validation.buildDefaultValidatorFactory().getValidator());
	}

}
