package io.metrology.http.load;

import java.io.IOException;

import jakarta.servlet.ServletException;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ValveBase;

/**
 * Gives {@link BodyFilter} Tomcat's own request, which can say whether bytes of the body
 * have arrived. The servlet API can say so only for requests without a thread.
 */
public class CoyoteRequestValve extends ValveBase {

	static final String ATTRIBUTE = CoyoteRequestValve.class.getName();

	/** Makes the valve. */
	public CoyoteRequestValve() {
		super(true);
	}

	@Override
	public void invoke(Request request, Response response) throws IOException, ServletException {
		request.setAttribute(ATTRIBUTE, request.getCoyoteRequest());
		getNext().invoke(request, response);
	}

}
