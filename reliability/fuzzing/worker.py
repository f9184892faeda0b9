"""One worker: sends its requests over its own connections, and judges each answer."""

import collections
import random
import re
import time

from fuzzing import framing
from fuzzing import judge as judging
from fuzzing import mutation
from fuzzing.grammar import Grammar, Unexpected
from fuzzing.judge import Undocumented
from fuzzing.model import Acknowledged, Stream, content_hash
from fuzzing.wire import PATIENCE, Closed, Connection, Hung, NotHttp

# Parts of all requests: bytes changed in the body; bytes changed anywhere; lies about framing; stalls.
SPOILED_BODY, SPOILED, MISFRAMED, STALLED = 0.09, 0.08, 0.06, 0.0006

# The number of the request in whose middle each worker stalls, however few it has.
FIRST_STALL = 20

# As many as the first worker needs to meet every code for certain.
FEWEST_FOR_ALL_CODES = 80

MOST_FAILURES = 10

UUIDS = re.compile(judging.UUID.encode())


class Failure:
    """What a person needs to see and repeat what went wrong."""

    def __init__(self, seed, worker, number, reason, sent, answer, undocumented=False):
        self.seed, self.worker, self.number, self.reason, self.sent = seed, worker, number, reason, sent
        self.undocumented = undocumented
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

    def __init__(self, seed, worker, workers, port, judge, keys, shared):
        self.seed, self.worker, self.port, self.keys = seed, worker, port, keys
        # Of its own for each worker, so that one worker's requests do not depend on the others' pace.
        self.rng = random.Random("%s/%d" % (seed, worker))
        self.grammar = Grammar(self.rng, worker, workers, shared)
        self.judge = judge
        self.certain = self._every_code() if worker == 0 else iter(())
        self.acknowledged = Acknowledged()
        self.statuses = collections.Counter()
        self.codes = collections.Counter()
        self.kinds = collections.Counter()
        self.failures = []
        self.connection = None
        self.wild = None
        self.number = 0

    def run(self, requests):
        while self.number < requests and len(self.failures) < MOST_FAILURES:
            self.number += 1
            self.one()
        self._drop()
        return Account(self)

    def one(self):
        if self.number == FIRST_STALL:
            return self.stalled_in_body()
        for request, sent in self.certain:
            return self._exchange(request.kind, request, sent)
        chance = self.rng.random()
        for part, send in ((SPOILED_BODY, self.spoiled_body), (SPOILED, self.spoiled), (MISFRAMED, self.misframed),
                           (STALLED, self.stalled)):
            if chance < part:
                return send()
            chance -= part
        self.well_formed()

    def _every_code(self):
        """What reaches each code of the catalogue, however few requests there are."""
        for request in filter(None, self.grammar.every_code()):
            yield request, mutation.encode(self.rng, request, self.keys.headers_for(self.rng, request, None))
        for code in ("api_key_missing", "api_key_invalid", "api_key_revoked", "api_key_expired", "scope_missing"):
            request = self.grammar.listing()
            headers = self.keys.headers_for(self.rng, request, code)
            yield request.fails(code), mutation.encode(self.rng, request, headers)

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

    def stalled_in_body(self):
        """Stops in the middle of a chunk, whose sender has to be told."""
        request = self.grammar.chunk(self._wild())
        sent = mutation.encode(self.rng, request, self.keys.headers_for(self.rng, request, None), chunked=False)
        answers = self._stall(sent, self.rng.randrange(sent.index(b"\r\n\r\n") + 4, len(sent)), trickle=False)
        if [answer.status for answer in answers] != [408]:
            self._fail("stalled in its body, it was not answered 408", sent, answers[0] if answers else None)

    def stalled(self):
        """Stops sending, and does not hang up: the service has to end it."""
        sent = self._encode(self._wild_request())
        least = sent.index(b"\r\n\r\n") + 4 if self.rng.random() < 0.5 else 1
        self._stall(sent, self.rng.randrange(min(least, len(sent) - 1), len(sent)), trickle=self.rng.random() < 0.5)

    def _stall(self, sent, cut, trickle):
        self.kinds["stalled"] += 1
        connection = Connection(self.port)
        try:
            connection.send(sent[:cut])
            trickled = self._trickle(connection, sent[cut:]) if trickle else 0
            return self._answers(connection, sent[:cut + trickled], ended=cut + trickled == len(sent))
        except Hung as failure:
            self._fail("hung: %s" % failure, sent[:cut], None)
            return []
        finally:
            connection.close()

    def _trickle(self, connection, rest):
        """A byte now and then, until the service has had enough or all is sent; returns how many."""
        connection.socket.settimeout(0.3)
        deadline = time.monotonic() + 8
        trickled = 0
        while trickled < len(rest) and time.monotonic() < deadline:
            connection.send(rest[trickled:trickled + 1])
            trickled += 1
            try:
                more = connection.socket.recv(1 << 16)
            except OSError as failure:
                more = None if "timed out" in str(failure) else b""
            if more is not None:
                connection.received += more
                break
        if trickled == len(rest):
            connection.end_sending()
        connection.socket.settimeout(PATIENCE)
        return trickled

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
            if kind == "spoiled body":
                self._note(answer, sent, body)
            request.judge(answer, code, body)
        except (Hung, Closed, NotHttp) as failure:
            self._drop()
            if "uri_too_long" in (request.codes or ()) and framing.has_lost_its_head(getattr(failure, "received", b"")):
                self.statuses["without a head"] += 1
                return
            self._fail("%s: %s" % (type(failure).__name__, failure), sent, answer)
        except (Undocumented, Unexpected) as failure:
            self._fail("%s: %s" % (type(failure).__name__.lower(), failure), sent, answer, isinstance(failure, Undocumented))

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
        connection = Connection(self.port)
        try:
            connection.send(sent)
            connection.end_sending()
            self._answers(connection, sent, ended=True)
        except Hung as failure:
            self._fail("hung: %s" % failure, sent, None)
        finally:
            connection.close()

    def _answers(self, connection, sent, ended):
        """Takes and judges all answers, which may be none only where nobody can expect one."""
        answers = []
        try:
            for answer in connection.answers(judging.method_of(sent)):
                answers.append(answer)
        except NotHttp as failure:
            if framing.has_no_version(sent, len(answers)):
                self.statuses["HTTP/0.9"] += 1
            elif framing.has_lost_its_head(failure.received):
                self.statuses["without a head"] += 1
            else:
                self._fail("no HTTP: %s" % failure, sent, None)
        else:
            if not answers:
                self.statuses["closed"] += 1
                if not framing.may_go_unanswered(sent, ended):
                    self._fail("closed without an answer", sent, None)
        for number, answer in enumerate(answers):
            self._judge_thrown(answer, "answer %d of %d" % (number + 1, len(answers)), sent, is_first=number == 0)
        return answers

    def _judge_thrown(self, answer, what, sent, is_first):
        method, target = judging.line(sent)
        # Tomcat answers that by itself, with no id.
        if sent.startswith(b"OPTIONS *"):
            return
        try:
            later = "HEAD" if not answer.body and answer.header("Content-Length") not in (None, "0") else "GET"
            _, body = self._check(answer, method if is_first else later, target if is_first else None, sent)
            self._note(answer, sent, body)
        except (Undocumented, NotHttp) as failure:
            self._fail("%s is %s: %s" % (what, type(failure).__name__.lower(), failure), sent, answer,
                       isinstance(failure, Undocumented))

    def _check(self, answer, method, target, sent):
        self.statuses[answer.status] += 1
        code, body = self.judge.check(answer, method, target, sent)
        if code is not None:
            self.codes[code] += 1
        if code == "internal_error":
            raise Undocumented("the service failed")
        return code, body

    def _note(self, answer, sent, body):
        """Keeps what was done for a request of which nothing was foretold; any other answer says that nothing was."""
        named = {data_id.decode().lower() for data_id in UUIDS.findall(sent)}
        if answer.status == 201:
            self._take(answer, sent, judging.parse(answer.body) if body is None else body)
        elif answer.status == 204 and len(named) == 1:
            self.acknowledged.delete(named.pop())
        elif answer.status == 204 or (answer.status in (500, 503) and (body or {}).get("stored") is not False):
            for data_id in named:
                self.acknowledged.doubt(data_id)

    def _take(self, answer, sent, body):
        if "processed_data_id" in body:
            self.acknowledged.make(body["data_id"])
        elif isinstance(body, list):
            hashes = _channel_hashes(framing.json_body(sent))
            for receipt in body:
                self.acknowledged.take(receipt, hashes.get(receipt["channel_name"]))
        else:
            self.acknowledged.take(body, answer.header("Chunk-Hash"))

    def _drop(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def _fail(self, reason, sent, answer, undocumented=False):
        self.failures.append(Failure(self.seed, self.worker, self.number, reason, sent, answer, undocumented))


def _channel_hashes(body):
    """The hash of each channel's chunk in the body of a multi-chunk, as far as it could be read."""
    try:
        return {name: content_hash(samples["timestamps"], samples["values"]) for name, samples in body["channels"].items()}
    except (TypeError, KeyError, AttributeError):
        return {}
