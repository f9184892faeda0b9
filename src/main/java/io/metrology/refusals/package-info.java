/** Refused chunks: recorded, listed, mended and resent. */
@NullMarked
package io.metrology.refusals;

import org.jspecify.annotations.NullMarked;
