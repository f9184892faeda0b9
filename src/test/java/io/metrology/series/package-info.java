/** What went in comes back, checked against a naive evaluation in memory. */
package io.metrology.series;
