#!/usr/bin/env python3
"""Two instances on one database get the same chunks at the same time, each in an order of its own.

    target/python/bin/python reliability/instances.py [--chunks 20000] [--short]

No answer but 201, no deadlock, and in channels that only grow the answers' total_points are exactly the running sums.
"""

import json
import threading

import checking
import servers
from posting import Content, Ledger, Poster, Request, Streams
from servers import BrokenPromise

POSTERS_EACH = 8
CHANNELS = 6

# How far apart in the two orders a request may be: near enough that both are often on their way at once.
SPREAD = 40


class Receipts:
    """The answers that say created, by channel: (total_points, points)."""

    def __init__(self):
        self.lock = threading.Lock()
        self.created = {}

    def note(self, channel, total_points, points):
        with self.lock:
            self.created.setdefault(channel, []).append((total_points, points))

    def require_running_sums(self):
        """Each chunk was new once, at one of the instances: ordered by their totals, each adds just its own points."""
        for channel, created in self.created.items():
            total = 0
            for told, points in sorted(created):
                total += points
                if told != total:
                    raise BrokenPromise(f"{channel}: {told} points were told where {total} were held")


class InstancePoster(Poster):

    def __init__(self, ledger, port, receipts):
        super().__init__(ledger, port)
        self.receipts = receipts

    def acknowledge(self, delivery, body, answer):
        super().acknowledge(delivery, body, answer)
        key, content = delivery.request.chunks[0]
        # Others have their chunks replaced.
        if answer.headers.get("Chunk-Outcome") == "created" and key[1].startswith("grows"):
            self.receipts.note(key[:2], json.loads(body)["total_points"], len(content.timestamps))


def requests(count, chance):
    """New chunks and multis, some of which are sent with other content, too, so that the instances replace each other's."""
    streams = Streams(chance, 2)
    made, chunks = [], 0
    while chunks < count:
        data_id, dice = chance.choice(streams.data_ids), chance.random()
        if dice < 0.15:
            index = streams.new_index(data_id, "together")
            channels = chance.sample([f"together {number}" for number in range(CHANNELS)], 3)
            made.append(Request.multi(data_id, index, {channel: Content.any(chance) for channel in channels}))
        elif dice < 0.25:
            made.append(Request.single((data_id, "contended", chance.randrange(50)), Content.any(chance)))
        else:
            channel = f"grows {chance.randrange(CHANNELS)}"
            made.append(Request.single((data_id, channel, streams.new_index(data_id, channel)), Content.any(chance)))
        chunks += len(made[-1].chunks)
    return made


def nearby_order(items, chance):
    places = sorted(range(len(items)), key=lambda place: place + chance.uniform(0, SPREAD))
    return [items[place] for place in places]


def send_all(poster, waiting, ledger):
    """Takes one after the other from what all posters of an instance share. Nothing is tried again: nothing may fail."""
    for request in waiting:
        if not poster.post(request):
            ledger.fault(f"{request.chunks[0][0]}: not acknowledged")


class Shared:
    """An iterator for many threads."""

    def __init__(self, items):
        self.lock, self.items = threading.Lock(), iter(items)

    def __iter__(self):
        return self

    def __next__(self):
        with self.lock:
            return next(self.items)


def require_no_deadlock(cluster):
    deadlocks = cluster.ask("SELECT sum(deadlocks) FROM pg_stat_database")[0][0]
    if deadlocks or "deadlock detected" in cluster.log():
        raise BrokenPromise(f"PostgreSQL counts {deadlocks} deadlocks")


def proof(options, folder, chance, stack):
    cluster = servers.separate_cluster(options, folder)
    services = [servers.service_beside(options, folder, name, cluster) for name in ("instance-1", "instance-2")]
    for service in services:
        stack.callback(service.stop)
        service.start()
    ledger, receipts, made = Ledger(), Receipts(), requests(options.chunks, chance)
    threads = []
    for service in services:
        waiting = Shared(nearby_order(made, chance))
        threads += [threading.Thread(target=send_all, daemon=True,
                                     args=(InstancePoster(ledger, service.port, receipts), waiting, ledger))
                    for _ in range(POSTERS_EACH)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(900)
    if any(thread.is_alive() for thread in threads):
        raise BrokenPromise("the posters did not end within 15 minutes")
    zeros = checking.require_kept(ledger, cluster)
    receipts.require_running_sums()
    require_no_deadlock(cluster)
    created = sum(len(of_channel) for of_channel in receipts.created.values())
    return (f"instances: 2 instances, {len(made)} requests to both, {ledger.acknowledged} chunks acknowledged,"
            f" {created} running sums exact, deadlocks 0; {zeros}")


if __name__ == "__main__":
    servers.prove(servers.arguments("two instances, the same chunks", chunks=(20000, 3000)), proof)
