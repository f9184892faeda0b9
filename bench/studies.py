"""What becomes of the service alone in hard conditions. Each study returns its figures, and lines that sum them up."""

import statistics
import subprocess
import time

import machine
from compare import take_turn, trouble
from load import measure
from machine import BenchError, log
from systems import Service


def started(options, sandbox, name=None, settings=""):
    server = Service(options, sandbox, name, settings)
    server.start()
    return server


def warm_up(server, options, points):
    log(f"{server.title} warms up for {options.warmup} s")
    require_clean(measure(server, server.load(points, options.connections, options.warmup)))


def require_clean(run):
    if trouble(run):
        raise BenchError(f"a run had errors: {trouble(run)}")
    return run


def checked(server):
    """What the check of the rows found; ends the server."""
    check = server.check()
    server.stop()
    log("Every acknowledged chunk is stored" if check["complete"] else f"NOT every chunk was found: {check}")
    return check


class Watch:
    """Samples a server while a load runs: time, chunks stored, CPU seconds."""

    def __init__(self, server):
        self.server = server
        self.samples = []

    def sample(self):
        stored = self.server.metrics().get('metrology_ingest_chunks_total{outcome="created"}', 0.0)
        self.samples.append((time.monotonic(), stored, machine.cpu_seconds(self.server.roots())))
        return stored

    def begin(self, load):
        """Starts a load, and samples from the moment that its chunks arrive."""
        before = self.sample()
        load.start()
        machine.wait_until("the first chunk", lambda: self.sample() > before, 60)
        del self.samples[:-1]
        return self.samples[0][1]

    def at(self, column, value, wanted):
        """A column's figure where another column had the value given, between two samples."""
        for before, after in zip(self.samples, self.samples[1:]):
            if before[column] <= value <= after[column] and after[column] > before[column]:
                share = (value - before[column]) / (after[column] - before[column])
                return before[wanted] + share * (after[wanted] - before[wanted])
        return self.samples[-1][wanted]


def growth(options, sandbox):
    """Fills one channel, and a database of many streams, to a number of chunks; the cost of each tenth."""
    points = options.sizes[0]
    figures = {"chunks": options.chunks, "points_per_chunk": points, "series": []}
    lines = ["| what grows | tenth | chunks held | points/s | server CPU, µs a chunk |", "|---|---|---|---|---|"]
    for title, streams in (("one channel", 1), (f"{options.many_streams} streams", options.many_streams)):
        tenths, check = grow(title, streams, points, options, sandbox.part())
        cost_ratio = tenths[-1]["cpu_us_per_chunk"] / tenths[0]["cpu_us_per_chunk"]
        rate_ratio = tenths[-1]["points_per_second"] / tenths[0]["points_per_second"]
        figures["series"].append({"title": title, "tenths": tenths, "check": check,
                                  "last_by_first_cpu": cost_ratio, "last_by_first_points_per_second": rate_ratio})
        lines += [f"| {title} | {number} | {tenth['chunks']:,} | {tenth['points_per_second']:,.0f} "
                  f"| {tenth['cpu_us_per_chunk']:.0f} |" for number, tenth in enumerate(tenths, 1)]
        lines.append(f"| **{title}** | **last ÷ first** | | **{rate_ratio:.2f}** | **{cost_ratio:.2f}** |")
    return figures, lines


def grow(title, streams, points, options, sandbox):
    options.streams = streams
    server = started(options, sandbox)
    warm_up(server, options, points)
    watch = Watch(server)
    while watch.sample() < streams:  # the first chunk of a stream also makes its rows
        require_clean(measure(server, server.load(points, options.connections, 5)))
    log(f"{title}: to {options.chunks:,} more chunks of {points} points")
    watch = Watch(server)
    load = server.load(points, options.connections, options.limit)
    begun = watch.begin(load)
    while load.running() and watch.sample() < begun + options.chunks:
        time.sleep(min(1.0, options.chunks / 100_000))
    load.stop_early()
    require_clean(load.finish())
    reached = watch.samples[-1][1] - begun
    if reached < options.chunks:
        log(f"Only {reached:,.0f} chunks were stored within {options.limit} s; the tenths are of these")
    bounds = [begun + min(reached, options.chunks) * number / 10 for number in range(11)]
    tenths = []
    for low, high in zip(bounds, bounds[1:]):
        seconds = watch.at(1, high, 0) - watch.at(1, low, 0)
        cpu = watch.at(1, high, 2) - watch.at(1, low, 2)
        tenths.append({"chunks": round(high), "points_per_second": (high - low) * points / seconds,
                       "cpu_us_per_chunk": cpu * 1e6 / (high - low)})
    return tenths, checked(server)


def snapshot(options, sandbox):
    """A minute without, and a minute beside, an idle transaction that holds a snapshot open."""
    points = options.sizes[0]
    server = started(options, sandbox.part())
    warm_up(server, options, points)
    alone = rates("alone", server, points, options)
    database = server.database
    holder = subprocess.Popen(database.command("psql") + ["-X", "-q", "-d", database.name],
                              env=database.environment(), stdin=subprocess.PIPE, text=True,
                              stdout=subprocess.DEVNULL)
    try:
        holder.stdin.write("BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT count(*) FROM channel;\n")
        holder.stdin.flush()
        held = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND backend_xmin IS NOT NULL"
        machine.wait_until("the snapshot", lambda: int(server.ask(held)[0][0]) > 0, 10)
        beside = rates("beside an open snapshot", server, points, options)
    finally:
        holder.stdin.close()
        holder.wait(10)
    after = rates("after it has ended", server, points, options)
    figures = {"alone": alone, "beside": beside, "after": after, "check": checked(server)}
    step = f"{options.seconds / 6:.0f} s"
    lines = [f"| every {step}: points/s | " + " | ".join(str(number) for number in range(1, 7)) + " | last ÷ first |",
             "|---" * 8 + "|"]
    for title, series in (("alone", alone), ("beside an open snapshot", beside), ("after it has ended", after)):
        lines.append(f"| {title} | " + " | ".join(f"{rate:,.0f}" for rate in series)
                     + f" | {series[-1] / max(series[0], 1):.2f} |")
    return figures, lines


def rates(title, server, points, options):
    """Points a second in each sixth of a run."""
    watch = Watch(server)
    load = server.load(points, options.connections, options.seconds + 1)
    watch.begin(load)
    for _ in range(6):
        time.sleep(options.seconds / 6)
        watch.sample()
    require_clean(load.finish())
    series = [(after[1] - before[1]) * points / (after[0] - before[0])
              for before, after in zip(watch.samples, watch.samples[1:])]
    log(f"{title}: " + ", ".join(f"{rate:,.0f}" for rate in series) + " points/s")
    return series


def fairness(options, sandbox):
    """Small chunks alone and beside posters of the largest chunks."""
    server = started(options, sandbox.part())
    warm_up(server, options, 10)
    small = {"connections": 4, "points": 10, "seconds": options.seconds, "pause_ms": 10}
    alone = require_clean(measure(server, server.load(**small)))
    # Far apart in the numbers, because both run at the same time.
    small_load = server.load(rounds=20_000, **small)
    large_load = server.load(100_000, 8, options.seconds + 4).start()
    time.sleep(2)
    small_load.start()
    beside, large = require_clean(small_load.finish()), require_clean(large_load.finish())
    figures = {"alone": alone, "beside": beside, "large": large, "check": checked(server),
               "p99_ratio": beside["p99_ms"] / alone["p99_ms"]}
    lines = ["| 10-point chunks, 4 connections, a pause of 10 ms between | p50 ms | p99 ms | max ms | chunks/s |",
             "|---|---|---|---|---|"]
    for title, run in (("alone", alone), ("beside 8 posters of 100 000-point chunks", beside)):
        lines.append(f"| {title} | {run['p50_ms']:.1f} | {run['p99_ms']:.1f} | {run['max_ms']:.1f} "
                     f"| {run['chunks'] / run['seconds']:.0f} |")
    lines += ["", f"p99 beside ÷ alone: {figures['p99_ratio']:.1f}. The large chunks went at "
              f"{large['points_per_second']:,.0f} points/s, p99 {large['p99_ms']:.0f} ms."]
    return figures, lines


def memory(options, sandbox):
    """Many connections with large chunks and a small heap."""
    options.jvm = f"{options.jvm} -Xmx512m".strip()
    server = started(options, sandbox.part())
    load = server.load(10_000, 64, options.seconds).start()
    heaps = []
    while load.running():
        try:
            page = server.metrics()
            heaps.append(sum(value for name, value in page.items()
                             if name.startswith('jvm_memory_used_bytes{area="heap"')))
        except (OSError, ValueError) as error:
            log(f"no metrics: {error}")
        time.sleep(0.5)
    run = load.finish()
    resident, peak = machine.memory(server.process.popen.pid)
    figures = {"run": run, "peak_heap_mib": max(heaps, default=0) / 2**20, "resident_mib": resident / 2**20,
               "peak_resident_mib": peak / 2**20, "check": checked(server)}
    lines = ["| 64 connections of 10 000-point chunks, -Xmx512m | |", "|---|---|",
             f"| errors | {run['failed']} {run['refusal']} |",
             f"| points/s | {run['points_per_second']:,.0f} |",
             f"| p99 ms | {run['p99_ms']:.0f} |",
             f"| highest heap seen, MiB | {figures['peak_heap_mib']:.0f} |",
             f"| resident memory of the service, peak, MiB | {figures['peak_resident_mib']:.0f} |"]
    return figures, lines


def batch(options, sandbox):
    """Two settings of the same build in turns, with one connection and with many."""
    many = options.connections
    servers = {}
    for name, settings in (("a", options.a), ("b", options.b)):
        servers[name] = started(options, sandbox.part(), f"metrology-{name}", settings)
        servers[name].freeze()
    points = options.sizes[0]
    for name, server in servers.items():
        log(f"{name} warms up for {options.warmup} s")
        require_clean(take_turn(server, points, options.warmup, options))
    figures = {"a": options.a, "b": options.b, "points_per_chunk": points, "connections": []}
    lines = ["| connections | figure | a | b | b ÷ a (median of pairs) |", "|---|---|---|---|---|"]
    for connections in (1, many):
        options.connections = connections
        runs = {name: [] for name in servers}
        for turn in range(options.repeats):
            for name, server in (list(servers.items()), list(servers.items())[::-1])[turn % 2]:
                runs[name].append(require_clean(take_turn(server, points, options.seconds, options)))
        figures["connections"].append({"connections": connections, "runs": runs})
        for figure, title in (("points_per_second", "points/s"), ("p50_ms", "p50 ms"), ("p99_ms", "p99 ms"),
                              ("server_cpu_per_million_points", "server CPU s per M points")):
            pairs = [(a[figure], b[figure]) for a, b in zip(runs["a"], runs["b"])]
            middle = [statistics.median(values) for values in zip(*pairs)]
            lines.append(f"| {connections} | {title} | {middle[0]:,.2f} | {middle[1]:,.2f} "
                         f"| {statistics.median(b / max(a, 1e-9) for a, b in pairs):.2f} |")
    for name, server in servers.items():
        server.resume()
        figures[f"check_{name}"] = checked(server)
    lines += ["", f"a: `{options.a or 'as it comes'}`, b: `{options.b or 'as it comes'}`, chunks of {points} points."]
    return figures, lines
