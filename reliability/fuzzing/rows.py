"""What PostgreSQL holds, asked by SQL: sums that are carried, hashes, orphans, and all that was acknowledged."""

import collections
import math

import psycopg

from fuzzing.model import content_hash

CHANNELS = """
SELECT c.data_id::text,
       c.channel_name,
       c.total_points,
       c.chunk_count,
       c.highest_chunk_index,
       c.earliest_time,
       c.latest_time,
       coalesce(held.points, 0),
       coalesce(held.chunks, 0),
       coalesce(held.highest, -1),
       held.earliest,
       held.latest
  FROM channel c
  LEFT JOIN (SELECT data_id,
                    channel_name,
                    sum(point_count)::bigint AS points,
                    count(*)                 AS chunks,
                    max(chunk_index)         AS highest,
                    min(earliest_time)       AS earliest,
                    max(latest_time)         AS latest
               FROM chunk
              GROUP BY data_id, channel_name) held USING (data_id, channel_name)
"""

# Chunks without a channel, channels without a stream, and whatever a deleted stream has left.
ORPHANS = """
SELECT 'chunk without a channel', data_id::text, channel_name, chunk_index
  FROM chunk h
 WHERE NOT EXISTS (SELECT FROM channel c WHERE c.data_id = h.data_id AND c.channel_name = h.channel_name)
UNION ALL
SELECT 'channel without a stream', data_id::text, channel_name, NULL
  FROM channel c
 WHERE NOT EXISTS (SELECT FROM stream s WHERE s.data_id = c.data_id)
UNION ALL
SELECT 'channel of a deleted stream', c.data_id::text, c.channel_name, NULL
  FROM channel c
  JOIN stream s USING (data_id)
 WHERE s.deleted_at IS NOT NULL
"""

CHUNKS = """
SELECT data_id::text,
       channel_name,
       chunk_index,
       point_count,
       earliest_time,
       latest_time,
       min_value,
       max_value,
       missing_count,
       encode(content_hash, 'hex'),
       timestamps,
       "values"
  FROM chunk
"""


class Rows:
    """The rows at the end of a run."""

    def __init__(self, port, password):
        self.connection = psycopg.connect(host="127.0.0.1", port=port, dbname="metrology", user="metrology", password=password)
        self.faults = []
        # By data_id, then by (channel name, chunk index): the hash.
        self.chunks = collections.defaultdict(dict)
        self.points = 0

    def close(self):
        self.connection.close()

    def check(self):
        """Whether the rows agree with one another."""
        for row in self.connection.execute(ORPHANS):
            self.faults.append("%s: %s" % (row[0], row[1:]))
        for row in self.connection.execute(CHANNELS):
            if row[2:7] != row[7:12]:
                self.faults.append("channel %s %r carries %s, its chunks have %s" % (row[0], row[1], row[2:7], row[7:12]))
        with self.connection.cursor(name="chunks", binary=True) as cursor:
            cursor.itersize = 2000
            for row in cursor.execute(CHUNKS):
                self._check_chunk(*row)

    def check_stream(self, data_id, acknowledged, in_doubt=False):
        """Whether a stream is held just as it was acknowledged; in doubt there may be more.

        acknowledged: hashes by (channel name, chunk index), None where any will do.
        """
        found = self.chunks.get(data_id, {})
        keys = acknowledged.keys() | (found.keys() if not in_doubt else set())
        differing = [key for key in keys if not (
            key in found and key in acknowledged and acknowledged[key] in (None, found[key]))]
        if differing:
            self.faults.append("stream %s: %d chunks differ: %s" % (data_id, len(differing), [
                "%s is held as %s, acknowledged was %s" % (key, found.get(key, "nothing"), acknowledged.get(key, "nothing"))
                for key in differing[:5]]))

    def check_strangers(self, known):
        """Whether there are streams of which no answer has said that they exist."""
        held = {row[0] for row in self.connection.execute("SELECT data_id::text FROM stream")} | self.chunks.keys()
        for data_id in sorted(held - known):
            self.faults.append("stream %s was never acknowledged, and holds %s" % (data_id, list(self.chunks.get(data_id, ()))[:5]))

    def _check_chunk(self, data_id, name, index, count, earliest, latest, least, most, missing, chunk_hash, times, values):
        present = [value for value in values if not math.isnan(value)]
        carried = (count, earliest, latest, least, most, missing, chunk_hash)
        recomputed = (len(times), min(times), max(times), min(present, default=None), max(present, default=None),
                      len(values) - len(present), content_hash(times, values))
        if carried != recomputed or len(values) != len(times):
            self.faults.append("chunk %s %r %d says %s, its arrays %s" % (data_id, name, index, carried, recomputed))
        self.chunks[data_id][name, index] = chunk_hash
        self.points += count
