/** The database of the service: the embedded PostgreSQL, or the one it is pointed to. */
@NullMarked
package io.metrology.database;

import org.jspecify.annotations.NullMarked;
