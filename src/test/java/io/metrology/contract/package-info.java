/**
 * The API contract, checked over HTTP against the running service and a real PostgreSQL.
 */
@NullMarked
package io.metrology.contract;

import org.jspecify.annotations.NullMarked;
