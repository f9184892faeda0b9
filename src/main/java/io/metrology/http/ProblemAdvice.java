package io.metrology.http;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import jakarta.servlet.http.HttpServletRequest;
import org.apache.coyote.BadRequestException;
import org.apache.tomcat.util.http.InvalidParameterException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.boot.tomcat.autoconfigure.TomcatServerProperties;
import org.springframework.dao.NonTransientDataAccessException;
import org.springframework.dao.QueryTimeoutException;
import org.springframework.dao.TransientDataAccessException;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.jdbc.CannotGetJdbcConnectionException;
import org.springframework.transaction.CannotCreateTransactionException;
import org.springframework.transaction.TransactionSystemException;
import org.springframework.validation.method.ParameterValidationResult;
import org.springframework.web.HttpMediaTypeNotAcceptableException;
import org.springframework.web.HttpMediaTypeNotSupportedException;
import org.springframework.web.HttpRequestMethodNotSupportedException;
import org.springframework.web.bind.MissingServletRequestParameterException;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.RestControllerAdvice;
import org.springframework.web.context.request.ServletWebRequest;
import org.springframework.web.context.request.WebRequest;
import org.springframework.web.method.annotation.HandlerMethodValidationException;
import org.springframework.web.method.annotation.MethodArgumentTypeMismatchException;
import org.springframework.web.servlet.mvc.method.annotation.ResponseEntityExceptionHandler;

/**
 * Maps every exception that reaches the web layer to an error of the catalogue.
 */
@RestControllerAdvice
class ProblemAdvice extends ResponseEntityExceptionHandler {

	private static final Logger log = LoggerFactory.getLogger(ProblemAdvice.class);

	private static final Duration DATABASE_RETRY_AFTER = Duration.ofSeconds(5);

	private final Problems problems;

	private final int maxParameters;

	ProblemAdvice(Problems problems, TomcatServerProperties tomcat) {
		this.problems = problems;
		this.maxParameters = tomcat.getMaxParameterCount();
	}

	@ExceptionHandler
	ResponseEntity<Object> handle(ProblemException problem, HttpServletRequest request) {
		this.problems.log(request, problem.code(), problem.detail(), problem.getCause());
		return answer(problem.code(), problem.headers(), this.problems.body(request, problem));
	}

	@ExceptionHandler({ CannotCreateTransactionException.class, CannotGetJdbcConnectionException.class,
			TransientDataAccessException.class, QueryTimeoutException.class })
	ResponseEntity<Object> handleDatabase(RuntimeException ex, HttpServletRequest request) {
		return handle(databaseUnavailable(ex), request);
	}

	/** Also a connection that was lost, which shows where the rollback fails, too. */
	@ExceptionHandler({ NonTransientDataAccessException.class, TransactionSystemException.class })
	@Nullable ResponseEntity<Object> handleFailure(RuntimeException ex, HttpServletRequest request) {
		return Sqlstate.of(ex).isWorthRetrying() ? handle(databaseUnavailable(ex), request)
				: handleUnexpected(ex, request);
	}

	/** Tomcat finds malformed escapes only when the query is first read. */
	@ExceptionHandler
	ResponseEntity<Object> handleQuery(InvalidParameterException ex, HttpServletRequest request) {
		return handle(new ProblemException(ErrorCode.INVALID_REQUEST,
				"The query is not well-formed, where a % in it must be written %25, or has more than "
						+ this.maxParameters + " parameters."),
				request);
	}

	@ExceptionHandler
	@Nullable ResponseEntity<Object> handleUnexpected(Exception ex, HttpServletRequest request) {
		if (isBrokenConnection(ex)) {
			log.debug("The connection broke", ex);
			return null;
		}
		String detail = "The service failed; its log has the cause under this request id.";
		this.problems.log(request, ErrorCode.INTERNAL_ERROR, detail, ex);
		return answer(ErrorCode.INTERNAL_ERROR, new HttpHeaders(),
				this.problems.body(request, ErrorCode.INTERNAL_ERROR, detail));
	}

	/**
	 * Whether the client left, stalled or broke HTTP while its body was read or its
	 * answer written. Tomcat has noted it, and {@link ProblemReportValve} answers where
	 * anyone still listens.
	 */
	static boolean isBrokenConnection(@Nullable Throwable failure) {
		for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
			if (cause instanceof BadRequestException) {
				return true;
			}
		}
		return false;
	}

	@Override
	protected @Nullable ResponseEntity<Object> handleExceptionInternal(Exception ex, @Nullable Object body,
			HttpHeaders headers, HttpStatusCode status, WebRequest webRequest) {
		HttpServletRequest request = ((ServletWebRequest) webRequest).getRequest();
		ErrorCode code = ErrorCode.ofStatus(status.value());
		if (code == ErrorCode.INTERNAL_ERROR) {
			return handleUnexpected(ex, request);
		}
		ProblemException problem = new ProblemException(code, detail(ex, code, request)).with(faults(ex));
		return answer(code, headers, this.problems.body(request, problem));
	}

	/** Does not log what a client did wrong, as the inherited method does. */
	@Override
	protected @Nullable ResponseEntity<Object> handleHttpRequestMethodNotSupported(
			HttpRequestMethodNotSupportedException ex, HttpHeaders headers, HttpStatusCode status, WebRequest request) {
		return handleExceptionInternal(ex, null, headers, status, request);
	}

	private static ProblemException databaseUnavailable(Exception ex) {
		return new ProblemException(ErrorCode.DATABASE_UNAVAILABLE, "PostgreSQL did not answer; try again.", ex)
			.retryAfter(DATABASE_RETRY_AFTER);
	}

	private static String detail(Exception ex, ErrorCode code, HttpServletRequest request) {
		String path = Fault.shown(request.getRequestURI());
		if (ex instanceof HttpRequestMethodNotSupportedException method) {
			return path + " does not take " + method.getMethod() + ", only "
					+ String.join(", ", sorted(method.getSupportedMethods())) + ".";
		}
		if (ex instanceof HttpMediaTypeNotSupportedException type) {
			String sent = (request.getContentType() != null) ? "not " + Fault.shown(request.getContentType())
					: "which is missing";
			return "The body must be sent with the header Content-Type: application/json, " + sent + ".";
		}
		if (ex instanceof HttpMediaTypeNotAcceptableException type) {
			return type.getSupportedMediaTypes().isEmpty() ? "The Accept header is not well-formed."
					: path + " can answer with " + MediaType.toString(type.getSupportedMediaTypes())
							+ ", which the Accept header rules out.";
		}
		if (!faults(ex).isEmpty()) {
			return faults(ex).get(0).detail() + ".";
		}
		return (code == ErrorCode.NOT_FOUND) ? "Nothing is served under " + path + "."
				: code.title() + ": " + request.getMethod() + " " + path + " could not be handled.";
	}

	private static List<Fault> faults(Exception ex) {
		if (ex instanceof MethodArgumentTypeMismatchException mismatch) {
			String name = mismatch.getName();
			return List
				.of(Fault.inParameter(name, "The parameter " + name + " cannot have this value", mismatch.getValue()));
		}
		if (ex instanceof MissingServletRequestParameterException missing) {
			String name = missing.getParameterName();
			return List.of(Fault.inParameter(name, "The parameter " + name + " is required", null));
		}
		if (ex instanceof HandlerMethodValidationException invalid) {
			return invalid.getParameterValidationResults().stream().map(ProblemAdvice::fault).toList();
		}
		return List.of();
	}

	private static Fault fault(ParameterValidationResult result) {
		String name = String.valueOf(result.getMethodParameter().getParameterName());
		return Fault.inParameter(name,
				"The parameter " + name + " " + result.getResolvableErrors().get(0).getDefaultMessage(),
				result.getArgument());
	}

	private static List<String> sorted(String @Nullable [] methods) {
		List<String> sorted = new ArrayList<>((methods != null) ? List.of(methods) : List.of());
		sorted.sort(null);
		return sorted;
	}

	private static ResponseEntity<Object> answer(ErrorCode code, HttpHeaders headers, byte[] body) {
		return ResponseEntity.status(code.status())
			.headers(headers)
			.contentType(MediaType.APPLICATION_PROBLEM_JSON)
			.body(body);
	}

}
