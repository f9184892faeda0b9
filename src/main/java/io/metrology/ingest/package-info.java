/** A chunk's way in: controller, service, store, one transaction, answer. */
@NullMarked
package io.metrology.ingest;

import org.jspecify.annotations.NullMarked;
