/** Streams and their channels: made, described, and ended. */
@NullMarked
package io.metrology.stream;

import org.jspecify.annotations.NullMarked;
