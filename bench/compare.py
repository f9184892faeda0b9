"""All systems under the same load, one at a time, in turns."""

import statistics

import machine
from machine import BenchError, log
from load import measure
from systems import SYSTEMS, Service

# What is compared, and in which unit; of the throughput also the least and the most.
FIGURES = ("points_per_second", "p50_ms", "p99_ms", "server_cpu_per_million_points", "server_cores", "generator_cores")


def compare(options, sandbox):
    """For each size of chunk: the figures of each system, or why there are none."""
    return {str(points): compare_at(points, options, sandbox) for points in options.sizes}


def compare_at(points, options, sandbox):
    entries = {name: {"title": SYSTEMS[name].title, "acknowledgement": SYSTEMS[name].acknowledgement, "runs": []}
               for name in options.systems}
    servers = {}
    for name in options.systems:
        try:
            servers[name] = start(SYSTEMS[name], options, sandbox.part())
        except BenchError as error:
            entries[name]["missing"] = str(error)
            log(f"{SYSTEMS[name].title} is not available: {error}")
            if SYSTEMS[name] is Service:
                raise
    for name, server in servers.items():
        seconds = options.warmup if server.jit else max(1, options.warmup // 4)
        log(f"{points}-point chunks: {server.title} warms up for {seconds} s")
        entries[name]["warmup"] = take_turn(server, points, seconds, options)
    for turn in range(options.repeats):
        for name, server in servers.items():
            run = take_turn(server, points, options.seconds, options)
            entries[name]["runs"].append(run)
            log(f"{points}-point chunks, run {turn + 1}: {server.title} {run['points_per_second']:,.0f} points/s"
                + (f", does not count: {trouble(run)}" if trouble(run) else ""))
    for name, server in servers.items():
        finish(server, entries[name])
    return entries


def start(kind, options, sandbox):
    server = kind(options, sandbox)
    try:
        server.start()
    except Exception:
        sandbox.close()
        raise
    server.freeze()
    return server


def take_turn(server, points, seconds, options):
    """A run while every other server is frozen."""
    machine.settle()
    server.resume()
    try:
        return measure(server, server.load(points, options.connections, seconds))
    except BenchError as error:
        return {"points_per_second": 0.0, "chunks": 0, "failed": 1, "refusal": str(error)}
    finally:
        server.freeze()


def trouble(run):
    """Why a run does not count; empty if it does."""
    if run["failed"]:
        return f"{run['failed']} requests failed. {run['refusal']}".strip()
    return "" if run["chunks"] else "nothing was acknowledged"


def finish(server, entry):
    """Checks what is stored, stops the server, and sums up."""
    server.resume()
    try:
        entry["check"] = server.check()
    except (BenchError, OSError, ValueError, KeyError, IndexError) as error:
        entry["check"] = {"complete": False, "error": f"it could not be checked: {error}"}
    entry["notes"] = server.notes
    server.stop()
    stored = entry["check"].get("stored_points")
    entry["disk_bytes_per_point"] = (server.disk_bytes() - server.disk_at_start) / stored if stored else None
    server.sandbox.close()
    counted = [run for run in entry["runs"] if not trouble(run)]
    entry["troubles"] = sorted({trouble(run) for run in entry["runs"] + [entry["warmup"]] if trouble(run)})
    entry["counts"] = bool(counted) and entry["check"]["complete"]
    if counted:
        entry["median"] = {name: statistics.median(run[name] for run in counted) for name in FIGURES}
        entry["median"]["server_cpu_parts"] = {part: statistics.median(run["server_cpu_parts"][part] for run in counted)
                                               for part in counted[0]["server_cpu_parts"]}
        entry["least"] = min(run["points_per_second"] for run in counted)
        entry["most"] = max(run["points_per_second"] for run in counted)
    log(f"{server.title}: " + ("every acknowledged chunk is stored" if entry["check"]["complete"]
                               else f"NOT every acknowledged chunk was found: {entry['check']}"))


def ratio(entries, name, figure):
    """A system's figure by ours, of runs side by side: the median over the repeats."""
    pairs = [(theirs[figure], ours[figure]) for theirs, ours in zip(entries[name]["runs"], entries[Service.name]["runs"])
             if not trouble(theirs) and not trouble(ours)]
    return statistics.median(theirs / ours for theirs, ours in pairs) if pairs else None
