package io.metrology.series;

import org.jspecify.annotations.Nullable;

/**
 * Which points of a channel are asked for.
 *
 * @param window their times
 * @param lastN the most of them, the last ones by (chunk_index, position), or null for
 * all
 */
record Selection(TimeWindow window, @Nullable Long lastN) {
}
