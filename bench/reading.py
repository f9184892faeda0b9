"""What reading costs: whole series in each format, beside PostgreSQL's COPY and VictoriaMetrics, and plots."""

import concurrent.futures
import http.client
import itertools
import json
import resource
import statistics
import subprocess
import time
import urllib.parse

import chunks
import machine
from machine import BenchError, log
from studies import started
from systems import VictoriaMetrics, http as get

PART = 1 << 20
MAX_POINTS = 1000
PLOTS = 20
# How a system is called in the tables.
TITLES = {"metrology": "Metrology Ingest", "copy": "PostgreSQL, COPY", "victoriametrics": "VictoriaMetrics"}

HEADERS = ("read as", "points/s", "least–most", "÷ COPY text", "÷ VictoriaMetrics JSON", "MB/s", "B/point",
           "first byte ms", "CPU s/M points")

# In the order of the points, as ours; that order comes from the index, so that nothing is sorted.
POINTS = """
SELECT sample.time_seconds, sample.value
  FROM (SELECT timestamps, "values"
          FROM chunk
         WHERE data_id = '{data_id}'
           AND channel_name = '{channel}'
         ORDER BY chunk_index) AS held,
       unnest(timestamps, "values") AS sample (time_seconds, value)
"""

HELD = """
SELECT count(*), sum(point_count), min(min_value), max(max_value),
       (SELECT total_points FROM channel WHERE data_id = '{data_id}' AND channel_name = '{channel}')
  FROM chunk
 WHERE data_id = '{data_id}'
   AND channel_name = '{channel}'
"""


def reading(options, sandbox):
    """Downloads of the first series and plots of all; a read that lacks a point ends the bench."""
    points = options.sizes[0]
    service = started(options, sandbox.part())
    series = [Series(service, stream, total // points, points, options) for stream, total in enumerate(options.series)]
    # As autovacuum does within a minute of the last chunk: plots are read from an index whose rows it has to visit.
    service.ask("VACUUM (ANALYZE) chunk")
    service.ask("CHECKPOINT")
    compare_content(service, min(series, key=lambda one: one.points))
    service.freeze()
    peer, missing = started_peer(options, sandbox.part(), series[0])
    service.resume()
    downloads = downloaded(options, ways(service, peer, series[0]), series[0].points)
    if peer:
        peer.resume()
        peer.stop()
    plots = plotted(service, series)
    service.stop()
    figures = {"points_per_chunk": points, "downloaded_points": series[0].points, "downloads": downloads,
               "plots": plots, "peer_missing": missing}
    return figures, [*download_lines(options, figures), "", *plot_lines(figures)]


class Series:
    """A channel of a stream, filled over HTTP, and what the database says that it holds."""

    def __init__(self, service, stream, count, points, options):
        self.stream, self.count, self.points_per_chunk = stream, count, points
        self.points = count * points
        self.names = {"data_id": f"{chunks.DATA_ID}{stream:012x}", "channel": chunks.CHANNEL}
        fill(service, self, options.connections)
        held, stored, least, greatest, summed = service.ask(HELD.format(**self.names))[0]
        if (int(held), int(stored), int(summed)) != (count, self.points, self.points):
            raise BenchError(f"of {self.points} points {stored} are stored, and the channel says {summed}")
        self.least, self.greatest = float(least), float(greatest)

    def path(self, **parameters):
        query = urllib.parse.urlencode({"channel": self.names["channel"], **parameters})
        return f"/metrology/stream/{self.names['data_id']}/points?{query}"


def fill(server, series, connections):
    """Sends each chunk once. Unlike a run of wrk it ends at a number, so that each system gets the same points."""
    log(f"{server.title} gets {series.count:,} chunks of {series.points_per_chunk} points")
    with concurrent.futures.ThreadPoolExecutor(connections) as threads:
        bodies = Bodies(server, series)
        sent = [threads.submit(send, server, bodies, range(first, series.count, connections))
                for first in range(connections)]
        for one in sent:
            one.result()


class Bodies:
    """The chunks of a series in a server's format; each has a slot of time of its own."""

    def __init__(self, server, series):
        self.shape = chunks.Shape(series.points_per_chunk)
        rendered = [server.body_format(self.shape, *samples) for samples in chunks.pool(series.points_per_chunk)]
        self.pieces = [body.replace("~" * 12, f"{series.stream:012x}").encode().split(b"#" * self.shape.time_digits)
                       for body in rendered]

    def body(self, index):
        """Joined anew, which is far cheaper than to replace; the index stands before the times."""
        first, *others = self.pieces[index % len(self.pieces)]
        slot = b"%d" % (self.shape.first_slot + index)
        return slot.join([first.replace(b"@" * 10, b"%10d" % index), *others])


def send(server, bodies, indexes):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for index in indexes:
        connection.request("POST", server.target, bodies.body(index), {"Content-Type": server.content_type})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != server.expected_status:
            raise BenchError(f"{server.title} answered a chunk with {answer.status} {text[:300]}")
    connection.close()


def started_peer(options, sandbox, series):
    """VictoriaMetrics with the points of a series; or None, and why."""
    peer = VictoriaMetrics(options, sandbox)
    try:
        peer.start()
    except BenchError as error:
        log(f"{peer.title} is not available: {error}")
        sandbox.close()
        return None, str(error)
    fill(peer, series, options.connections)
    stored = peer.stored(series.points)
    if stored != series.points:
        raise BenchError(f"{peer.title} holds {stored} points of {series.points}")
    machine.settle()
    peer.freeze()
    return peer, ""


class Way:
    """A way to read a series: its bytes, how points are counted in them, and the processes that serve it."""

    def __init__(self, system, form, server, roots, parts, counter):
        self.system, self.form, self.server, self.roots, self.counter = system, form, server, roots, counter
        self.title = f"{TITLES[system]}, {form}" if system != "copy" else f"{TITLES[system]} {form}"
        self.parts = parts


def ways(service, peer, series):
    def of_service(form, counter):
        path = series.path(format=form.lower())
        return Way("metrology", form, service, service.roots, lambda: http_parts(service.port, path), counter)

    def of_postgres(form, counter):
        sql = f"COPY ({POINTS.format(**series.names)}) TO STDOUT (FORMAT {form})"
        parts = lambda: copy_parts(service.database, sql)  # noqa: E731
        return Way("copy", form, service, lambda: service.roots()[1:], parts, counter)

    def of_peer(form, counter, target, **parameters):
        path = f"{target}?" + urllib.parse.urlencode({"match[]": chunks.CHANNEL, **parameters})
        return Way("victoriametrics", form, peer, peer.roots, lambda: http_parts(peer.port, path), counter)

    found = [of_postgres("text", lambda: LineCounter(0)), of_postgres("binary", CopyCounter),
             of_service("JSON", lambda: ColumnCounter(4)), of_service("CSV", lambda: LineCounter(1)),
             of_service("Parquet", ParquetCounter)]
    if peer:
        found += [of_peer("JSON lines", lambda: ColumnCounter(3), "/api/v1/export"),
                  of_peer("CSV", lambda: LineCounter(0), "/api/v1/export/csv",
                          format="__timestamp__:unix_ms,__value__")]
    return found


def http_parts(port, path):
    """The body of an answer as it comes: first what is there at once, then in large parts."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        if answer.status != 200:
            raise BenchError(f"{path} was answered with {answer.status} {answer.read(300)}")
        part = answer.read1(PART)
        while part:
            yield part
            part = answer.read(PART)
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"{path} broke off: {error!r}") from None
    finally:
        connection.close()


def copy_parts(database, sql):
    """What psql writes."""
    command = database.command("psql") + ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database.name, "-c", sql]
    psql = subprocess.Popen(["setpriv", "--pdeathsig", "KILL"] + command, env=database.environment(),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        part = psql.stdout.read1(PART)
        while part:
            yield part
            part = psql.stdout.read(PART)
        if psql.wait(60) != 0:
            raise BenchError(f"psql ended with status {psql.returncode}")
    finally:
        psql.kill()
        psql.stdout.close()
        psql.wait()


class LineCounter:
    """Points of which each has a line."""

    def __init__(self, header_lines):
        self.lines = -header_lines

    def take(self, part):
        self.lines += part.count(b"\n")

    def points(self):
        return self.lines


class ColumnCounter:
    """Points in two JSON arrays, of one object or of one a line, by the commas; others are beside the arrays' own."""

    def __init__(self, other_commas):
        self.other_commas, self.commas, self.lines, self.last = other_commas, 0, 0, b""

    def take(self, part):
        self.commas += part.count(b",")
        self.lines += part.count(b"\n")
        self.last = part[-3:]

    def points(self):
        if not self.last.rstrip().endswith(b"}"):
            raise BenchError(f"the JSON ends with {self.last}")
        # An array of n has n - 1 commas.
        return (self.commas - max(1, self.lines) * (self.other_commas - 2)) / 2


class CopyCounter:
    """Points of a binary COPY: 19 bytes before them, 2 after, and 26 each: two doubles, each with its length."""

    def __init__(self):
        self.bytes = 0

    def take(self, part):
        self.bytes += len(part)

    def points(self):
        return (self.bytes - 21) / 26


class ParquetCounter:
    """The rows that a Parquet file's footer declares."""

    def __init__(self):
        self.first, self.last = b"", b""

    def take(self, part):
        self.first = self.first or part[:4]
        self.last = (self.last + part)[-PART:]

    def points(self):
        length = int.from_bytes(self.last[-8:-4], "little")
        if (self.first, self.last[-4:]) != (b"PAR1", b"PAR1") or length > len(self.last) - 8:
            raise BenchError("the Parquet file has no beginning or no end")
        return CompactThrift(self.last[-8 - length:-8]).number(3)


class CompactThrift:
    """As much of Thrift's compact protocol as leads to a number of the outermost struct (see parquet.thrift)."""

    def __init__(self, data):
        self.data = iter(data)

    def number(self, wanted):
        for field, kind in self.fields():
            if field == wanted:
                value = self.varint()
                return value >> 1 ^ -(value & 1)
            self.skip(kind)
        raise BenchError(f"the Parquet footer has no field {wanted}")

    def fields(self):
        field = 0
        while head := next(self.data):
            field = field + (head >> 4) if head >> 4 else self.varint() >> 1
            yield field, head & 15

    def varint(self):
        value = 0
        for place in itertools.count(0, 7):
            byte = next(self.data)
            value |= (byte & 127) << place
            if byte < 128:
                return value

    def skip(self, kind):
        if kind in (4, 5, 6):
            self.varint()
        elif kind == 8:
            self.skip_bytes(self.varint())
        elif kind == 9:
            head = next(self.data)
            for _ in range(head >> 4 if head >> 4 < 15 else self.varint()):
                self.skip(head & 15)
        elif kind == 12:
            for _, inner in self.fields():
                self.skip(inner)
        elif kind in (3, 7):
            self.skip_bytes(1 if kind == 3 else 8)

    def skip_bytes(self, count):
        for _ in range(count):
            next(self.data)


def compare_content(service, series):
    """Counts do not show whether the points are the right ones: once, of one series, each double is looked at."""
    sql = f"COPY ({POINTS.format(**series.names)}) TO STDOUT"
    stored = [list(map(float, line.split(b"\t"))) for line in whole(copy_parts(service.database, sql)).splitlines()]
    body = json.loads(whole(http_parts(service.port, series.path(format="json"))))
    rows = whole(http_parts(service.port, series.path(format="csv"))).splitlines()[1:]
    fields = [row.split(b",") for row in rows]
    of_json = list(map(list, zip(body["timestamps"], body["values"])))
    of_csv = [[float(row[1]), float(row[3])] for row in fields]
    for form, read in (("JSON", of_json), ("CSV", of_csv)):
        if read != stored:
            raise BenchError(f"{form} does not have the points that are stored")
    log(f"JSON and CSV have the {len(stored):,} points that are stored, double for double")


def whole(parts):
    return b"".join(parts)


def downloaded(options, all_ways, points):
    """For each way its runs, in turns."""
    log(f"Warms up for {options.warmup} s with downloads of {points:,} points")
    deadline = time.monotonic() + options.warmup
    for way in all_ways:
        download(way, points)
    while time.monotonic() < deadline:
        for way in all_ways:
            if way.system == "metrology":
                download(way, points)
    entries = [{"title": way.title, "system": way.system, "format": way.form, "runs": []} for way in all_ways]
    for turn in range(options.repeats):
        for way, entry in zip(all_ways, entries):
            run = download(way, points)
            entry["runs"].append(run)
            log(f"run {turn + 1}: {way.title} {run['points_per_second']:,.0f} points/s")
    for entry in entries:
        entry["median"] = {figure: statistics.median(run[figure] for run in entry["runs"])
                           for figure in entry["runs"][0]}
    return entries


def download(way, points):
    """Reads a series to its end while every other server is frozen, and counts its points."""
    machine.settle()
    way.server.resume()
    try:
        cpu_before, reader_before = machine.cpu_seconds(way.roots()), reader_cpu()
        counter, size, first = way.counter(), 0, None
        begun = time.perf_counter()
        for part in way.parts():
            first = first or time.perf_counter() - begun
            size += len(part)
            counter.take(part)
        seconds = time.perf_counter() - begun
        cpu, reader = machine.cpu_seconds(way.roots()) - cpu_before, reader_cpu() - reader_before
    finally:
        way.server.freeze()
    if counter.points() != points:
        raise BenchError(f"{way.title}: {counter.points()} points were read of {points}")
    return {"points_per_second": points / seconds, "megabytes_per_second": size / 1e6 / seconds,
            "bytes_per_point": size / points, "first_byte_ms": (first or seconds) * 1000,
            "server_cpu_per_million_points": cpu * 1e6 / points, "reader_cores": reader / seconds}


def reader_cpu():
    """CPU seconds of the bench itself, and of psql."""
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, (resource.RUSAGE_SELF,
                                                                                     resource.RUSAGE_CHILDREN)))


def plotted(service, series):
    """Of each series the latencies of plots, in turns, and checks that the peaks are there."""
    service.resume()
    ordered = sorted(series, key=lambda one: one.points)
    for one in ordered * 5:
        plot(service, one)
    entries = [{"points": one.points, "ms": [], "cpu_ms": 0.0} for one in ordered]
    for _ in range(PLOTS):
        for one, entry in zip(ordered, entries):
            cpu_before = machine.cpu_seconds(service.roots())
            entry["ms"].append(plot(service, one))
            entry["cpu_ms"] += (machine.cpu_seconds(service.roots()) - cpu_before) * 1000 / PLOTS
    return entries


def plot(service, series):
    """How long a plot took, in ms, from the request to its last byte."""
    path = series.path(max_points=MAX_POINTS, format="json")
    begun = time.perf_counter()
    status, text = get(service.port, path)
    millis = (time.perf_counter() - begun) * 1000
    if status != 200:
        raise BenchError(f"{path} was answered with {status} {text[:300]}")
    shown = json.loads(text)
    values = shown["values"]
    # A bucket has two points, or one where its least value is its greatest.
    right = MAX_POINTS / 2 < len(values) <= MAX_POINTS and len(values) == len(shown["timestamps"])
    if not right or shown["gaps"] or (min(values), max(values)) != (series.least, series.greatest):
        raise BenchError(f"the plot of {series.points} points has {len(values)}, or lacks a peak")
    return millis


def ratio(entry, other):
    """Of points/s, of runs side by side: the median over the turns."""
    return statistics.median(run["points_per_second"] / beside["points_per_second"]
                             for run, beside in zip(entry["runs"], other["runs"]))


def download_lines(options, figures):
    entries = figures["downloads"]
    copy = entries[0]
    peer = next((entry for entry in entries if entry["system"] == "victoriametrics"), None)
    lines = [f"## Downloads of {figures['downloaded_points']:,} points, chunks of {figures['points_per_chunk']}", "",
             "| " + " | ".join(HEADERS) + " |", "|---" * len(HEADERS) + "|"]
    for entry in entries:
        median, rates = entry["median"], [run["points_per_second"] for run in entry["runs"]]
        beside = f"{ratio(entry, peer):.2f}" if peer else "–"
        lines.append(f"| {entry['title']} | {median['points_per_second']:,.0f} | {min(rates):,.0f}–{max(rates):,.0f} "
                     f"| {ratio(entry, copy):.2f} | {beside} | {median['megabytes_per_second']:.0f} "
                     f"| {median['bytes_per_point']:.1f} | {median['first_byte_ms']:.1f} "
                     f"| {median['server_cpu_per_million_points']:.3f} |")
    lines += ["", f"- Medians of {options.repeats} in turns; each had every point."]
    if figures["peer_missing"]:
        lines.append(f"- VictoriaMetrics is not available: {figures['peer_missing']}")
    busy = ", ".join(f"{entry['title']} {entry['median']['reader_cores']:.2f}" for entry in entries)
    return lines + [f"- Cores that the reader took: {busy}."]


def plot_lines(figures):
    lines = [f"## Plots, max_points={MAX_POINTS}", "",
             "| points of the series | median ms | least ms | most ms | server CPU ms |", "|---" * 5 + "|"]
    lines += [f"| {entry['points']:,} | {statistics.median(entry['ms']):.1f} | {min(entry['ms']):.1f} "
              f"| {max(entry['ms']):.1f} | {entry['cpu_ms']:.0f} |" for entry in figures["plots"]]
    return lines + ["", f"- {PLOTS} of each in turns, warm; each had the least and the greatest value of its series."]
