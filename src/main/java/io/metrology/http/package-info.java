/**
 * What every endpoint shares: strict reading of requests, and one catalogue of errors.
 */
@NullMarked
package io.metrology.http;

import org.jspecify.annotations.NullMarked;
