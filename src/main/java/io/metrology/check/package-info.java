/** Whether what a database holds agrees with itself. */
@NullMarked
package io.metrology.check;

import org.jspecify.annotations.NullMarked;
