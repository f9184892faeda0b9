/** Who may do what: API keys, and the filter that asks for them. */
@NullMarked
package io.metrology.access;

import org.jspecify.annotations.NullMarked;
