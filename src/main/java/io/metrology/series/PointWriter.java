package io.metrology.series;

import java.io.IOException;

/**
 * A format in which points are answered. Closing it writes its end; what was not closed
 * is recognisably incomplete or, for CSV, broken off by the connection.
 */
interface PointWriter {

	/** Writes points of a channel, which come in their order, channel after channel. */
	void write(Series.Channel channel, StoredChunk points) throws IOException;

	/** Writes the end. */
	void end() throws IOException;

}
