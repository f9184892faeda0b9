"""Loads a server and keeps the books: which chunks were sent, and which were acknowledged."""

import json
import os
import resource
import subprocess

import chunks
import machine
import programs
from machine import BenchError

FAILURES = ("refused", "socket_errors", "timeouts")


class Ledger:
    """What was sent to one server, so that afterwards every acknowledged chunk can be looked for."""

    def __init__(self, streams):
        self.streams = streams
        self.next = 0
        self.runs = []

    def reserve(self, stride, rounds):
        """Numbers for so many chunks of each of so many connections; the first of them."""
        first = self.next + stride
        self.next = first + stride * rounds
        return first

    def enter(self, first, stride, points, acknowledged):
        self.runs.append({"first": first, "stride": stride, "points": points, "acknowledged": acknowledged})
        # The chunks that were on their way when the run ended are numbered, but not acknowledged.
        self.next = max(self.next, first + stride * (max(acknowledged) + 2))

    @property
    def acknowledged_chunks(self):
        return sum(sum(run["acknowledged"]) for run in self.runs)

    @property
    def acknowledged_points(self):
        return sum(sum(run["acknowledged"]) * run["points"] for run in self.runs)

    @property
    def unanswered_chunks(self):
        """How many may be stored on top: each connection had one on its way when its run ended."""
        return sum(run["stride"] for run in self.runs)


class HttpLoad:
    """One run of wrk; see load.lua. start() returns at once, finish() at its end."""

    def __init__(self, sandbox, server, ledger, connections, points, seconds, pause_ms=0, rounds=0):
        self.ledger, self.connections, self.points, self.seconds = ledger, connections, points, seconds
        self.first = ledger.reserve(connections, rounds)
        shape = chunks.Shape(points)
        pool = sandbox.path(f"{server.name}-{points}.pool")
        if not os.path.exists(pool):
            chunks.render(pool, points, server.body_format, server.target, server.port, server.content_type)
        program, self.environment = programs.wrk()
        self.command = [program, "--threads", str(connections), "--connections", str(connections),
                        "--duration", f"{seconds}s", "--timeout", "60s",
                        "--script", os.path.join(programs.HERE, "load.lua"),
                        f"http://127.0.0.1:{server.port}/", "--", pool, str(connections), str(ledger.streams),
                        str(self.first), str(shape.time_digits), str(shape.first_slot), str(server.expected_status),
                        str(pause_ms)]
        self.sandbox = sandbox
        self.popen = None

    def start(self):
        launcher = ["setpriv", "--pdeathsig", "KILL"]
        self.popen = subprocess.Popen(launcher + self.command, env=self.environment, text=True,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      start_new_session=True)
        self.sandbox.processes.append(machine.Process("wrk", self.popen, os.devnull, 15))
        return self

    def running(self):
        return self.popen.poll() is None

    def stop_early(self):
        """wrk ends in order and reports."""
        if self.running():
            self.popen.send_signal(2)

    def finish(self):
        try:
            output, _ = self.popen.communicate(timeout=self.seconds + 90)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            raise BenchError(f"wrk did not end within {self.seconds + 90} s") from None
        report = output.rstrip().rpartition("\n")[2]
        if not report.startswith("{"):
            raise BenchError(f"wrk failed: {output.strip()[-600:]}")
        result = json.loads(report)
        self.ledger.enter(self.first, self.connections, self.points, result["acknowledged"])
        result["chunks"] = sum(result.pop("acknowledged"))
        result["points_per_second"] = result["chunks"] * self.points / result["seconds"]
        result["failed"] = sum(result[name] for name in FAILURES)
        return result


def measure(server, load):
    """Runs a load to its end, and what it cost the server and the generator."""
    generator_before = resource.getrusage(resource.RUSAGE_CHILDREN)
    server_before = machine.cpu_seconds_of_each(server.roots())
    result = load.start().finish()
    if not server.process.alive():
        raise BenchError(f"the server ended during the run: {server.process.last_words()}")
    server_after = machine.cpu_seconds_of_each(server.roots())
    parts = {name: cpu - server_before.get(name, 0.0) for name, cpu in server_after.items()}
    server_cpu = sum(parts.values())
    generator_after = resource.getrusage(resource.RUSAGE_CHILDREN)
    points = max(1, result["chunks"] * load.points)
    result["server_cpu_per_million_points"] = server_cpu * 1e6 / points
    result["server_cpu_parts"] = {name: cpu * 1e6 / points for name, cpu in parts.items()}
    result["server_cores"] = server_cpu / result["seconds"]
    result["generator_cores"] = sum(getattr(generator_after, name) - getattr(generator_before, name)
                                    for name in ("ru_utime", "ru_stime")) / result["seconds"]
    return result
