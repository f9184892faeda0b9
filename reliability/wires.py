#!/usr/bin/env python3
"""Breaks the wires between posters and service, and between service and PostgreSQL, in the middle of what they carry.

    target/python/bin/python reliability/wires.py [--chunks 8000] [--short]

A proxy on each wire delays, resets (RST) and half-closes at random, in either direction; all is sent again until it is
acknowledged.
"""

import collections
import contextlib
import random
import socket
import struct
import threading
import time

import checking
import servers
from posting import Gate, Ledger, Persistent, Poster, Streams, Workload, await_end
from servers import BrokenPromise

POSTERS = 16

# With it, close() sends RST instead of FIN.
RESET = struct.pack("ii", 1, 0)


class Fate:
    """What happens to one direction of a connection, after how many bytes."""

    KINDS = ("delay", "reset", "half-close")

    def __init__(self, chance, most_bytes):
        self.kind = chance.choice(self.KINDS)
        self.after = int(chance.uniform(0, most_bytes))
        self.seconds = chance.uniform(0.05, 0.8)


class Wire:
    """A proxy, calm at first. Then each direction of each connection has a fate, and after a delay the next; bytes
    already taken are delivered before a half-close, and after a delay, even if their sender is gone by then, as a
    network does."""

    def __init__(self, target, chance, most_bytes_there, most_bytes_back):
        self.target, self.chance = target, chance
        self.most_bytes = most_bytes_there, most_bytes_back
        self.counts = collections.Counter()
        self.calm = True
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            try:
                far = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                near.close()
                continue
            for end in (near, far):
                end.settimeout(None)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, near, far)
            for name, source, sink, most in (("there", near, far, self.most_bytes[0]),
                                             ("back", far, near, self.most_bytes[1])):
                threading.Thread(target=connection.copy, daemon=True,
                                 args=(name, source, sink, most)).start()

    def note(self, name, kind):
        with self.lock:
            self.counts[f"{kind} {name}"] += 1

    def total(self):
        return sum(self.counts.values())


class Connection:
    """Both directions; closed when both have ended, or at once by a reset."""

    def __init__(self, wire, near, far):
        self.wire, self.ends, self.running = wire, (near, far), 2

    def copy(self, name, source, sink, most_bytes):
        try:
            self.carry(name, source, sink, most_bytes)
            sink.shutdown(socket.SHUT_WR)
            # Whoever still sends is not to notice by a full buffer.
            while source.recv(65536):
                pass
        except OSError:
            pass
        self.end_one()

    def carry(self, name, source, sink, most_bytes):
        fate = Fate(self.wire.chance, most_bytes)
        left = fate.after
        while True:
            data = source.recv(65536)
            if not data:
                return
            if self.wire.calm or len(data) <= left:
                sink.sendall(data)
                left -= 0 if self.wire.calm else len(data)
                continue
            sink.sendall(data[:left])
            self.wire.note(name, fate.kind)
            if fate.kind == "half-close":
                return
            if fate.kind == "reset":
                self.reset()
                return
            time.sleep(fate.seconds)
            sink.sendall(data[left:])
            fate = Fate(self.wire.chance, most_bytes)
            left = fate.after

    def reset(self):
        for end in self.ends:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                # Sends nothing, but wakes the other direction's thread: as long as that receives, nothing is closed.
                end.shutdown(socket.SHUT_RD)
            end.close()

    def end_one(self):
        with self.wire.lock:
            self.running -= 1
            last = self.running == 0
        if last:
            for end in self.ends:
                end.close()


class WirePoster(Poster):
    """Where the service sees a request end too early, it says so, if its answer still has a way back."""

    def refuse(self, delivery, body, answer):
        if answer.status == 400 and body and b'"code":"body_incomplete"' in body and b'"stored":false' in body:
            self.ledger.refused(delivery)
        else:
            super().refuse(delivery, body, answer)


def await_quiet(service, cluster):
    """Until neither the service nor PostgreSQL works on anything: not even on what its sender has given up."""
    def is_quiet():
        figures = dict(line.rsplit(" ", 1) for line in service.get("/actuator/prometheus").splitlines()
                       if line.startswith("metrology_ingest_requests_in_flight"))
        busy = cluster.ask("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'metrology-ingest'"
                           " AND state <> 'idle'")[0][0]
        return all(float(figure) == 0 for figure in figures.values()) and figures and not busy
    servers.wait_until("the service to be quiet", is_quiet, 60)


def proof(options, folder, chance, stack):
    cluster = servers.separate_cluster(options, folder, stack)
    # From the service go batches of many chunks, and little comes back.
    inner = Wire(cluster.port, chance, 150_000, 6_000)
    service = servers.service_beside(options, folder, "service", cluster, inner.port)
    stack.callback(service.stop)
    # A start that loses its connection ends, and is up to whoever starts services.
    service.start()
    outer = Wire(service.port, chance, 30_000, 6_000)
    inner.calm = outer.calm = False
    ledger, streams = Ledger(), Streams(chance)
    posters = [Persistent(WirePoster(ledger, outer.port, breaks=True),
                          Workload(number, random.Random(f"{options.seed} {number}"), streams), Gate(),
                          lambda: ledger.chunks >= options.chunks) for number in range(POSTERS)]
    for poster in posters:
        poster.start()
    await_end(posters, ledger, 900)
    await_quiet(service, cluster)
    zeros = checking.require_kept(ledger, cluster)
    for name, wire in (("posters to service", outer), ("service to PostgreSQL", inner)):
        print(f"{name}: " + ", ".join(f"{count} {what}" for what, count in sorted(wire.counts.items())))
        if not all(wire.counts[f"{kind} {way}"] for kind in Fate.KINDS for way in ("there", "back")):
            raise BrokenPromise("the wires were not broken in every way; send more chunks")
    return (f"wires: {outer.total()} disturbances before the service, {inner.total()} behind it;"
            f" {ledger.chunks} chunks acknowledged, {len(ledger.lost)} answers lost; {zeros}")


if __name__ == "__main__":
    servers.prove(servers.arguments("broken wires", chunks=(8000, 1500)), proof)
