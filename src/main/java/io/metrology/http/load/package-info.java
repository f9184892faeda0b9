/**
 * How much the service takes on at a time: arrival, deadline and body of each request.
 */
@NullMarked
package io.metrology.http.load;

import org.jspecify.annotations.NullMarked;
