/** What went in comes back: series as the clients read them. */
@NullMarked
package io.metrology.series;

import org.jspecify.annotations.NullMarked;
