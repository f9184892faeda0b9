"""PostgreSQL stops in its tracks while requests arrive: each is answered in time, and none is lost that was not refused."""

import collections
import random
import threading
import time
import uuid

from fuzzing import mutation
from fuzzing.grammar import Grammar, Request, Unexpected
from fuzzing.judge import Undocumented
from fuzzing.model import Acknowledged, Stream
from fuzzing.wire import Closed, Connection, Hung, NotHttp
from fuzzing.worker import Failure

SENDERS = 40


class Outage:
    """Requests that arrive in an outage, and again after it."""

    def __init__(self, seed, service, judge, keys):
        self.seed, self.service, self.judge, self.keys = seed, service, judge, keys
        self.statuses = collections.Counter()
        self.codes = collections.Counter()
        self.failures = []
        self.stopping = False
        self.lock = threading.Lock()
        self.acknowledged = Acknowledged()

    def run(self):
        sent = [self._prepare(number) for number in range(SENDERS)]
        stopped = self.service.pause_database()
        try:
            # One chunk takes the lane with it, so that the others wait in the queue.
            first = self._start(sent[:1], during=True)
            self._await_taken()
            self._join(first + self._start(sent[1:], during=True))
        finally:
            self.service.resume_database(stopped)
        self.service.await_ready()
        self._join(self._start(sent[:SENDERS // 2], during=False))
        return self

    def stop(self):
        """Stops the service while requests wait for PostgreSQL: each is answered, or its connection ends."""
        stopped = self.service.pause_database()
        try:
            first = self._start([self._prepare(SENDERS)], during=True)
            self._await_taken()
            rest = self._start([self._prepare(SENDERS + 1 + number) for number in range(SENDERS // 4)], during=True)
            self._await_queued(len(rest))
            self.stopping = True
            self.service.process.terminate()
            self._join(first + rest)
        finally:
            self.service.resume_database(stopped)
        return self

    def _await_queued(self, least):
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline and self._figures().get("metrology_ingest_queued_requests", 0) < least:
            time.sleep(0.02)

    def _await_taken(self):
        """Waits until a chunk is in flight, and none is queued."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            figures = self._figures()
            if figures.get("metrology_ingest_requests_in_flight") == 1 and figures.get("metrology_ingest_queued_requests") == 0:
                return
            time.sleep(0.02)

    def _figures(self):
        connection = Connection(self.service.port)
        try:
            connection.send(mutation.encode(random.Random(0), Request("figures", "GET", "/actuator/prometheus"), self._key()))
            lines = connection.answer().body.decode().splitlines()
        finally:
            connection.close()
        return {line.split()[0]: float(line.split()[1]) for line in lines if line and line[0] != "#" and "{" not in line}

    def _key(self):
        return [("X-API-KEY", self.keys.all[0])]

    def _prepare(self, number):
        rng = random.Random("%s/outage/%d" % (self.seed, number))
        stream = Stream(str(uuid.UUID(int=rng.getrandbits(128))), known=False)
        stream.names = ["thickness"]
        if number < SENDERS // 2 or number >= SENDERS:
            request = Grammar(rng, 0, 1, []).chunk(stream)
            request.query = []
        else:
            request = Request("read", "GET", rng.choice(
                ["/metrology/streams", "/metrology/stream/%s" % stream.data_id, "/metrology/%s/timeseries/" % stream.data_id,
                 "/actuator/health/readiness"]))
        request.codes = None
        return request, mutation.encode(rng, request, self._key())

    def _start(self, prepared, during):
        threads = [threading.Thread(target=self._send, args=one + (during,)) for one in prepared]
        for thread in threads:
            thread.start()
        return threads

    def _join(self, threads):
        for thread in threads:
            thread.join()

    def _send(self, request, sent, during):
        answer = None
        connection = Connection(self.service.port)
        try:
            connection.send(sent)
            answer = connection.answer(request.method)
            code, body = self.judge.check(answer, request.method, request.target(), sent, outage=during)
            with self.lock:
                self.statuses[answer.status] += 1
                self.codes[code] += 1 if code else 0
                if answer.status == 201:
                    self.acknowledged.take(body, answer.header("Chunk-Hash"))
                elif body is not None and "stored" in body and body["stored"] is None:
                    self.acknowledged.doubt(request.stream.data_id)
            if not during and answer.status != 201:
                raise Unexpected("not stored after the outage")
        except Closed as failure:
            self.statuses["closed"] += 1
            if not self.stopping:
                self._fail(failure, sent, None)
        except (Hung, NotHttp, Undocumented, Unexpected) as failure:
            self._fail(failure, sent, answer)
        finally:
            connection.close()

    def _fail(self, failure, sent, answer):
        with self.lock:
            self.failures.append(Failure(self.seed, -1, 0, "outage: %s: %s" % (type(failure).__name__, failure), sent, answer,
                                         isinstance(failure, Undocumented)))
