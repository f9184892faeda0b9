package io.metrology.http;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import jakarta.validation.Constraint;
import jakarta.validation.ConstraintValidator;
import jakarta.validation.ConstraintValidatorContext;
import jakarta.validation.Payload;
import org.jspecify.annotations.Nullable;

/**
 * A text that may be stored: well-formed Unicode without control characters (PostgreSQL
 * cannot hold NUL), of a length counted in code points. Null passes.
 */
@Documented
@Target({ ElementType.FIELD, ElementType.PARAMETER, ElementType.RECORD_COMPONENT })
@Retention(RetentionPolicy.RUNTIME)
@Constraint(validatedBy = StoredText.Validator.class)
public @interface StoredText {

	/** The fewest code points. */
	int min() default 0;

	/** The most code points. */
	int max() default 255;

	String message() default "is no storable text";

	Class<?>[] groups() default {};

	Class<? extends Payload>[] payload() default {};

	/** Says what is wrong with a text, the length first. */
	class Validator implements ConstraintValidator<StoredText, String> {

		private int min;

		private int max;

		@Override
		public void initialize(StoredText constraint) {
			this.min = constraint.min();
			this.max = constraint.max();
		}

		@Override
		public boolean isValid(@Nullable String text, ConstraintValidatorContext context) {
			String fault = (text != null) ? fault(text) : null;
			if (fault == null) {
				return true;
			}
			context.disableDefaultConstraintViolation();
			context.buildConstraintViolationWithTemplate(fault).addConstraintViolation();
			return false;
		}

		private @Nullable String fault(String text) {
			int length = text.codePointCount(0, text.length());
			if (length < this.min || length > this.max) {
				return "must have " + ((this.min > 0) ? this.min + " to " : "at most ") + this.max + " characters, not "
						+ length;
			}
			if (text.codePoints().anyMatch(Validator::isSurrogate)) {
				return "must be well-formed Unicode, without lone surrogates";
			}
			return text.codePoints().anyMatch(Character::isISOControl) ? "must not contain control characters" : null;
		}

		private static boolean isSurrogate(int codePoint) {
			return codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE;
		}

	}

}
