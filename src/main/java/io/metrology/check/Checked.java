package io.metrology.check;

/**
 * How much was checked.
 *
 * @param streams streams, deleted ones included
 * @param channels channels
 * @param chunks chunks, those to be purged included
 * @param points the points of the chunks
 * @param toBePurged chunks of deleted streams that are about to be removed
 * @param findings what is not as it should be
 */
public record Checked(long streams, long channels, long chunks, long points, long toBePurged, long findings) {

}
