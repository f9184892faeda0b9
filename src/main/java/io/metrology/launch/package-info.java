/**
 * Starts the packaged service faster: from an unpacked copy of its jar, with an archive
 * of loaded classes.
 */
@NullMarked
package io.metrology.launch;

import org.jspecify.annotations.NullMarked;
