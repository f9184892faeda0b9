package io.metrology.http;

import java.time.Duration;

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
		AdmissionProperties admission = new AdmissionProperties(200, 32, Duration.ofSeconds(1), 8, null);
		return new RequestReader(
				new BodyReader(new HttpProperties(DataSize.ofMegabytes(32), Duration.ofSeconds(60), 100),
						new BodyMemory(admission, new Hold(Duration.ofSeconds(15)), registry), registry),
				Validation.buildDefaultValidatorFactory().getValidator());
	}

}
