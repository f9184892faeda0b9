package io.metrology.stream;

import io.metrology.http.StoredText;
import org.jspecify.annotations.Nullable;

/**
 * A correction of a channel's units.
 *
 * @param units the right units, at most 255 code points; null forgets them
 */
record UnitsRequest(@StoredText @Nullable String units) {

}
