#!/usr/bin/env python3
"""Ten times what the service can take, and what it makes of that.

Starts the service with a small heap on a PostgreSQL of its own (the embedded one), and sends small chunks
and chunks of 100 000 points on ten times the connections that saturate it, each sending its next chunk as
soon as it has an answer, or half a second after a refusal, as stock clients do. Every connection keeps account of what was acknowledged. Meanwhile health and
metrics are asked. Afterwards every acknowledged chunk is looked for.

    reliability/overload.py              # a minute of load; p99 of accepted requests must be 2 s at most
    reliability/overload.py --short      # for CI, half a minute: fails on a crash, a lost chunk, silence

It needs a JDK, Python 3.9 or later, and target/metrology-ingest.jar (./mvnw -DskipTests package).
"""
import argparse
import asyncio
import collections
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
JAR = ROOT / "target" / "metrology-ingest.jar"
LARGE_POINTS = 100_000
SMALL_POINTS = 10
PAUSE = 0.5  # seconds: what stock clients wait before they try again
PATIENCE = 30  # seconds: what stock clients wait for an answer


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="half a minute, judged generously")
    parser.add_argument("--seconds", type=int, help="length of the load (60; --short: 15)")
    parser.add_argument("--small", type=int, default=640, help="connections that send chunks of 10 points (640)")
    parser.add_argument("--large", type=int, default=80, help="connections that send chunks of 100 000 points (80)")
    parser.add_argument("--heap", default="512m", help="the heap of the service (512m)")
    parser.add_argument("--set", action="append", default=[], help="a setting of the service, name=value")
    return parser.parse_args()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    """The service as its users start it, in a folder that is removed in the end."""

    def __init__(self, heap, settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="metrology-overload-", dir="/var/tmp"))
        self.port = free_port()
        self.log = open(self.folder / "service.log", "wb")
        self.process = subprocess.Popen(
            ["java", f"-Xmx{heap}", "-jar", str(JAR), f"--server.port={self.port}",
             f"--metrology.data-dir={self.folder / 'data'}", *[f"--{setting}" for setting in settings]],
            stdout=self.log, stderr=subprocess.STDOUT, cwd=self.folder)
        self.await_ready()

    def await_ready(self):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise SystemExit("the service did not start:\n" + self.log_text())
            try:
                if self.get("/actuator/health/readiness"):
                    return
            except OSError:
                time.sleep(0.2)
        raise SystemExit("the service did not get ready")

    def get(self, path, timeout=60):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=timeout) as answer:
            return answer.read().decode()

    def log_text(self):
        return (self.folder / "service.log").read_text(errors="replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Sender:
    """One connection, one stream: its chunks are numbered, and those acknowledged are remembered."""

    def __init__(self, port, points, outcome):
        self.port, self.points, self.outcome = port, points, outcome
        self.data_id = str(uuid.uuid4())
        self.acknowledged = set()
        self.tail = (',"timestamps":[' + ",".join(f"{1705312200 + i / 100:.2f}" for i in range(points))
                     + '],"values":[' + ",".join(f"{i % 997 / 10:.4f}" for i in range(points)) + "]}").encode()

    async def run(self, until):
        index, streams = 0, None
        while time.monotonic() < until:
            begun = time.monotonic()
            try:
                if streams is None:
                    streams = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self.port), PATIENCE)
                status, closes = await asyncio.wait_for(self.exchange(*streams, index), PATIENCE)
                self.outcome(self.points, status, time.monotonic() - begun)
                if status == 201:
                    self.acknowledged.add(index)
                    index += 1
                elif status == 503:
                    await asyncio.sleep(PAUSE)
            except (OSError, EOFError, asyncio.TimeoutError) as failure:
                self.outcome(self.points, type(failure).__name__, time.monotonic() - begun)
                closes = True
                await asyncio.sleep(PAUSE)
            if closes and streams is not None:
                streams[1].close()
                streams = None
        if streams is not None:
            streams[1].close()

    async def exchange(self, reader, writer, index):
        body = (f'{{"data_id":"{self.data_id}","channel_name":"thickness","chunk_index":{index}'.encode() + self.tail)
        head = (f"POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n").encode()
        writer.writelines((head, body))
        answer = asyncio.ensure_future(self.answer(reader))
        try:
            await writer.drain()
        except OSError:
            # The service refused before it had read all: its answer is there all the same.
            pass
        return await answer

    @staticmethod
    async def answer(reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = head.split("content-length:")[1].split("\r\n")[0] if "content-length:" in head else None
        if length is not None:
            await reader.readexactly(int(length))
        else:
            await Sender.read_chunks(reader)
        return int(head.split(" ")[1]), "connection: close" in head

    @staticmethod
    async def read_chunks(reader):
        size = -1
        while size != 0:
            size = int(await reader.readuntil(b"\r\n"), 16)
            await reader.readexactly(size + 2)


def send(port, points, connections, seconds, ready, results):
    """Runs in a process of its own: so many senders, and what became of their requests."""
    latencies, statuses = [], collections.Counter()

    def note(_, status, seconds):
        statuses[str(status)] += 1
        if status == 201:
            latencies.append(seconds)

    async def all_of_them():
        senders = [Sender(port, points, note) for _ in range(connections)]
        ready.set()
        await asyncio.gather(*(sender.run(time.monotonic() + seconds) for sender in senders))
        return senders

    senders = asyncio.run(all_of_them())
    results.put({"points": points, "latencies": sorted(latencies), "statuses": dict(statuses),
                 "acknowledged": {sender.data_id: sorted(sender.acknowledged) for sender in senders}})


def watch(service, running):
    """Asks health and metrics over and over; returns the slowest answers and the largest heap."""
    slowest, heap, silent = {}, 0, 0
    while running():
        for path in ("/actuator/health/liveness", "/actuator/health/readiness", "/actuator/prometheus"):
            begun = time.monotonic()
            try:
                page = service.get(path, timeout=10)
            except urllib.error.HTTPError as refusal:
                page, silent = refusal.read().decode(), silent + 1
            except OSError:
                page, silent = "", silent + 1
            slowest[path] = max(slowest.get(path, 0), time.monotonic() - begun)
            heap = max(heap, sum(float(line.split()[-1]) for line in page.splitlines()
                                 if line.startswith('jvm_memory_used_bytes{area="heap"')))
        time.sleep(0.2)
    return slowest, heap, silent


def lost(service, acknowledged):
    """The acknowledged chunks that are not held."""
    missing = []
    for data_id, indexes in acknowledged.items():
        if not indexes:
            continue
        answer = json.loads(service.get(f"/metrology/stream/{data_id}/chunks?channel=thickness"))
        held = {index for span in answer["held"] for index in range(span["first"], span["last"] + 1)}
        missing += [(data_id, index) for index in indexes if index not in held]
    return missing


def quantile(latencies, part):
    return latencies[min(len(latencies) - 1, int(len(latencies) * part))] if latencies else float("nan")


def main():
    import multiprocessing
    options = arguments()
    seconds = options.seconds or (15 if options.short else 60)
    if not JAR.exists():
        raise SystemExit(f"{JAR} is missing: ./mvnw -DskipTests package")
    context = multiprocessing.get_context("fork")
    service = Service(options.heap, options.set)
    faults = []
    try:
        results, loads = context.Queue(), []
        for points, connections in ((SMALL_POINTS, options.small), (LARGE_POINTS, options.large)):
            ready = context.Event()
            load = context.Process(target=send, args=(service.port, points, connections, seconds, ready, results))
            load.start()
            loads.append(load)
            ready.wait(60)
        deadline = time.monotonic() + seconds
        slowest, heap, silent = watch(service, lambda: time.monotonic() < deadline)
        reports = [results.get(timeout=PATIENCE + 60) for _ in loads]
        for load in loads:
            load.join()
        for report in sorted(reports, key=lambda report: report["points"]):
            latencies = report["latencies"]
            p99 = quantile(latencies, 0.99)
            print(f"{report['points']}-point chunks: {len(latencies) / seconds:.0f}/s accepted, p50 "
                  f"{quantile(latencies, 0.5) * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, "
                  f"max {latencies[-1] * 1000 if latencies else 0:.0f} ms; answers {report['statuses']}")
            if not latencies:
                faults.append(f"no chunk of {report['points']} points was accepted")
            if not options.short and not p99 <= 2:
                faults.append(f"p99 of {report['points']}-point chunks is {p99:.1f} s")
        print("slowest answers: " + ", ".join(f"{path} {worst * 1000:.0f} ms" for path, worst in slowest.items()))
        print(f"largest heap seen: {heap / 2**20:.0f} MiB of {options.heap}")
        if silent or max(slowest.values()) > (10 if options.short else 1):
            faults.append(f"health or metrics: {silent} not answered, slowest {max(slowest.values()):.1f} s")
        if service.process.poll() is not None:
            faults.append(f"the service ended with {service.process.returncode}")
        else:
            acknowledged = {data_id: indexes for report in reports for data_id, indexes in
                            report["acknowledged"].items()}
            missing = lost(service, acknowledged)
            print(f"{sum(map(len, acknowledged.values()))} chunks acknowledged, {len(missing)} of them missing")
            if missing:
                faults.append(f"acknowledged and missing: {missing[:5]}")
        log = service.log_text()
        print(f"{len(log.splitlines())} lines in the log")
        if "OutOfMemoryError" in log:
            faults.append("OutOfMemoryError")
        if faults:
            print("\n".join(log.splitlines()[-30:]))
    finally:
        service.stop()
    print("FAILED: " + "; ".join(faults) if faults else "passed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
