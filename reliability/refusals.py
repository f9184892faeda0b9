#!/usr/bin/env python3
"""Has many chunks refused while others are stored, and kills the service while refused chunks are resent.

    target/python/bin/python reliability/refusals.py [--windows 10] [--rounds 10] [--short]

Windows of three kinds take turns: without refusals, with 1000 dry runs a second that are refused and not recorded, and
with 1000 chunks a second that are refused and recorded as far as the limits allow. The medians of the ingest rates are
printed, no rate is required. The machine is shared with the clients, so the dry runs show what recording itself costs.

Required is: records that were there before are still there, every acknowledged chunk is stored, and after kill -9 the
record of each resent chunk is still there or its chunk is stored.
"""

import asyncio
import http.client
import json
import multiprocessing
import socket
import statistics
import threading
import time
import urllib.error
import urllib.request
import uuid

import servers
from servers import KEY, BrokenPromise

REFUSED_PER_SECOND = 1000
CONNECTIONS = 8
POINTS = 100
PIPELINED = 10
OLD_RECORDS = 10
RESENT = 40
RESENDERS = 4
WINDOW_SECONDS = 3


def chunk(data_id, index, units="nm", points=3, **fields):
    document = {"data_id": data_id, "channel_name": "thickness", "chunk_index": index, "units": units,
                "timestamps": [1705312200 + index + i / 100 for i in range(points)],
                "values": [i / 8 for i in range(points)], **fields}
    return json.dumps(document).encode()


def request(path, body, content_type="application/json"):
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {KEY}\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


class Ingest:
    """Stores new chunks on several connections, as fast as they are acknowledged, in a process of its own."""

    def __init__(self, port):
        self.port, self.count, self.over = port, multiprocessing.Value("q", 0), multiprocessing.Event()
        self.data_ids = [str(uuid.uuid4()) for _ in range(CONNECTIONS)]
        self.faults = multiprocessing.Queue()
        self.process = multiprocessing.get_context("fork").Process(target=self.run, daemon=True)
        self.process.start()

    def run(self):
        async def all_of_them():
            await asyncio.gather(*(self.send(data_id) for data_id in self.data_ids))
        asyncio.run(all_of_them())

    async def send(self, data_id):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        index = 0
        while not self.over.is_set():
            writer.write(request("/metrology/stream/chunk", chunk(data_id, index, points=POINTS)))
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
            if " 201 " not in head.split("\r\n")[0]:
                self.faults.put(head)
                return
            index += 1
            with self.count.get_lock():
                self.count.value += 1
        writer.close()

    def finish(self):
        self.over.set()
        self.process.join(60)
        if not self.faults.empty():
            raise BrokenPromise("a chunk was not stored: " + self.faults.get())


class Refused(threading.Thread):
    """Sends refused requests at a steady rate until it is told to stop: answers are counted, and those with a record.

    They are refused for their Content-Type: after a 400 the server closes the connection, which costs more than the rest.
    """

    def __init__(self, port, path):
        super().__init__(daemon=True)
        self.port, self.path, self.over = port, path, threading.Event()
        self.answers, self.recorded, self.fault = 0, 0, None

    def run(self):
        try:
            self.send()
        except (OSError, BrokenPromise) as failure:
            self.fault = failure

    def send(self):
        data_id = str(uuid.uuid4())
        with socket.create_connection(("127.0.0.1", self.port), 30) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            begun, buffer = time.monotonic(), b""
            while not self.over.is_set():
                due = (time.monotonic() - begun) * REFUSED_PER_SECOND
                if self.answers + PIPELINED > due:
                    time.sleep(0.002)
                    continue
                # Each has a body of its own.
                connection.sendall(b"".join(
                    request(self.path, chunk(data_id, self.answers + i), "text/plain") for i in range(PIPELINED)))
                for _ in range(PIPELINED):
                    buffer = self.read_answer(connection, buffer)

    def read_answer(self, connection, buffer):
        while b"\r\n\r\n" not in buffer:
            buffer += self.receive(connection)
        head, buffer = buffer.split(b"\r\n\r\n", 1)
        head = head.decode("latin-1").lower()
        if " 415 " not in head.split("\r\n")[0]:
            raise BrokenPromise("not refused: " + head)
        if "content-length:" in head:
            left = int(head.split("content-length:")[1].split("\r\n")[0])
            while len(buffer) < left:
                buffer += self.receive(connection)
            buffer = buffer[left:]
        else:
            while b"0\r\n\r\n" not in buffer:
                buffer += self.receive(connection)
            buffer = buffer.split(b"0\r\n\r\n", 1)[1]
        self.answers += 1
        self.recorded += "refusal-id:" in head
        return buffer

    @staticmethod
    def receive(connection):
        received = connection.recv(65536)
        if not received:
            raise BrokenPromise("a refused request got no answer")
        return received

    def finish(self):
        self.over.set()
        self.join(30)
        if self.fault or not self.answers:
            raise BrokenPromise(f"refused requests were not answered: {self.fault!r}")


def send(service, method, path, body=None, content_type="application/json"):
    """Returns status, headers and body."""
    sent = urllib.request.Request(f"http://127.0.0.1:{service.port}{path}", body, method=method,
                                  headers={"X-API-KEY": KEY, "Content-Type": content_type})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(sent, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.headers, refusal.read()


def refuse(service, body):
    """The id of the record of a refused chunk. Above the rate there is none, then the chunk is sent again."""
    while True:
        status, headers, answer = send(service, "POST", "/metrology/stream/chunk", body)
        if status < 400 or status >= 500:
            raise BrokenPromise(f"a chunk was to be refused: {status} {answer[:300]}")
        if headers.get("Refusal-Id"):
            return headers["Refusal-Id"]
        time.sleep(0.1)


def rates(options, service, ingest):
    """Ingest rates in chunks/s by the kind of window, and the refused requests of all windows."""
    kinds = {"none": None, "dry runs": "/metrology/stream/chunk?validate_only=true", "recorded": "/metrology/stream/chunk"}
    found, refused = {kind: [] for kind in kinds}, []
    for number in range(options.windows):
        # In turn forwards and backwards, because the service grows faster in its first minute.
        for kind, path in list(kinds.items())[::1 if number % 2 else -1]:
            refusals = Refused(service.port, path) if path else None
            if refusals:
                refusals.start()
                time.sleep(0.2)
            before, begun = ingest.count.value, time.monotonic()
            time.sleep(WINDOW_SECONDS)
            found[kind].append((ingest.count.value - before) / (time.monotonic() - begun))
            if refusals:
                refusals.finish()
                refused.append((kind, refusals))
    return found, refused


def resend_round(service, cluster, chance, number):
    """Kills the service while it resends, and looks for every resent chunk. Returns how many records were left."""
    data_id = str(uuid.uuid4())
    send(service, "POST", "/metrology/stream/chunk", chunk(data_id, RESENT))
    ids = {index: refuse(service, chunk(data_id, index, units="um")) for index in range(RESENT)}
    send(service, "PATCH", f"/metrology/stream/{data_id}/channels?channel=thickness", b'{"units": "um"}')
    waiting, acknowledged = list(ids.items()), []

    def resend():
        while waiting:
            try:
                index, refusal = waiting.pop()
                if send(service, "POST", f"/metrology/refusals/{refusal}/resend")[0] == 201:
                    acknowledged.append(index)
            except (OSError, http.client.HTTPException, IndexError):
                return

    resenders = [threading.Thread(target=resend, daemon=True) for _ in range(RESENDERS)]
    for resender in resenders:
        resender.start()
    few = chance.randrange(1, RESENT // 2)
    servers.wait_until("some chunks to be resent", lambda: len(acknowledged) >= few)
    service.kill()
    for resender in resenders:
        resender.join(60)
    service.start()
    stored = {index for index, in cluster.ask("SELECT chunk_index FROM chunk WHERE data_id = %s::uuid", [data_id])}
    kept = {refusal for refusal, in cluster.ask("SELECT id::text FROM refusal WHERE data_id = %s::uuid", [data_id])}
    lost = [index for index, refusal in ids.items() if index not in stored and refusal not in kept]
    if lost or not set(acknowledged) <= stored:
        raise BrokenPromise(f"the record and the chunk are both missing: {lost}; acknowledged: {acknowledged}")
    both = [index for index, refusal in ids.items() if index in stored and refusal in kept]
    for index, refusal in ids.items():
        if refusal in kept:
            status, headers, answer = send(service, "POST", f"/metrology/refusals/{refusal}/resend")
            wanted = "unchanged" if index in both else "created"
            if status != 201 or headers["Chunk-Outcome"] != wanted:
                raise BrokenPromise(f"resent again, not {wanted}: {status} {answer[:300]}")
    left = cluster.ask("SELECT (SELECT count(*) FROM chunk WHERE data_id = %(id)s::uuid),"
                       " (SELECT count(*) FROM refusal WHERE data_id = %(id)s::uuid)", {"id": data_id})[0]
    if left != (RESENT + 1, 0):
        raise BrokenPromise(f"{left} chunks and records, not {RESENT + 1} and 0")
    print(f"round {number}: killed after {len(acknowledged)} of {RESENT} resends, {len(kept)} records left,"
          f" {len(both)} of them already stored", flush=True)
    return len(kept), len(both)


def require_records(cluster, ids):
    there = {refusal for refusal, in cluster.ask("SELECT id::text FROM refusal WHERE id = ANY (%s::uuid[])", [ids])}
    if there != set(ids):
        raise BrokenPromise(f"{len(set(ids) - there)} of {len(ids)} records are gone")


def proof(options, folder, chance, stack):
    service, cluster = servers.embedded_service(options, folder, stack, flags=("-Xmx512m",))
    old = [refuse(service, chunk(str(uuid.uuid4()), 0, values=[1])) for _ in range(OLD_RECORDS)]
    ingest = Ingest(service.port)
    # The JVM compiles.
    time.sleep(10 if options.short else 60)
    found, refused = rates(options, service, ingest)
    ingest.finish()
    stored = cluster.ask("SELECT count(*) FROM chunk WHERE data_id = ANY (%s::uuid[])", [ingest.data_ids])[0][0]
    if stored < ingest.count.value:
        raise BrokenPromise(f"{ingest.count.value} chunks were acknowledged, {stored} are stored")
    require_records(cluster, old)
    medians = {kind: statistics.median(values) for kind, values in found.items()}
    answers = sum(each.answers for kind, each in refused if kind == "recorded")
    recorded = sum(each.recorded for kind, each in refused if kind == "recorded")
    reached = answers / (options.windows * WINDOW_SECONDS)
    print(f"chunks/s: {', '.join(f'{kind} {value:.0f}' for kind, value in medians.items())}; of {answers} refused"
          f" chunks {recorded} were recorded", flush=True)
    rounds = [resend_round(service, cluster, chance, number + 1) for number in range(options.rounds)]
    require_records(cluster, old)
    return (f"refusals: ingest at {medians['recorded'] / medians['none']:.0%} of its rate with {reached:.0f}"
            f" refused chunks a second, at {medians['recorded'] / medians['dry runs']:.0%} of its rate with as many"
            f" refused dry runs; {ingest.count.value} chunks acknowledged, missing 0; {OLD_RECORDS} records before,"
            f" missing 0; killed {len(rounds)} times while resending, {sum(kept for kept, _ in rounds)} records left,"
            f" {sum(both for _, both in rounds)} of them already stored, lost 0")


if __name__ == "__main__":
    servers.prove(servers.arguments("refused chunks", windows=(10, 2), rounds=(10, 2)), proof)
