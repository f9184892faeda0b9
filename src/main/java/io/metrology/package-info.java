/** A service that stores time-series chunks from laboratory instruments in PostgreSQL. */
@NullMarked
package io.metrology;

import org.jspecify.annotations.NullMarked;
