/** The command line, for whoever operates the service. */
@NullMarked
package io.metrology.command;

import org.jspecify.annotations.NullMarked;
