"""One worker: sends its requests over its own connections, and judges each answer."""

import collections
import random
import re
import time

from fuzzing import judge as judging
from fuzzing import mutation
from fuzzing.grammar import Grammar, Unexpected
from fuzzing.judge import Judge, Undocumented
from fuzzing.model import Acknowledged, Stream
from fuzzing.wire import PATIENCE, Closed, Connection, Hung, NotHttp

# Parts of all requests: bytes changed in the body; bytes changed anywhere; lies about framing; stalls.
SPOILED_BODY, SPOILED, MISFRAMED, STALLED = 0.09, 0.08, 0.06, 0.0006

# The number of the request in whose middle each worker stalls, however few it has.
FIRST_STALL = 20

MOST_FAILURES = 10

UUIDS = re.compile(judging.UUID.encode())


class Failure:
    """What a person needs to see and repeat what went wrong."""

    def __init__(self, seed, worker, number, reason, sent, answer):
        self.seed, self.worker, self.number, self.reason, self.sent = seed, worker, number, reason, sent
        self.answer = None if answer is None else (answer.status, answer.headers, answer.body[:1000])

    def __str__(self):
        shown = repr(self.sent) if len(self.sent) <= 1500 else "%r … %r (%d bytes)" % (
            self.sent[:1000], self.sent[-400:], len(self.sent))
        return "seed %s, worker %d, request %d: %s\n  sent %s\n  answer %s" % (
            self.seed, self.worker, self.number, self.reason, shown, self.answer)


class Account:
    """What a worker found, and what it knows to be stored."""

    def __init__(self, worker):
        self.statuses, self.codes, self.kinds = worker.statuses, worker.codes, worker.kinds
        self.failures = worker.failures
        self.streams = [stream for stream in worker.grammar.streams + worker.grammar.retired if stream.known]
        self.acknowledged = worker.acknowledged


class Worker:
    """Sends requests by chance and keeps account."""

    def __init__(self, seed, worker, workers, port, openapi, keys, shared):
        self.seed, self.worker, self.port, self.keys = seed, worker, port, keys
        # Of its own for each worker, so that one worker's requests do not depend on the others' pace.
        self.rng = random.Random("%s/%d" % (seed, worker))
        self.grammar = Grammar(self.rng, worker, workers, shared, keys is not None)
        self.judge = Judge(openapi)
        self.acknowledged = Acknowledged()
        self.statuses = collections.Counter()
        self.codes = collections.Counter()
        self.kinds = collections.Counter()
        self.failures = []
        self.connection = None
        self.wild = None
        self.stalls = 0
        self.number = 0

    def run(self, requests):
        while self.number < requests and len(self.failures) < MOST_FAILURES:
            self.number += 1
            self.one()
        self._drop()
        return Account(self)

    def one(self):
        chance = self.rng.random()
        if self.number == FIRST_STALL:
            return self.stalled()
        for part, send in ((SPOILED_BODY, self.spoiled_body), (SPOILED, self.spoiled), (MISFRAMED, self.misframed),
                           (STALLED, self.stalled)):
            if chance < part:
                return send()
            chance -= part
        self.well_formed()

    def well_formed(self):
        request = self.grammar.next()
        request.acknowledged = self.acknowledged
        sent = self._encode(request)
        self._exchange(request.kind, request, sent)

    def spoiled_body(self):
        """A body of any bytes, in a request that is well-formed as HTTP."""
        request = self._wild_request()
        if request.body is None:
            return self.well_formed()
        request.body = mutation.spoil(self.rng, request.body)
        request.fails().codes = None
        self._exchange("spoiled body", request, self._encode(request))

    def spoiled(self):
        self._throw("spoiled", mutation.spoil(self.rng, self._encode(self._wild_request())))

    def misframed(self):
        request = self._wild_request()
        request.headers += self._key_headers(request)
        self._throw("misframed", mutation.misframe(self.rng, request))

    def stalled(self):
        """Stops sending, and does not hang up: the service has to end it."""
        # At least once in the middle of a body, which must be answered.
        request = self._wild_request() if self.stalls else self.grammar.chunk(self._wild())
        self.stalls += 1
        sent = self._encode(request)
        least = sent.index(b"\r\n\r\n") + 4 if self.stalls == 1 or self.rng.random() < 0.5 else 1
        cut = self.rng.randrange(min(least, len(sent) - 1), len(sent))
        self.kinds["stalled"] += 1
        connection, answers = Connection(self.port), []
        try:
            connection.send(sent[:cut])
            if self.rng.random() < 0.5:
                self._trickle(connection, sent[cut:])
            answers = connection.answers(judging.method_of(sent))
        except Hung as failure:
            self._fail("hung: %s" % failure, sent[:cut], None)
        except NotHttp as failure:
            self._fail("no HTTP: %s" % failure, sent[:cut], None)
        finally:
            connection.close()
        self._judge_thrown(sent, answers)

    def _trickle(self, connection, rest):
        """A byte now and then, until the service has had enough or all is sent."""
        connection.socket.settimeout(0.3)
        deadline = time.monotonic() + 8
        while rest and time.monotonic() < deadline:
            connection.send(rest[:1])
            rest = rest[1:]
            try:
                more = connection.socket.recv(1 << 16)
            except OSError as failure:
                more = None if "timed out" in str(failure) else b""
            if more is not None:
                connection.received += more
                break
        if not rest:
            connection.end_sending()
        connection.socket.settimeout(PATIENCE)

    def _wild_request(self):
        """A request to a stream of which nothing is foretold."""
        grammar = self.grammar
        return self.rng.choices(
            [grammar.chunk, grammar.multi, grammar.finish, grammar.describe, grammar.points, grammar.table, grammar.timeseries,
             grammar.held, grammar.units, grammar.delete, grammar.initialize],
            [12, 4, 0.4, 1, 2, 1, 2, 2, 2, 0.05, 1])[0](self._wild())

    def _wild(self):
        if self.wild is None or self.rng.random() < 0.01:
            self.wild = Stream(self.grammar.data_id(), known=True)
            self.wild.names = ["thickness", "a/b~c", "°C"]
        return self.wild

    def _key_headers(self, request):
        if self.keys is None:
            return []
        headers, code = self.keys.headers(self.rng, request)
        if code is not None:
            request.fails(code)
        return headers

    def _encode(self, request):
        return mutation.encode(self.rng, request, self._key_headers(request))

    def _exchange(self, kind, request, sent):
        """Sends what is well-formed on a kept connection; there must be one answer."""
        self.kinds[kind] += 1
        answer = None
        try:
            answer = self._answer(request.method, sent)
            code, body = self._check(answer, request.method, request.target(), sent)
            self._note(answer, sent, body, uncertain=kind != "spoiled body")
            request.judge(answer, code, body)
        except (Hung, Closed, NotHttp) as failure:
            self._drop()
            self._fail("%s: %s" % (type(failure).__name__, failure), sent, answer)
        except (Undocumented, Unexpected) as failure:
            self._fail("%s: %s" % (type(failure).__name__.lower(), failure), sent, answer)

    def _answer(self, method, sent):
        if self.connection is None or self.rng.random() < 0.002:
            self._drop()
            self.connection = Connection(self.port)
        self.connection.send(sent)
        answer = self.connection.answer(method)
        if self.connection.received:
            raise NotHttp("more than one answer: %r" % self.connection.received[:200])
        if answer.closes():
            self._drop()
        return answer

    def _throw(self, kind, sent):
        """Sends any bytes on a connection of their own, and takes what comes until its end."""
        self.kinds[kind] += 1
        connection, answers = Connection(self.port), []
        try:
            connection.send(sent)
            connection.end_sending()
            answers = connection.answers(judging.method_of(sent))
        except Hung as failure:
            self._fail("hung: %s" % failure, sent, None)
        except NotHttp as failure:
            if not _is_http_0_9(sent, failure.received):
                self._fail("no HTTP: %s" % failure, sent, None)
        finally:
            connection.close()
        self._judge_thrown(sent, answers)

    def _judge_thrown(self, sent, answers):
        for data_id in set(UUIDS.findall(sent)):
            self.acknowledged.doubt(data_id.decode().lower())
        if not answers:
            self.statuses["closed"] += 1
            self._doubt_deletion(sent)
        method, target = judging.line(sent)
        # Tomcat answers that by itself, with no id.
        for number, answer in enumerate(answers if not sent.startswith(b"OPTIONS *") else []):
            try:
                first = number == 0
                _, body = self._check(answer, method if first else "GET", target if first else None, sent)
                self._note(answer, sent, body, uncertain=len(answers) > 1)
            except (Undocumented, NotHttp) as failure:
                self._fail("answer %d of %d is %s: %s" % (number + 1, len(answers), type(failure).__name__.lower(), failure),
                           sent, answer)

    def _check(self, answer, method, target, sent):
        self.statuses[answer.status] += 1
        code, body = self.judge.check(answer, method, target, sent)
        if code is not None:
            self.codes[code] += 1
        if code == "internal_error":
            raise Undocumented("the service failed")
        return code, body

    def _note(self, answer, sent, body, uncertain):
        """Keeps the receipts of a stream of which nothing is foretold."""
        if self.wild is None or self.wild.data_id.encode() not in sent.lower():
            return
        if answer.status == 204:
            self._doubt_deletion(b"DELETE" + sent)
        if answer.status != 201:
            return
        if body is None:
            try:
                body = judging.parse(answer.body)
            except Undocumented:
                return
        for receipt in body if isinstance(body, list) else [body]:
            if "chunk_index" in receipt:
                self.acknowledged.take(receipt, None if uncertain else answer.header("Chunk-Hash"))

    def _doubt_deletion(self, sent):
        if b"DELETE" in sent:
            self.acknowledged.deleted.update(data_id.decode().lower() for data_id in UUIDS.findall(sent))

    def _drop(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def _fail(self, reason, sent, answer):
        self.failures.append(Failure(self.seed, self.worker, self.number, reason, sent, answer))


def _is_http_0_9(sent, received):
    """Whether a line has no version: the answer to it is a body and nothing else."""
    line = sent.lstrip(b"\r\n").split(b"\n", 1)[0].strip()
    return len(line.split()) < 3 or b"HTTP" not in line or received.startswith(b'{"type":"urn:metrology-ingest:error:')
