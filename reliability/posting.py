"""Posters, and the ledger in which they note what they sent and what was answered."""

import collections
import hashlib
import http.client
import itertools
import json
import struct
import threading
import time
import uuid

from servers import KEY, BrokenPromise

MISSING = float("nan")
NEVER = float("inf")


class Content:
    """The points of a chunk, with the hash that the service is to store beside them."""

    __slots__ = ("timestamps", "values", "hash")

    def __init__(self, timestamps, values):
        self.timestamps, self.values = timestamps, values
        count = len(timestamps)
        doubles = timestamps + [MISSING if value is None else value for value in values]
        self.hash = hashlib.sha256(struct.pack(f">{2 * count}d", *doubles)).digest()

    @classmethod
    def any(cls, chance):
        """Mostly a few points, with doubles of all digits and some values missing; different each time."""
        count = chance.choice((1, 3, 7, 12, 20, 20, 40, 150))
        begin = chance.uniform(0, 2e9)
        return cls([begin + chance.random() for _ in range(count)],
                   [None if chance.random() < 0.03 else chance.gauss(0, 1e3) for _ in range(count)])

    @property
    def fields(self):
        return {"timestamps": self.timestamps, "values": self.values}


class Request:
    """What is posted at once: the chunks, each a key (data_id, channel, chunk_index) and its content."""

    def __init__(self, path, document, chunks):
        self.path, self.body, self.chunks = path, json.dumps(document).encode(), chunks

    @classmethod
    def single(cls, key, content, units=None):
        data_id, channel, index = key
        document = {"data_id": data_id, "chunk_index": index, "channel_name": channel, **content.fields}
        if units:
            document["units"] = units
        return cls("/metrology/stream/chunk", document, [(key, content)])

    @classmethod
    def multi(cls, data_id, index, contents):
        """One chunk for each channel of a dict, in its order."""
        document = {"data_id": data_id, "chunk_index": index,
                    "channels": {channel: content.fields for channel, content in contents.items()}}
        return cls("/metrology/stream/chunk/multi", document,
                   [((data_id, channel, index), content) for channel, content in contents.items()])


class Attempt:
    """A try to store one chunk. It may take effect from begun to ended; void means that it surely did not."""

    __slots__ = ("hash", "points", "begun", "ended", "stored", "void", "delivery")

    def __init__(self, content, delivery):
        self.hash, self.points, self.delivery = content.hash, len(content.timestamps), delivery
        self.begun, self.ended, self.stored, self.void = time.monotonic(), NEVER, False, False


class Sums:
    """Between which bounds a channel's total_points must lie, from what is noted of its chunks."""

    __slots__ = ("least", "most", "lowered")

    def __init__(self):
        # lowered: by how much least ever went down, as it does when something shorter is sent for a key.
        self.least, self.most, self.lowered = 0, 0, 0


class Entry:
    """All attempts for one key."""

    __slots__ = ("attempts", "shortest", "longest", "acknowledged")

    def __init__(self):
        self.attempts, self.shortest, self.longest, self.acknowledged = [], None, 0, False

    def possible(self):
        """The attempts whose content may be the stored one: each that no acknowledged one surely came after."""
        latest = max((attempt.begun for attempt in self.attempts if attempt.stored), default=0)
        return [attempt for attempt in self.attempts if not attempt.void and attempt.ended >= latest]


class Delivery:
    """A try of a request: an attempt for each chunk, and each channel's bounds when it began."""

    def __init__(self, request):
        self.request = request
        self.attempts, self.before = [], []


class Ledger:
    """chunks: how many different ones were acknowledged; answers: how often any was; refusals: how many requests were
    refused, as they may be; failures: why requests were not acknowledged, by code; streams: those that were made."""

    def __init__(self):
        self.lock = threading.Lock()
        self.entries, self.sums, self.multis = {}, {}, {}
        self.chunks, self.answers, self.refusals, self.lost, self.faults, self.streams = 0, 0, 0, [], [], []
        self.failures = collections.Counter()

    def begin(self, request):
        delivery = Delivery(request)
        with self.lock:
            for key, content in request.chunks:
                attempt = Attempt(content, delivery)
                entry = self.entries.setdefault(key, Entry())
                entry.attempts.append(attempt)
                delivery.attempts.append(attempt)
                self._widen(entry, self.sums.setdefault(key[:2], Sums()), attempt.points)
            if len(request.chunks) > 1:
                self.multis[frozenset(key for key, _ in request.chunks)] = None
            for key, _ in request.chunks:
                sums = self.sums[key[:2]]
                delivery.before.append((sums.least, sums.lowered))
        return delivery

    @staticmethod
    def _widen(entry, sums, points):
        sums.most += max(0, points - entry.longest)
        entry.longest = max(entry.longest, points)
        if entry.shortest is None:
            entry.shortest = points
        elif points < entry.shortest:
            if entry.acknowledged:
                sums.least -= entry.shortest - points
                sums.lowered += entry.shortest - points
            entry.shortest = points

    def stored(self, delivery, receipts):
        """The request was acknowledged, with these receipts in the order of its chunks; None where they did not come."""
        now = time.monotonic()
        with self.lock:
            if receipts is not None and len(receipts) != len(delivery.attempts):
                self.faults.append(f"{len(receipts)} receipts for {len(delivery.attempts)} chunks")
                receipts = None
            for (key, _), attempt, before, receipt in zip(delivery.request.chunks, delivery.attempts, delivery.before,
                                                          receipts or itertools.repeat(None)):
                attempt.stored, attempt.ended = True, now
                if receipt is not None:
                    self._check(key, attempt, before, receipt)
                entry = self.entries[key]
                if not entry.acknowledged:
                    entry.acknowledged = True
                    self.sums[key[:2]].least += entry.shortest
                    self.chunks += 1
                self.answers += 1

    def _check(self, key, attempt, before, receipt):
        sums = self.sums[key[:2]]
        least = max(attempt.points, before[0] - (sums.lowered - before[1]))
        named = (receipt["data_id"], receipt["channel_name"], receipt["chunk_index"])
        if named != key or not least <= receipt["total_points"] <= sums.most:
            self.faults.append(f"{key}: answered {receipt}, with total_points to be from {least} to {sums.most}")

    def refused(self, delivery):
        """The answer says that nothing was stored."""
        with self.lock:
            self.refusals += 1
            for attempt in delivery.attempts:
                attempt.void = True

    def failed(self, code):
        with self.lock:
            self.failures[code] += 1

    def left_open(self, delivery):
        """There was no answer, or none that knows."""
        with self.lock:
            self.lost += delivery.attempts

    def close_open(self):
        """Whatever was left open is decided by now: nobody who might still carry it out is alive."""
        now = time.monotonic()
        with self.lock:
            for attempt in self.lost:
                attempt.ended = now
            self.lost = []

    def fault(self, text):
        with self.lock:
            self.faults.append(text)


class Poster:
    """A client with one connection that it keeps, and opens again when it breaks.

    breaks: whether an answer may break off on its way.
    """

    REFUSALS = ("database_unavailable", "overloaded", "stopping")

    def __init__(self, ledger, port, timeout=30, breaks=False):
        self.ledger, self.timeout, self.breaks = ledger, timeout, breaks
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def post(self, request):
        """Tries once; whether it was acknowledged."""
        delivery = self.ledger.begin(request)
        try:
            self.connection.request("POST", request.path, request.body,
                                    {"Content-Type": "application/json", "X-API-KEY": KEY})
            answer = self.connection.getresponse()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.ledger.failed("no answer")
            self.ledger.left_open(delivery)
            return False
        body = self.rest_of(answer)
        if body is None and not self.breaks:
            self.ledger.fault(f"{request.chunks[0][0]}: an answer {answer.status} broke off")
        if answer.status == 201:
            self.acknowledge(delivery, body, answer)
            return True
        self.refuse(delivery, body, answer)
        return False

    def initialize(self, document):
        """Makes a stream; whether that was acknowledged."""
        try:
            self.connection.request("POST", "/metrology/stream/initialize", json.dumps(document),
                                    {"Content-Type": "application/json", "X-API-KEY": KEY})
            answer = self.connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.ledger.failed("no answer")
            return False
        if answer.status == 503:
            self.ledger.failed(json.loads(body)["code"])
        if answer.status == 201:
            self.ledger.streams.append(json.loads(body)["data_id"])
        elif answer.status != 503:
            self.ledger.fault(f"initialize: answered {answer.status} {body[:300]}")
        return answer.status == 201

    def rest_of(self, answer):
        """None where it breaks off. What its first line says holds all the same."""
        try:
            body = answer.read()
            if body:
                return body
        except (OSError, http.client.HTTPException):
            pass
        self.connection.close()
        return None

    def acknowledge(self, delivery, body, answer):
        document = json.loads(body) if body else None
        self.ledger.stored(delivery, [document] if isinstance(document, dict) else document)
        # Where the body is whole, so are the headers.
        if body and len(delivery.attempts) == 1 and answer.headers.get("Chunk-Hash") != delivery.attempts[0].hash.hex():
            self.ledger.fault(f"{delivery.request.chunks[0][0]}: another Chunk-Hash than that of what was sent")

    def refuse(self, delivery, body, answer):
        problem = json.loads(body) if body else {}
        self.ledger.failed(problem.get("code", "no answer"))
        if body and (answer.status != 503 or problem.get("code") not in self.REFUSALS or "stored" not in problem
                     or not answer.headers.get("Retry-After")):
            self.ledger.fault(f"{delivery.request.chunks[0][0]}: answered {answer.status} {body[:300]}")
        if problem.get("stored") is False:
            self.ledger.refused(delivery)
        else:
            self.ledger.left_open(delivery)


class Sender(threading.Thread):
    """Does send(); if that ends by an exception, this is a fault."""

    def __init__(self, ledger):
        super().__init__(daemon=True)
        self.ledger = ledger

    def run(self):
        try:
            self.send()
        except Exception as unexpected:
            self.ledger.fault(f"a poster failed: {unexpected!r}")
            raise


def await_end(senders, ledger, seconds):
    """Waits until all have ended. With a fault in the ledger it does not matter any more whether they do."""
    deadline = time.monotonic() + seconds
    while any(sender.is_alive() for sender in senders):
        if ledger.faults:
            raise BrokenPromise("an answer was wrong: " + ledger.faults[0])
        if time.monotonic() > deadline:
            raise BrokenPromise(f"not all was acknowledged within {seconds} s")
        time.sleep(0.05)


class Gate:
    """Where posters wait between two tries while it is closed."""

    def __init__(self):
        self.condition = threading.Condition()
        self.is_open, self.waiting = True, 0

    def open(self):
        with self.condition:
            self.is_open = True
            self.condition.notify_all()

    def close(self):
        with self.condition:
            self.is_open = False

    def go_through(self):
        with self.condition:
            self.waiting += 1
            self.condition.notify_all()
            self.condition.wait_for(lambda: self.is_open)
            self.waiting -= 1

    def await_waiting(self, count, seconds):
        with self.condition:
            return self.condition.wait_for(lambda: self.waiting == count, seconds)


class Streams:
    """What posters have in common: streams, and the next free index of each channel."""

    def __init__(self, chance, count=3):
        self.data_ids = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(count)]
        self.lock = threading.Lock()
        self.next = {}

    def new_index(self, data_id, channel):
        with self.lock:
            return next(self.next.setdefault((data_id, channel), itertools.count()))


class Workload:
    """What one poster sends: new chunks in channels of its own and in shared ones, several at once, other content for
    earlier chunks, the same content again, and now and then one of a few chunks that all posters fight for."""

    SHARED = ("thickness", "Temperatur °C", "pressure")
    GROUPS = ("left", "right")

    def __init__(self, number, chance, streams):
        self.number, self.chance = number, chance
        self.use(streams)

    def use(self, streams):
        self.streams = streams
        self.own, self.own_multis = [], []

    def next(self):
        dice = self.chance.random()
        if dice < 0.12:
            return self.new_multi()
        if dice < 0.22 and self.own:
            return self.replacement()
        if dice < 0.28 and self.own:
            return Request.single(*self.chance.choice(self.own))
        if dice < 0.31:
            return Request.single((self.streams.data_ids[0], "hot", self.chance.randrange(8)),
                                  Content.any(self.chance))
        return self.new_single()

    def new_single(self):
        data_id = self.chance.choice(self.streams.data_ids)
        channel = self.chance.choice(self.SHARED + (f"own {self.number}",))
        key = (data_id, channel, self.streams.new_index(data_id, channel))
        content = Content.any(self.chance)
        self.own.append((key, content))
        return Request.single(key, content, "nm" if self.chance.random() < 0.5 else None)

    def replacement(self):
        if self.own_multis and self.chance.random() < 0.2:
            data_id, index, channels = self.chance.choice(self.own_multis)
            return self.multi(data_id, index, channels)
        place = self.chance.randrange(len(self.own))
        key, content = self.own[place][0], Content.any(self.chance)
        self.own[place] = (key, content)
        return Request.single(key, content)

    def new_multi(self):
        data_id, group = self.chance.choice(self.streams.data_ids), self.chance.choice(self.GROUPS)
        channels = [f"{group} {number}" for number in range(self.chance.randrange(2, 5))]
        index = self.streams.new_index(data_id, group)
        self.own_multis.append((data_id, index, channels))
        return self.multi(data_id, index, channels)

    def multi(self, data_id, index, channels):
        # In any order: those who lock them must not rely on it.
        order = self.chance.sample(channels, len(channels))
        return Request.multi(data_id, index, {channel: Content.any(self.chance) for channel in order})


class Persistent(Sender):
    """Sends a workload, each request until it is acknowledged; between two tries it goes through a gate."""

    def __init__(self, poster, workload, gate, enough):
        """enough() says when to send nothing new."""
        super().__init__(poster.ledger)
        self.poster, self.workload, self.gate, self.enough = poster, workload, gate, enough

    def send(self):
        request = None
        while True:
            self.gate.go_through()
            if request is None:
                if self.enough():
                    return
                request = self.workload.next()
            if self.poster.post(request):
                request = None
            else:
                time.sleep(0.02)
