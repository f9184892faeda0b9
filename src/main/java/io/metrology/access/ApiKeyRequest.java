package io.metrology.access;

import java.time.Instant;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

import io.metrology.http.Faults;
import io.metrology.http.RequestFields;
import io.metrology.http.StoredText;
import jakarta.validation.Validation;
import jakarta.validation.ValidatorFactory;
import jakarta.validation.constraints.Future;
import jakarta.validation.constraints.NotEmpty;
import jakarta.validation.constraints.NotNull;
import org.jspecify.annotations.Nullable;

/**
 * What somebody wants a new key to be.
 *
 * @param name what people are to call it, 1 to 255 code points; need not be unique
 * @param scopes what it may be used for, at least one
 * @param expiresAt from when on it opens nothing, in the future, or null for never
 */
public record ApiKeyRequest(@NotNull(message = "is required") @StoredText(min = 1) @Nullable String name,
		@NotEmpty(message = "must have at least one of read, write, delete, admin") Set<Scope> scopes,
		@Future(message = "must be in the future") @Nullable Instant expiresAt) {

	static ApiKeyRequest of(RequestFields fields, Faults faults) {
		return new ApiKeyRequest(fields.text("name"), scopes(fields.texts("scopes"), faults),
				fields.instant("expires_at"));
	}

	private static Set<Scope> scopes(List<String> labels, Faults faults) {
		Set<Scope> scopes = EnumSet.noneOf(Scope.class);
		for (int i = 0; i < labels.size(); i++) {
			Optional<Scope> scope = Scope.of(labels.get(i));
			if (scope.isEmpty()) {
				faults.add("/scopes/" + i, "scopes may be " + Scope.choices(), labels.get(i));
			}
			scope.ifPresent(scopes::add);
		}
		return scopes;
	}

	/** What is wrong with it, in a sentence for who typed it, by the rules above. */
	public Optional<String> fault() {
		try (ValidatorFactory factory = Validation.buildDefaultValidatorFactory()) {
			return factory.getValidator()
				.validate(this)
				.stream()
				.map((violation) -> violation.getPropertyPath() + " " + violation.getMessage())
				.findFirst();
		}
	}

	/** The name of a request that was found valid. */
	String requiredName() {
		if (this.name == null) {
			throw new IllegalStateException("The request was not validated");
		}
		return this.name;
	}

}
