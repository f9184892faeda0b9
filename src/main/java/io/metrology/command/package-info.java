/** The operator's commands: what {@code java -jar metrology-ingest.jar COMMAND} does. */
@NullMarked
package io.metrology.command;

import org.jspecify.annotations.NullMarked;
