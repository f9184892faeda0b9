"""Compares what PostgreSQL holds with a ledger, by SQL and never through the service."""

from servers import BrokenPromise

# The hash over the arrays is taken by PostgreSQL anew; the summaries, too, must be those of the arrays.
CHUNKS = """
    SELECT data_id::text,
           channel_name,
           chunk_index,
           content_hash,
           point_count = cardinality(timestamps)
           AND point_count = cardinality("values")
           AND content_hash = sha256(coalesce(arrays.times, '') || coalesce(arrays.readings, ''))
           AND earliest_time = arrays.earliest
           AND latest_time = arrays.latest
           AND min_value IS NOT DISTINCT FROM arrays.least
           AND max_value IS NOT DISTINCT FROM arrays.greatest
           AND missing_count = arrays.missing AS whole
      FROM chunk,
           LATERAL (SELECT string_agg(float8send(time), '' ORDER BY position) AS times,
                           string_agg(float8send(reading), '' ORDER BY position) AS readings,
                           min(time) AS earliest,
                           max(time) AS latest,
                           min(nullif(reading, 'NaN')) AS least,
                           max(nullif(reading, 'NaN')) AS greatest,
                           count(*) FILTER (WHERE reading = 'NaN') AS missing
                      FROM unnest(timestamps, "values") WITH ORDINALITY AS sample (time, reading, position)) AS arrays
     WHERE %(streams)s::uuid[] IS NULL OR data_id = ANY (%(streams)s::uuid[])
"""

# Every sum that a channel carries, beside those of its chunks; a channel without chunks, or chunks without one, differ.
SUMS = """
    SELECT data_id::text, channel_name, c.total_points, k.total_points
      FROM channel c
      FULL JOIN (SELECT data_id,
                        channel_name,
                        sum(point_count) AS total_points,
                        count(*) AS chunk_count,
                        max(chunk_index) AS highest_chunk_index,
                        min(earliest_time) AS earliest_time,
                        max(latest_time) AS latest_time,
                        (array_agg(chunk_index ORDER BY latest_time DESC, chunk_index DESC))[1] AS latest_chunk_index,
                        max(revision) AS revision
                   FROM chunk
                  GROUP BY data_id, channel_name) k USING (data_id, channel_name)
     WHERE (%(streams)s::uuid[] IS NULL OR data_id = ANY (%(streams)s::uuid[]))
       AND ((c.total_points, c.chunk_count, c.highest_chunk_index, c.earliest_time, c.latest_time, c.latest_chunk_index)
            IS DISTINCT FROM
            (k.total_points, k.chunk_count, k.highest_chunk_index, k.earliest_time, k.latest_time, k.latest_chunk_index)
            OR c.revision < k.revision)
"""


class Findings:
    """What is wrong: three lists of sentences."""

    def __init__(self):
        self.missing, self.torn, self.totals = [], [], []

    def __str__(self):
        return (f"missing {len(self.missing)}, torn {len(self.torn)}, total_points wrong {len(self.totals)}")


def require_kept(ledger, cluster, streams=None):
    """What is stored is what was acknowledged, whole; of these streams, or of all. Nobody may write meanwhile.

    Returns the three zeros as text; otherwise raises BrokenPromise with the first examples.
    """
    findings = Findings()
    names = {"streams": streams}
    rows = {(data_id, channel, index): (bytes(stored_hash), whole)
            for data_id, channel, index, stored_hash, whole in cluster.ask(CHUNKS, names)}
    wanted = None if streams is None else set(streams)
    for key, entry in ledger.entries.items():
        if wanted is None or key[0] in wanted:
            check_chunk(key, entry, rows.get(key), findings)
    for key in rows.keys() - ledger.entries.keys():
        findings.torn.append(f"{key} was never sent")
    for keys in ledger.multis:
        if wanted is None or next(iter(keys))[0] in wanted:
            check_together(keys, ledger, rows, findings)
    for data_id, channel, carried, summed in cluster.ask(SUMS, names):
        findings.totals.append(f"({data_id}, {channel}) carries {carried}, its chunks hold {summed}")
    made = set(ledger.streams)
    there = {data_id for data_id, in cluster.ask("SELECT data_id::text FROM stream WHERE data_id = ANY (%s::uuid[])",
                                                 [list(made)])}
    findings.missing += [f"stream {data_id} was made and is not there" for data_id in made - there]
    if findings.missing or findings.torn or findings.totals:
        examples = (findings.missing[:3] + findings.torn[:3] + findings.totals[:3])
        raise BrokenPromise(f"{findings}:\n  " + "\n  ".join(examples))
    if ledger.faults:
        raise BrokenPromise(f"{len(ledger.faults)} answers were wrong:\n  " + "\n  ".join(ledger.faults[:5]))
    return str(findings)


def check_chunk(key, entry, row, findings):
    if row is None:
        if any(attempt.stored for attempt in entry.attempts):
            findings.missing.append(f"{key} was acknowledged and is not there")
        return
    stored_hash, whole = row
    if not whole:
        findings.torn.append(f"{key} is not whole")
    elif all(attempt.void or attempt.hash != stored_hash for attempt in entry.attempts):
        findings.torn.append(f"{key} holds what was never sent for it, or what an answer said was not stored")
    elif all(attempt.hash != stored_hash for attempt in entry.possible()):
        findings.missing.append(f"{key} holds an earlier content than the acknowledged one")


def check_together(keys, ledger, rows, findings):
    """The chunks of a multi are those of one and the same request, or none is there."""
    requests = None
    for key in keys:
        row = rows.get(key)
        found = {attempt.delivery.request for attempt in ledger.entries[key].attempts if row and attempt.hash == row[0]}
        found = found or {None}
        requests = found if requests is None else requests & found
    if not requests:
        findings.torn.append(f"{sorted(keys)} came in one request, and only a part of it is stored")
