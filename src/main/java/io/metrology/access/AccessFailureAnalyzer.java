package io.metrology.access;

import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** Shows the operator what is wrong, and what to do, in place of a stack trace. */
class AccessFailureAnalyzer extends AbstractFailureAnalyzer<AccessStartException> {

	@Override
	protected FailureAnalysis analyze(Throwable rootFailure, AccessStartException cause) {
		return new FailureAnalysis(cause.getMessage(), cause.action(), cause);
	}

}
