#!/usr/bin/env python3
"""Sends from ten times the connections that saturate the service, and looks at what becomes of the chunks.

    target/python/bin/python reliability/overload.py [--seconds 60] [--short]

Chunks of 10 and of 100 000 points: first from a tenth of the connections, which shows what the service can store, then from
all of them. Each sends its next chunk as soon as it has an answer, or half a second after a refusal, as
stock clients do. Meanwhile health and metrics are asked on the port for operators. Every answer must be 201 or an honest
503 within the 30 s that stock clients wait, and all acknowledged chunks must be there. Latencies are printed.
"""

import asyncio
import collections
import json
import multiprocessing
import time
import uuid

import servers
from servers import KEY, BrokenPromise

SMALL, LARGE = 10, 100_000
CONNECTIONS = {SMALL: 640, LARGE: 80}
SUSTAINED_SECONDS = 10
TIMES = 10
HEAP_MIB = 512

# What stock clients wait before they try again, and for an answer.
PAUSE = 0.5
PATIENCE = 30


def points_of(count):
    return (',"timestamps":[' + ",".join(f"{1705312200 + i / 100:.2f}" for i in range(count))
            + '],"values":[' + ",".join(f"{i % 997 / 10:.4f}" for i in range(count)) + "]}").encode()


class Connection:
    """One stream: its chunks are numbered, and those acknowledged are remembered."""

    def __init__(self, port, tail, report):
        self.port, self.tail, self.report = port, tail, report
        self.data_id = str(uuid.uuid4())
        self.streams = None

    async def send(self, until):
        acknowledged = self.report.acknowledged.setdefault(self.data_id, [])
        while time.monotonic() < until:
            begun = time.monotonic()
            self.report.offered += 1
            try:
                status, head, body = await asyncio.wait_for(self.exchange(len(acknowledged)), PATIENCE)
            except (OSError, EOFError, asyncio.TimeoutError) as failure:
                self.report.fault(f"no answer: {failure!r}")
                self.close()
                await asyncio.sleep(PAUSE)
                continue
            if status == 201:
                self.report.latencies.append(time.monotonic() - begun)
                acknowledged.append(len(acknowledged))
            else:
                self.report.refuse(status, head, body)
                await asyncio.sleep(PAUSE)
            if "connection: close" in head:
                self.close()
        self.close()

    def close(self):
        if self.streams:
            self.streams[1].close()
        self.streams = None

    async def exchange(self, index):
        if not self.streams:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        body = f'{{"data_id":"{self.data_id}","channel_name":"thickness","chunk_index":{index}'.encode() + self.tail
        writer.writelines((f"POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {KEY}\r\n"
                           f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode(), body))
        answer = asyncio.ensure_future(self.answer(reader))
        try:
            await writer.drain()
        except OSError:
            # Refused before all was read: the answer is there all the same.
            pass
        return await answer

    @staticmethod
    async def answer(reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ")[1])
        if "content-length:" in head:
            return status, head, await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
        body, size = b"", -1
        while size != 0:
            size = int(await reader.readuntil(b"\r\n"), 16)
            body += (await reader.readexactly(size + 2))[:-2]
        return status, head, body


class Report:
    """What became of the chunks of one size."""

    def __init__(self):
        self.offered, self.refused, self.latencies, self.acknowledged = 0, 0, [], {}
        self.faults = collections.Counter()

    def refuse(self, status, head, body):
        self.refused += 1
        try:
            honest = status == 503 and json.loads(body)["code"] == "overloaded" and json.loads(body)["stored"] is False
        except (ValueError, KeyError):
            honest = False
        if not honest or "retry-after: " not in head:
            self.fault(f"{status} {body[:300]}")

    def fault(self, text):
        self.faults[text] += 1

    def quantile(self, part):
        return sorted(self.latencies)[min(len(self.latencies) - 1, int(len(self.latencies) * part))]


def send(port, points, connections, seconds, reports):
    """Runs in a process of its own."""
    report, tail = Report(), points_of(points)

    async def all_of_them():
        senders = [Connection(port, tail, report) for _ in range(connections)]
        until = time.monotonic() + seconds
        await asyncio.gather(*(sender.send(until) for sender in senders))

    asyncio.run(all_of_them())
    reports.put((points, report))


class Load:
    """Senders of both sizes, each size in a process of its own."""

    def __init__(self, port, part, seconds):
        context = multiprocessing.get_context("fork")
        self.reports, self.seconds = context.Queue(), seconds
        self.processes = [context.Process(target=send, daemon=True,
                                          args=(port, points, connections // part, seconds, self.reports))
                          for points, connections in CONNECTIONS.items()]
        for process in self.processes:
            process.start()

    def finish(self):
        reports = dict(self.reports.get(timeout=self.seconds + PATIENCE + 60) for _ in self.processes)
        for process in self.processes:
            process.join()
        for points, report in reports.items():
            if report.faults:
                raise BrokenPromise(f"wrong answers to chunks of {points} points: {report.faults.most_common(3)}")
            if not report.latencies:
                raise BrokenPromise(f"no chunk of {points} points was accepted")
        return reports


class Probes:
    """Asks health and metrics again and again."""

    def __init__(self, service, port):
        self.service, self.port, self.slowest, self.heap = service, port, {}, 0

    def ask(self):
        for path in ("/actuator/health/liveness", "/actuator/health/readiness", "/actuator/prometheus"):
            begun = time.monotonic()
            try:
                page = self.service.get(path, port=self.port)
            except OSError as failure:
                raise BrokenPromise(f"{path} does not answer: {failure!r}") from failure
            self.slowest[path] = max(self.slowest.get(path, 0), time.monotonic() - begun)
        self.heap = max(self.heap, sum(float(line.split()[-1]) for line in page.splitlines()
                                       if line.startswith('jvm_memory_used_bytes{area="heap"')) / 2 ** 20)


def missing(reports, cluster):
    """The acknowledged chunks that are not stored whole."""
    wanted = {(data_id, index): points for points, report in reports
              for data_id, indexes in report.acknowledged.items() for index in indexes}
    rows = cluster.ask("SELECT data_id::text, chunk_index, cardinality(timestamps), cardinality(values) FROM chunk")
    there = {(data_id, index): points for data_id, index, points, values in rows if points == values}
    return [key for key, points in wanted.items() if there.get(key) != points], len(wanted)


def points_per_second(reports, count, seconds):
    return sum(points * count(report) for points, report in reports.items()) / seconds


def proof(options, folder, chance, stack):
    operator_port = servers.free_port()
    service, cluster = servers.embedded_service(options, folder, stack, flags=(f"-Xmx{HEAP_MIB}m",),
                                                settings=(f"--metrology.http.operator-port={operator_port}",))
    probes = Probes(service, operator_port)
    # Its figures do not count: the JVM compiles.
    warm = Load(service.port, TIMES, SUSTAINED_SECONDS).finish()
    sustained = Load(service.port, TIMES, SUSTAINED_SECONDS).finish()
    taken = points_per_second(sustained, lambda report: len(report.latencies), SUSTAINED_SECONDS)
    load, deadline = Load(service.port, 1, options.seconds), time.monotonic() + options.seconds
    while time.monotonic() < deadline:
        probes.ask()
        time.sleep(0.2)
    reports = load.finish()
    for points, report in sorted(reports.items()):
        print(f"chunks of {points} points: {len(report.latencies) / options.seconds:.0f}/s accepted, p50"
              f" {report.quantile(0.5) * 1000:.0f} ms, p99 {report.quantile(0.99) * 1000:.0f} ms, the slowest"
              f" {max(report.latencies) * 1000:.0f} ms; {report.refused / options.seconds:.0f}/s refused")
    print("slowest answers: " + ", ".join(f"{path} {worst * 1000:.0f} ms" for path, worst in probes.slowest.items()))
    lost, acknowledged = missing([*warm.items(), *sustained.items(), *reports.items()], cluster)
    if lost:
        raise BrokenPromise(f"{len(lost)} acknowledged chunks are missing, such as {lost[:3]}")
    if "OutOfMemoryError" in service.log.read_text(errors="replace"):
        raise BrokenPromise("OutOfMemoryError")
    worst = max(report.quantile(0.99) for report in reports.values())
    stored = points_per_second(reports, lambda report: len(report.latencies), options.seconds)
    refused = sum(report.refused for report in reports.values())
    return (f"overload: {TIMES} times the connections that saturate the service: {stored / 1e6:.2f} million points/s stored, and"
            f" {taken / 1e6:.2f} with a tenth of them; p99 of accepted requests {worst:.2f} s, {refused} refused, health and"
            f" metrics within {max(probes.slowest.values()):.2f} s, heap up to {probes.heap:.0f} of {HEAP_MIB} MiB;"
            f" {acknowledged} chunks acknowledged, missing 0")


if __name__ == "__main__":
    servers.prove(servers.arguments("ten times the connections that saturate the service", seconds=(60, 15)), proof)
