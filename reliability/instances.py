#!/usr/bin/env python3
"""Two instances on one database get the same chunks at the same time, each in an order of its own.

    target/python/bin/python reliability/instances.py [--chunks 20000] [--short]

No answer but 201, no deadlock, and in channels that only grow the answers' total_points are exactly the running sums.
"""

import collections
import json
import threading

import checking
import servers
from posting import Content, Ledger, Poster, Request, Sender, Streams, await_end
from servers import BrokenPromise

POSTERS_EACH = 8
CHANNELS = 6

# How far apart in the two orders a request may be, and how far one instance ahead: so that both often get it at once.
SPREAD = 24
AHEAD = 2

# Of all chunks, at least so many must have been on their way to both instances at once.
LEAST_AT_ONCE = 0.05


class Receipts:
    """The answers that say created, by channel: (total_points, points)."""

    def __init__(self):
        self.lock = threading.Lock()
        self.created = {}

    def note(self, channel, total_points, points):
        with self.lock:
            self.created.setdefault(channel, []).append((total_points, points))

    def require_running_sums(self, made):
        """Each chunk was new once, at one of the instances: ordered by their totals, each adds just its own points."""
        for channel, count in collections.Counter(key[:2] for request in made for key, _ in request.chunks
                                                  if key[1].startswith("grows")).items():
            created, total = self.created.get(channel, []), 0
            if len(created) != count:
                raise BrokenPromise(f"{channel}: {count} chunks were sent, and {len(created)} called new")
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


class InstanceSender(Sender):
    """Takes one after the other from what all senders of an instance share. Nothing is tried again: nothing may fail."""

    def __init__(self, poster, waiting):
        super().__init__(poster.ledger)
        self.poster, self.waiting = poster, waiting

    def send(self):
        for request in self.waiting:
            if not self.poster.post(request):
                self.ledger.fault(f"{request.chunks[0][0]}: not acknowledged")


class Pace:
    """Keeps the instances together: how many requests each has taken."""

    def __init__(self, instances):
        self.condition, self.taken = threading.Condition(), [0] * instances

    def take(self, instance):
        with self.condition:
            self.condition.wait_for(lambda: self.taken[instance] - min(self.taken) <= AHEAD)
            self.taken[instance] += 1
            self.condition.notify_all()


class Shared:
    """An iterator for many threads."""

    def __init__(self, items, instance, pace):
        self.lock, self.items, self.instance, self.pace = threading.Lock(), iter(items), instance, pace

    def __iter__(self):
        return self

    def __next__(self):
        with self.lock:
            item = next(self.items)
            self.pace.take(self.instance)
            return item


def at_once(ledger):
    """The part of all chunks that were on their way to both instances at the same time."""
    def overlap(entry):
        first, second = sorted(entry.attempts, key=lambda attempt: attempt.begun)[:2]
        return second.begun < first.ended
    return sum(map(overlap, ledger.entries.values())) / len(ledger.entries)


def require_no_deadlock(cluster):
    deadlocks = cluster.ask("SELECT sum(deadlocks) FROM pg_stat_database")[0][0]
    if deadlocks or "deadlock detected" in cluster.log():
        raise BrokenPromise(f"PostgreSQL counts {deadlocks} deadlocks")


def proof(options, folder, chance, stack):
    cluster = servers.separate_cluster(options, folder, stack)
    services = [servers.service_beside(options, folder, name, cluster) for name in ("instance-1", "instance-2")]
    for service in services:
        stack.callback(service.stop)
        service.start()
    ledger, receipts, made = Ledger(), Receipts(), requests(options.chunks, chance)
    senders, pace = [], Pace(len(services))
    for instance, service in enumerate(services):
        waiting = Shared(nearby_order(made, chance), instance, pace)
        senders += [InstanceSender(InstancePoster(ledger, service.port, receipts), waiting)
                    for _ in range(POSTERS_EACH)]
    for sender in senders:
        sender.start()
    await_end(senders, ledger, 900)
    zeros = checking.require_kept(ledger, cluster)
    receipts.require_running_sums(made)
    require_no_deadlock(cluster)
    together = at_once(ledger)
    if together < LEAST_AT_ONCE:
        raise BrokenPromise(f"only {together:.0%} of the chunks were on their way to both instances at once")
    created = sum(len(of_channel) for of_channel in receipts.created.values())
    return (f"instances: 2 instances, {len(made)} requests to both, {ledger.chunks} chunks acknowledged,"
            f" {together:.0%} on their way to both at once,"
            f" {created} running sums exact, deadlocks 0; {zeros}")


if __name__ == "__main__":
    servers.prove(servers.arguments("two instances, the same chunks", chunks=(20000, 3000)), proof)
