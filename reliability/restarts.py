#!/usr/bin/env python3
"""Restarts PostgreSQL again and again under posters that give up as early as the public SDK does: no push may fail.

    target/python/bin/python reliability/restarts.py [--restarts 20] [--short]

Most push short chunks, some long ones, and some make streams. A push is three tries, 0.5 s and 1 s apart, each of 30 s at most; again only after a transport error, 429 or 5xx.
"""

import itertools
import random
import threading
import time
import uuid

import checking
import servers
from posting import Content, Ledger, Poster, Request, Sender, Streams, Workload, await_end
from servers import BrokenPromise

POSTERS = 16
LONG_POSTERS = 4
STREAM_POSTERS = 2
PAUSES = (0.5, 1.0)
TIMEOUT = 30
LEAST_CHUNKS = 300

# Well below the 15 s for which a chunk is held.
LONGEST_AWAY = 9.5

# With so many seconds there is time for the next of the service's own tries.
HELD = 12.0


class SdkPoster(Sender):
    """Pushes without pause."""

    def __init__(self, ledger, port, workload, over):
        super().__init__(ledger)
        self.poster, self.workload, self.over = Poster(ledger, port, TIMEOUT), workload, over
        self.pushes, self.again, self.failed, self.longest = 0, 0, 0, 0.0

    def send(self):
        while not self.over.is_set():
            request = self.workload.next()
            begun = time.monotonic()
            self.push(request)
            self.longest = max(self.longest, time.monotonic() - begun)

    def push(self, request):
        self.pushes += 1
        if self.tries(request):
            return
        self.again += 1
        for pause in PAUSES:
            time.sleep(pause)
            if self.tries(request):
                return
        self.failed += 1

    def tries(self, request):
        return self.poster.post(request)


class LongChunks:
    """Beyond 64 KiB, so that they need room of their own."""

    def __init__(self, number, chance):
        self.chance, self.index = chance, itertools.count()
        self.channel = (str(uuid.UUID(int=chance.getrandbits(128), version=4)), f"long {number}")

    def next(self):
        # Else they would leave no time to others.
        time.sleep(0.2)
        count = self.chance.choice((5_000, 10_000, 100_000))
        begin = self.chance.uniform(0, 2e9)
        values = [self.chance.random() for _ in range(100)] * (count // 100)
        content = Content([begin + position / 8 for position in range(count)], values)
        return Request.single((*self.channel, next(self.index)), content)


class StreamPoster(SdkPoster):
    """Makes streams instead, so that its pushes are no chunks."""

    def send(self):
        while not self.over.is_set():
            begun = time.monotonic()
            self.push({"points_per_chunk": 100})
            self.longest = max(self.longest, time.monotonic() - begun)
            time.sleep(0.05)

    def tries(self, document):
        return self.poster.initialize(document)


def restart(cluster, how, away):
    """Returns for how many seconds PostgreSQL was not there.

    away: for how many it is down beyond what its end and its start take.
    """
    begun = time.monotonic()
    if how == "kill -9":
        cluster.kill()
    else:
        cluster.stop(how)
    time.sleep(away)
    cluster.start()
    return time.monotonic() - begun


def run_restarts(options, cluster, ledger, chance):
    """Returns the longest absence, in seconds."""
    longest = 0
    ways = ["fast", "immediate", "kill -9"]
    for number in range(options.restarts):
        before = ledger.chunks
        servers.wait_until("posters to go on", lambda: ledger.chunks - before >= LEAST_CHUNKS)
        time.sleep(chance.uniform(0, 0.5))
        # Each way with a long and a short absence in turn.
        away = chance.uniform(5, LONGEST_AWAY) if number % 4 == 1 else chance.uniform(0, 2)
        absence = restart(cluster, ways[number % len(ways)], away)
        longest = max(longest, absence)
        print(f"restart {number + 1}: {ways[number % len(ways)]}, away for {absence:.1f} s,"
              f" {ledger.chunks} chunks acknowledged so far", flush=True)
    before = ledger.chunks
    servers.wait_until("posters to go on", lambda: ledger.chunks - before >= LEAST_CHUNKS)
    return longest


def proof(options, folder, chance, stack):
    cluster = servers.separate_cluster(options, folder, stack)
    service = servers.service_beside(options, folder, "service", cluster)
    stack.callback(service.stop)
    service.start()
    ledger, over, streams = Ledger(), threading.Event(), Streams(chance)
    posters = [SdkPoster(ledger, service.port, Workload(number, random.Random(f"{options.seed} {number}"), streams),
                         over) for number in range(POSTERS)]
    posters += [SdkPoster(ledger, service.port, LongChunks(number, random.Random(f"{options.seed} long {number}")), over)
                for number in range(LONG_POSTERS)]
    posters += [StreamPoster(ledger, service.port, None, over) for _ in range(STREAM_POSTERS)]
    for poster in posters:
        poster.start()
    longest = run_restarts(options, cluster, ledger, chance)
    over.set()
    await_end(posters, ledger, 3 * TIMEOUT + 5)
    failed = sum(poster.failed for poster in posters)
    if failed:
        raise BrokenPromise(f"{failed} pushes failed")
    again = sum(poster.again for poster in posters)
    # Long chunks may find no room at any time.
    failures = {code: count for code, count in ledger.failures.items() if code != "overloaded"}
    if failures and longest < HELD:
        raise BrokenPromise(f"requests failed, though PostgreSQL was never away for more than {longest:.1f} s: {failures}")
    zeros = checking.require_kept(ledger, cluster)
    return (f"restarts: {options.restarts} restarts, {sum(poster.pushes for poster in posters)} pushes, failed {failed},"
            f" tried again {again}, PostgreSQL away for up to {longest:.1f} s,"
            f" longest push {max(poster.longest for poster in posters):.1f} s; {ledger.chunks} chunks acknowledged;"
            f" {zeros}")


if __name__ == "__main__":
    servers.prove(servers.arguments("PostgreSQL restarts under posters that give up early", restarts=(20, 3)), proof)
