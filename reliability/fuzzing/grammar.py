"""Requests of the API, valid and invalid, each with what it must be answered."""

import gzip
import json
import urllib.parse
import uuid

from fuzzing.model import Chunk, Stream

# Set for the service, so that limits are cheap to reach.
MOST_POINTS = 500
MOST_CHANNELS = 20
MOST_BODY = 64 * 1024

PREFIXES = ["/metrology", "/tool-state"]

NAMES = ["thickness", "temperature", "Temperatur °C, \"α\"", "a/b~c\\d", "%00", "null", " ", "#;?&=+", "😀" * 255,
         "x" * 255, "\u202egnol", "\uffff", "__proto__", "'; DROP TABLE chunk; --", "ﬃ", "e\u0301"]

UNITS = ["nm", "C", "µm", "", "%", "Å/s", "u" * 255]

NUMBERS = ["0", "-0", "-0.0", "0.1", "1e0", "1E+2", "12e-3", "5e-324", "-2.2250738585072014E-308",
           "1.7976931348623157e308", "0.1000000000000000055511151231257827021181583404541015625", "9007199254740993",
           "123456789012345678901234567890", "4.35", "1" + "0" * 300]

TIMES = ["0", "-0.0", "9223372036", "-9223372036.0", "1705312200.123456789", "1.7053122e9", "5e-324",
         "9223372035.999999"]

LONE_SURROGATE = "\ud800"

# More than it takes to find any request that there can be.
MOST_DRAWS = 3000


class Unexpected(Exception):
    """A documented answer, but not the one to this request."""


class Request:
    """A request and how to judge its answer."""

    def __init__(self, kind, method, path, query=(), body=None, scope="read"):
        self.kind = kind
        self.method = method
        self.path = path
        self.query = list(query)
        self.body = body
        self.scope = scope
        self.version = "HTTP/1.1"
        self.headers = []
        self.codes = None
        self.statuses = None
        self.pointer = None
        self.parameter = None
        self.verify = None
        self.stream = None

    def target(self):
        pairs = "&".join("%s=%s" % (urllib.parse.quote(name, safe=""), urllib.parse.quote(value, safe=""))
                         for name, value in self.query)
        return self.path + ("?" + pairs if self.query else "")

    def fails(self, *codes, pointer=None, parameter=None):
        """It must be refused with one of these codes, naming the culprit."""
        self.codes, self.pointer, self.parameter = set(codes), pointer, parameter
        self.statuses = self.verify = None
        return self

    def succeeds(self, status, verify=None):
        """It must succeed; verify(answer, body) raises Unexpected where it is not right."""
        self.statuses, self.verify = {status}, verify
        self.codes = self.pointer = self.parameter = None
        return self

    def judge(self, answer, code, body):
        if self.codes is not None:
            if self.method == "HEAD":
                return
            if code not in self.codes:
                raise Unexpected("%s instead of %s" % (code or answer.status, sorted(self.codes)))
            self._judge_culprit(body)
        if self.statuses is not None:
            if answer.status not in self.statuses:
                raise Unexpected("%s %s instead of %s" % (answer.status, code, sorted(self.statuses)))
            if self.verify is not None:
                self.verify(answer, body)

    def _judge_culprit(self, body):
        faults = body.get("errors", [])
        if self.pointer is not None and self.pointer not in [fault.get("pointer") for fault in faults]:
            raise Unexpected("%s is not named, but %s" % (self.pointer, faults))
        if self.parameter is not None and self.parameter not in [fault.get("parameter") for fault in faults]:
            raise Unexpected("%s is not named, but %s" % (self.parameter, faults))


class Text:
    """JSON text, with a number's own notation: a marker for what json.dumps would write in its way."""

    def __init__(self, text):
        self.text = text


def write(rng, value):
    """JSON text of a value, with white space, escapes and an order of keys by chance."""
    if isinstance(value, Text):
        return value.text
    if isinstance(value, dict):
        items = list(value.items())
        gap = rng.choice(["", "", " ", "\n\t", "\r\n"])
        return "{" + ("," + gap).join("%s:%s%s" % (_string(rng, name), gap, write(rng, item))
                                      for name, item in items) + gap + "}"
    if isinstance(value, list):
        return "[" + rng.choice([",", ", ", " ,\n"]).join(write(rng, item) for item in value) + "]"
    if isinstance(value, str):
        return _string(rng, value)
    return json.dumps(value)


def _string(rng, text):
    lone = any(0xd800 <= ord(character) < 0xe000 for character in text)
    return json.dumps(text, ensure_ascii=lone or rng.random() < 0.3)


class Grammar:
    """Makes one worker's requests. Its streams are its own, so that answers can be foretold."""

    def __init__(self, rng, worker, workers, shared):
        self.rng = rng
        self.worker = worker
        self.workers = workers
        self.shared = shared
        self.streams = []
        self.retired = []
        self.cursors = []
        self.pending = []
        self.keys_made = []
        self.productions, self.weights = zip(*[
            (self.chunk, 36), (self.shared_chunk, 4), (self.multi, 5), (self.initialize, 1.5), (self.finish, 1.2),
            (self.describe, 2), (self.points, 4), (self.table, 1.5), (self.timeseries, 2.5), (self.held, 2.5),
            (self.listing, 0.4), (self.units, 1.5), (self.delete, 0.6), (self.operation, 0.6), (self.unknown, 1),
            (self.faulty_chunk, 9), (self.faulty_multi, 2), (self.faulty_small, 3), (self.faulty_query, 3),
            (self.http, 3), (self.key, 0.5), (self.faulty_key, 0.7)])

    def next(self):
        """The next request, well-formed as HTTP."""
        if self.pending:
            return self.pending.pop()
        return self.rng.choices(self.productions, self.weights)[0]()

    def stream(self):
        rng = self.rng
        if len(self.streams) < 12 or rng.random() < 0.02:
            stream = Stream(self.data_id(), known=False)
            stream.names = rng.sample(NAMES, rng.randint(1, 4))
            self.streams.append(stream)
            if len(self.streams) > 20:
                self.retired.append(self.streams.pop(rng.randrange(len(self.streams) - 1)))
            return stream
        # Those that take no more data are asked now and then.
        stream = rng.choice(self.streams)
        return stream if not (stream.finalized or stream.deleted) or rng.random() < 0.2 else rng.choice(self.streams)

    def data_id(self):
        return str(uuid.UUID(int=self.rng.getrandbits(128)))

    def path(self, *parts):
        path = "/".join([self.rng.choice(PREFIXES)] + list(parts))
        return path + ("/" if self.rng.random() < 0.15 else "")

    def shown(self, data_id):
        return data_id.upper() if self.rng.random() < 0.05 else data_id

    def every_code(self):
        """Requests that between them meet every code that an answer to one request can have, but for those of keys.

        They come one after another, for most are made by what was acknowledged before.
        """
        stream = Stream(self.data_id(), known=False)
        stream.names = NAMES[:2]
        self.streams.append(stream)
        for _ in range(20):
            # Some of them say their units.
            yield self._drawn(lambda: self.chunk(stream), lambda request: request.statuses == {201})
        for code, production in (
                ("malformed_json", self.faulty_chunk), ("invalid_request", self.faulty_query),
                ("timestamp_out_of_range", self.faulty_chunk), ("too_many_points", self.faulty_chunk),
                ("body_too_large", self._too_large), ("unsupported_media_type", self._wrong_type),
                ("origin_not_allowed", self._foreign_origin), ("not_found", self._wrong_path),
                ("method_not_allowed", self._wrong_method), ("not_acceptable", self._not_acceptable),
                ("expectation_failed", self._expectation), ("http_version_not_supported", self._foreign_http),
                ("not_implemented", self._foreign_http), ("uri_too_long", self._foreign_http),
                ("headers_too_large", self._foreign_http), ("stream_unknown", self.unknown),
                ("channel_unknown", lambda: self.points(stream)), ("units_mismatch", lambda: self.chunk(stream)),
                ("manifest_mismatch", lambda: self.finish(stream))):
            yield self._failing(production, code)
        yield self._drawn(lambda: self.finish(stream), lambda request: request.statuses == {200})
        yield self._failing(lambda: self.chunk(stream), "stream_finalized")
        yield self.delete(stream)
        yield self._failing(lambda: self.chunk(stream), "stream_deleted")

    def _failing(self, production, code):
        return self._drawn(production, lambda request: request.codes == {code})

    def _drawn(self, production, is_wanted):
        """The first request of its kind that is wanted, or None: something that had to come before it went wrong."""
        return next((request for _, request in zip(range(MOST_DRAWS), iter(production, None)) if is_wanted(request)), None)

    # What is sent.

    def time(self):
        if self.rng.random() < 0.1:
            return self.rng.choice(TIMES)
        return repr(round(1705312200 + self.rng.uniform(0, 1e5), self.rng.choice([0, 3, 6, 9])))

    def value(self):
        if self.rng.random() < 0.05:
            return self.rng.choice(["null", "NaN"])
        return self.rng.choice(NUMBERS) if self.rng.random() < 0.15 else repr(self.rng.gauss(0, 100))

    def samples(self, length=None):
        """A Chunk, and its two arrays as they are written."""
        rng = self.rng
        length = length or rng.choice([1, 2, 3, 3, 5, 8, 20] if rng.random() < 0.98 else [200, MOST_POINTS])
        times = [self.time() for _ in range(length)]
        values = [self.value() for _ in range(length)]
        chunk = Chunk([float(text) for text in times],
                      [None if text in ("null", "NaN") else float(text) for text in values])
        return chunk, {"timestamps": [Text(text) for text in times], "values": [Text(text) for text in values]}

    def samples_again(self, chunk):
        """The arrays of a chunk that was sent before."""
        return {"timestamps": [Text(repr(time)) for time in chunk.timestamps],
                "values": [Text("null" if value is None else repr(value)) for value in chunk.values]}

    def index(self, channel):
        rng = self.rng
        held = sorted(channel.chunks) if channel is not None else []
        if held and rng.random() < 0.25:
            return rng.choice(held)
        if rng.random() < 0.02:
            return rng.choice([0, 2147483647, 2147483646, rng.randrange(1 << 31)])
        return (held[-1] + rng.choice([1, 1, 1, 2, 5])) % (1 << 31) if held else rng.choice([0, 0, 0, 3])

    def written_index(self, index):
        return Text(self.rng.choice(["%d.0", "%d.000", "%de0"]) % index) if self.rng.random() < 0.05 else index

    def units_for(self, channel):
        """Mostly those of the channel, or none."""
        rng = self.rng
        if channel is not None and channel.units is not None and rng.random() < 0.9:
            return rng.choice([None, channel.units])
        return rng.choice([None, "nm", rng.choice(UNITS)])

    def body(self, request, fields):
        """Writes the body, and packs it in one of the ways that the service reads."""
        rng = self.rng
        if rng.random() < 0.1:
            fields = dict(fields, **{rng.choice(["instrument", "Units", "zusätzlich"]): rng.choice(
                [None, 7, "x", [1, [2, {}]], {"units": 3, "a": {"b": []}}])})
        items = list(fields.items())
        if rng.random() < 0.3:
            rng.shuffle(items)
        request.body = write(rng, dict(items)).encode("utf-8", "surrogatepass")
        self.content_type(request)
        if rng.random() < 0.08:
            request.body = gzip.compress(request.body, rng.randint(1, 9), mtime=0)
            request.headers.append(("Content-Encoding", rng.choice(["gzip", "x-gzip", "GZIP"])))
        return request

    def content_type(self, request):
        request.headers.append(("Content-Type", self.rng.choice(
            ["application/json"] * 8 + ["application/json; charset=utf-8", "application/json;charset=\"UTF-8\""])))

    # Chunks.

    def chunk(self, stream=None):
        rng = self.rng
        stream = stream or self.stream()
        name = rng.choice(stream.names)
        channel = stream.channels.get(name)
        index = self.index(channel)
        held = channel.chunks.get(index) if channel is not None else None
        if held is not None and rng.random() < 0.5:
            chunk, arrays = held, self.samples_again(held)
        else:
            chunk, arrays = self.samples()
        units = self.units_for(channel)
        request = Request("chunk", "POST", self.path("stream", "chunk"), scope="write")
        request.stream = stream
        self.body(request, dict({"data_id": self.shown(stream.data_id), "chunk_index": self.written_index(index),
                                 "channel_name": name}, **arrays,
                                **({"units": units} if units is not None or rng.random() < 0.2 else {})))
        return self._foretell(request, stream, index, [(name, chunk, units)], single=True)

    def multi(self, stream=None):
        rng = self.rng
        stream = stream or self.stream()
        names = rng.sample(stream.names, rng.randint(1, len(stream.names)))
        index = self.index(stream.channels.get(names[0]))
        samples, channels = [], {}
        for name in names:
            chunk, arrays = self.samples(rng.randint(1, 6))
            units = self.units_for(stream.channels.get(name))
            samples.append((name, chunk, units))
            channels[name] = dict(arrays, **({"units": units} if units is not None else {}))
        request = Request("multi", "POST", self.path("stream", "chunk", "multi"), scope="write")
        request.stream = stream
        self.body(request, {"data_id": self.shown(stream.data_id), "chunk_index": self.written_index(index),
                            "channels": channels})
        return self._foretell(request, stream, index, samples, single=False)

    def _foretell(self, request, stream, index, samples, single):
        validate = self.rng.random() < 0.04
        if validate or self.rng.random() < 0.03:
            request.query.append(("validate_only", "true" if validate else "false"))
        outcome = stream.store(index, samples)
        if isinstance(outcome, str):
            return request.fails(outcome)
        receipts = [{"data_id": stream.data_id, "channel_name": name, "chunk_index": index, "total_points": total}
                    for name, _, total in outcome]

        def verify(answer, body):
            if body != (receipts[0] if single else receipts):
                raise Unexpected("the receipt is not %s" % receipts)
            if single and (answer.header("Chunk-Outcome"), answer.header("Chunk-Hash")) != (
                    outcome[0][1], samples[0][1].hash):
                raise Unexpected("not %s with hash %s" % (outcome[0][1], samples[0][1].hash))
            if not validate:
                stream.take(index, samples)
        return request.succeeds(200 if validate else 201, verify)

    def shared_chunk(self):
        """To a stream that all workers send to at once; the chunk's key is still this worker's own."""
        rng = self.rng
        data_id = rng.choice(self.shared)
        chunk, arrays = self.samples(rng.randint(1, 5))
        name, index = rng.choice(["a", "b"]), rng.randrange(500) * self.workers + self.worker
        request = Request("shared", "POST", self.path("stream", "chunk"), scope="write")
        self.body(request, dict({"data_id": data_id, "channel_name": name, "chunk_index": index}, **arrays))

        def verify(answer, body):
            if answer.header("Chunk-Hash") != chunk.hash or body["total_points"] < len(chunk):
                raise Unexpected("not hash %s, or fewer points than were sent" % chunk.hash)
            request.acknowledged.take(body, chunk.hash)
        return request.succeeds(201, verify)

    # Streams.

    def initialize(self, stream=None):
        rng = self.rng
        fields = {"points_per_chunk": rng.choice([1, 100, 2147483647, Text("100.0")])}
        for name, choices in (("stream_name", [None, "Run 42", "Läufe 😀", "", "n" * 255]),
                              ("synth_source_id", [None, 0, -7, (1 << 63) - 1, -(1 << 63)]),
                              ("physical_sample_id", [None, self.data_id()]),
                              ("project_id", [None, self.data_id().upper()])):
            if rng.random() < 0.6:
                fields[name] = rng.choice(choices)
        request = Request("initialize", "POST", self.path("stream", "initialize"), scope="write")

        def verify(answer, body):
            made = Stream(body["data_id"], known=True)
            made.names = rng.sample(NAMES, 2)
            self.streams.append(made)
        return self.body(request, fields).succeeds(201, verify)

    def manifest(self, stream):
        return {name: {"chunks": len(channel.chunks), "total_points": channel.total()}
                for name, channel in stream.channels.items()}

    def finish(self, stream=None):
        rng = self.rng
        stream = stream or self.stream()
        request = Request("finalize", "POST", self.path("stream", self.shown(stream.data_id), "finalize"),
                          scope="write")
        request.stream = stream
        manifest = self.manifest(stream)
        way = rng.choice(["none", "empty", "right", "right", "wrong", "wrong"])
        wrong = None
        if way == "wrong":
            wrong = rng.choice(list(manifest) or ["ghost"])
            held = manifest.get(wrong, {"chunks": 0, "total_points": 0})
            manifest[wrong] = dict(held, **{rng.choice(["chunks", "total_points"]): rng.choice([10 ** 6, 7 ** 12])})
        if way != "none":
            self.body(request, {"channels": manifest} if way != "empty" else rng.choice([{}, {"channels": None}]))
        if stream.absence():
            return request.fails(stream.absence())
        if wrong is not None:
            return request.fails("manifest_mismatch", pointer="/channels/" + _pointer(wrong))

        def verify(answer, body):
            if body["data_id"] != stream.data_id:
                raise Unexpected("another stream")
            stream.finalized = True
        return request.succeeds(200, verify)

    def describe(self, stream=None):
        stream = stream or self.stream()
        request = Request("describe", "GET", self.path("stream", self.shown(stream.data_id)))
        if stream.absence():
            return request.fails(stream.absence())

        def verify(answer, body):
            found = {channel["channel_name"]: (channel["total_points"], channel["chunk_count"], channel["units"])
                     for channel in body["channels"]}
            held = {name: (channel.total(), len(channel.chunks), channel.units)
                    for name, channel in stream.channels.items()}
            status = "success" if stream.finalized else "stream_active"
            if found != held or body["status"] != status or body["total_points"] != sum(h[0] for h in held.values()):
                raise Unexpected("not %s with %s" % (status, held))
        return request.succeeds(200, verify)

    def delete(self, stream=None):
        stream = stream or self.stream()
        request = Request("delete", "DELETE", self.path("stream", self.shown(stream.data_id)), scope="delete")
        request.stream = stream
        if not stream.known:
            return request.fails("stream_unknown")
        return request.succeeds(204, lambda answer, body: stream.delete())

    def units(self, stream=None):
        rng = self.rng
        stream = stream or self.stream()
        name = rng.choice(stream.names)
        units = rng.choice(UNITS + [None])
        request = Request("units", "PATCH", self.path("stream", self.shown(stream.data_id), "channels"),
                          [("channel", name)], scope="write")
        request.stream = stream
        self.body(request, {"units": units})
        channel = stream.channels.get(name)
        if channel is None:
            return request.fails(stream.absence() or "channel_unknown")

        def verify(answer, body):
            if (body["units"], body["total_points"]) != (units, channel.total()):
                raise Unexpected("not %r with %d points" % (units, channel.total()))
            channel.units = units
        return request.succeeds(200, verify)

    def listing(self):
        rng = self.rng
        request = Request("list", "GET", self.path("streams"))
        for name, choices in (("limit", ["1", "7", "20"]), ("status", ["stream_active", "stream_interrupted", "success"]),
                              ("name", ["run", "Ä", "%"]), ("active_since", ["2024-01-15T09:50:00Z"]),
                              ("active_until", ["2999-01-15T09:50:00+01:00"]), ("cursor", self.cursors or [None])):
            choice = rng.choice(choices)
            if choice is not None and rng.random() < (1 if name == "limit" else 0.2):
                request.query.append((name, choice))

        if rng.random() < 0.15:
            # Beyond what PostgreSQL holds: refused, or no bound.
            request.query.append((rng.choice(["active_since", "active_until"]), rng.choice(FAR_TIMES)))
            request.statuses = {200, 400}
            return request

        def verify(answer, body):
            if body["next_cursor"]:
                self.cursors = [body["next_cursor"]]
        return request.succeeds(200, verify)

    # Reading.

    def read(self, request, stream, verify, channel=None):
        """A GET of a stream, or of a channel in it."""
        rng = self.rng
        code = stream.absence() or ("channel_unknown" if channel is not None and channel not in stream.channels else None)
        if rng.random() < 0.3:
            request.headers.append(("Accept-Encoding", "gzip"))
        if code is not None:
            return request.fails(code)
        if rng.random() < 0.04:
            request.method = "HEAD"
            return request.succeeds(200)

        def and_again(answer, body):
            verify(answer, body)
            tag = answer.header("ETag")
            if tag and rng.random() < 0.15:
                again = Request(request.kind, "GET", request.path, request.query)
                again.headers = request.headers + [("If-None-Match", tag)]
                self.pending.append(again.succeeds(304))
        return request.succeeds(200, and_again)

    def points(self, stream=None):
        rng = self.rng
        stream = stream or self.stream()
        name = rng.choice(stream.names)
        request = Request("points", "GET", self.path("stream", self.shown(stream.data_id), "points"),
                          [("channel", name)])
        if rng.random() < 0.3:
            request.query.append(("format", "json"))
        elif rng.random() < 0.3:
            request.headers.append(("Accept", rng.choice(["application/json", "*/*", "text/csv;q=0.5, application/json"])))
        selection = self._selection(request)
        if selection is None:
            return self.read(request, stream, lambda answer, body: _same_channel(body, stream, name), name)

        def verify(answer, body):
            _same_channel(body, stream, name)
            wanted = selection(*stream.points(name))
            if Chunk(body["timestamps"], body["values"]).hash != Chunk(*wanted).hash:
                raise Unexpected("not the points %.300s" % (wanted,))
        return self.read(request, stream, verify, name)

    def _selection(self, request):
        """Chooses what to ask for; returns which points that is, or None where only the form can be judged."""
        rng = self.rng
        start = end = last = None
        if rng.random() < 0.25:
            start = rng.choice(["1705312200", "1705362200.5", "-1e9"])
            request.query.append(("start", start))
        if rng.random() < 0.25:
            end = rng.choice(["1705412200", "1705382200.25", "1e10"])
            request.query.append(("end", end))
        if rng.random() < 0.2:
            request.query.append(("max_points", rng.choice(["2", "3", "50", "100000"])))
            return None
        if rng.random() < 0.3:
            last = rng.choice([1, 3, 100, (1 << 59)])
            request.query.append(("last_n", str(last)))

        def selection(times, values):
            kept = [(t, v) for t, v in zip(times, values)
                    if (start is None or t >= float(start)) and (end is None or t < float(end))]
            kept = kept[-last:] if last is not None else kept
            return [t for t, _ in kept], [v for _, v in kept]
        return selection

    def table(self, stream=None):
        """Points as CSV or Parquet."""
        rng = self.rng
        stream = stream or self.stream()
        form = rng.choice(["csv", "csv", "parquet"])
        name = rng.choice(stream.names) if rng.random() < 0.5 else None
        request = Request("table", "GET", self.path("stream", self.shown(stream.data_id), "points"))
        if rng.random() < 0.5:
            request.query.append(("format", form))
        else:
            request.headers.append(("Accept", {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}[form]))
        if name is not None:
            request.query.append(("channel", name))

        def verify(answer, rows):
            wanted = {n: stream.points(n) for n in sorted(stream.channels) if name in (None, n)}
            if form == "csv":
                for channel, points in wanted.items():
                    found = [row for row in rows[1:] if row[0] == channel]
                    chunk = Chunk([float(row[1]) for row in found], [float(row[3]) if row[3] else None for row in found])
                    if chunk.hash != Chunk(*points).hash:
                        raise Unexpected("not the points %.300s of %r" % (points, channel))
        return self.read(request, stream, verify, name)

    def timeseries(self, stream=None):
        rng = self.rng
        stream = stream or self.stream()
        request = Request("timeseries", "GET", self.path(self.shown(stream.data_id), "timeseries"))
        if rng.random() < 0.2:
            request.query.append(("available_properties", "true"))
        if rng.random() < 0.2:
            request.query.append(("elapsed_seconds", rng.choice(["0", "-1", "10.5", "1e300"])))
        if rng.random() < 0.2 and len(request.query) < 1:
            request.query.append(("return_null_if_missing", "true"))
        wanted = rng.sample(sorted(stream.channels), min(2, len(stream.channels))) if rng.random() < 0.3 else []
        request.query += [("property_names", name) for name in wanted]
        plain = not {"available_properties", "elapsed_seconds"} & {name for name, _ in request.query}

        def verify(answer, body):
            if body["available_property_names"] != sorted(stream.channels, key=lambda name: name.encode()):
                raise Unexpected("not the names of all channels")
            for name in (wanted or stream.channels) if plain else []:
                values = stream.points(name)[1]
                found = body["properties"][name]["values"]
                if Chunk([], found).hash != Chunk([], values).hash:
                    raise Unexpected("not the values %.300s of %r" % (values, name))
        if stream.absence() and ("return_null_if_missing", "true") in request.query:
            return request.succeeds(200) if not stream.deleted else request
        return self.read(request, stream, verify)

    def held(self, stream=None):
        rng = self.rng
        stream = stream or self.stream()
        name = rng.choice(stream.names)
        request = Request("held", "GET", self.path("stream", self.shown(stream.data_id), "chunks"), [("channel", name)])
        details = rng.random() < 0.4
        if details:
            request.query.append(("details", "true"))

        def verify(answer, body):
            chunks = stream.channels[name].chunks
            if (body["chunk_count"], body["missing_chunks"]) != (len(chunks), max(chunks) + 1 - len(chunks)):
                raise Unexpected("not %d chunks" % len(chunks))
            if details:
                found = {chunk["chunk_index"]: chunk["content_hash"] for chunk in body["chunks"]}
                if found != {index: chunk.hash for index, chunk in chunks.items()}:
                    raise Unexpected("not the chunks that were acknowledged")
            elif body["next_cursor"] is None:
                found = [index for held in body["held"] for index in range(held["first"], held["last"] + 1)]
                if found != sorted(chunks):
                    raise Unexpected("not the chunks %s" % sorted(chunks))
        return self.read(request, stream, verify, name)

    def operation(self):
        rng = self.rng
        path, scope = rng.choice([("/openapi.yaml", "read"), ("/actuator/prometheus", "read"), ("/actuator/health", None),
                                  ("/actuator/health/liveness", None), ("/actuator/health/readiness", None)])
        request = Request("operation", rng.choice(["GET", "GET", "GET", "HEAD"]), path, scope=scope).succeeds(200)
        if rng.random() < 0.5:
            header, statuses, code = rng.choice(OPERATION_HEADERS[path.split("/")[-1] if path.count("/") < 3 else "health"])
            request.headers.append(header)
            request = request.fails(code) if code else request
            request.statuses = statuses
            # Tomcat refuses it before anybody asks for a key.
            request.scope = None if header[0] == "Expect" else scope
        return request

    # API keys.

    def key(self):
        """Keys are made, listed and revoked, but none that requests are sent with."""
        rng = self.rng
        if self.keys_made and rng.random() < 0.4:
            key = rng.choice(self.keys_made)
            return Request("key", "DELETE", "/api-keys/" + key, scope="admin").succeeds(204)
        if rng.random() < 0.1:
            return Request("key", "GET", "/api-keys", scope="admin").succeeds(200)
        scopes = rng.sample(["read", "write", "delete", "admin"], rng.randint(1, 4))
        request = Request("key", "POST", "/api-keys" + rng.choice(["", "", "/"]), scope="admin")
        fields = {"name": rng.choice(NAMES), "scopes": scopes + scopes[:rng.randint(0, 1)]}
        if rng.random() < 0.5:
            fields["expires_at"] = rng.choice([None, "2999-01-31T00:00:00Z", "2999-01-31T00:00:00.123456789+14:00"])

        def verify(answer, body):
            if (body["name"], set(body["scopes"])) != (fields["name"], set(scopes)):
                raise Unexpected("another name, or other scopes")
            self.keys_made.append(body["id"])
        return self.body(request, fields).succeeds(201, verify)

    def faulty_key(self):
        rng = self.rng
        if rng.random() < 0.2:
            return Request("faulty key", "DELETE", "/api-keys/" + rng.choice([self.data_id(), "x", "-" * 36]), scope="admin").fails(
                "not_found", "invalid_request")
        if rng.random() < 0.2:
            return Request("faulty key", rng.choice(["PUT", "PATCH"]), "/api-keys", scope="admin").fails("method_not_allowed")
        request = Request("faulty key", "POST", "/api-keys", scope="admin")
        name, value, pointer = rng.choice(KEY_FAULTS)
        fields = {"name": "furnace", "scopes": ["read"], name: value}
        if value in FAR_TIMES:
            self.body(request, fields).statuses = {201, 400}
            return request
        return self.body(request, fields).fails("invalid_request", pointer=pointer)

    def unknown(self):
        """What was never made."""
        stream = Stream(self.data_id(), known=False)
        stream.names = ["thickness"]
        return self.rng.choice([self.describe, self.points, self.timeseries, self.held, self.units, self.finish,
                                self.delete])(stream)

    # What breaks the rules, one at a time, so that the answer must name it.

    def faulty_chunk(self, stream=None):
        rng = self.rng
        stream = stream or self.stream()
        _, arrays = self.samples(rng.randint(2, 4))
        fields = dict({"data_id": stream.data_id, "chunk_index": 1, "channel_name": "thickness"}, **arrays)
        request = Request("faulty chunk", "POST", self.path("stream", "chunk"), scope="write")
        request.stream = stream
        if rng.random() < 0.2:
            return self._malformed(request, fields)
        name, value, code = self._chunk_fault(fields)
        place = name.split("/")
        if value is MISSING:
            del fields[name]
        elif len(place) == 2:
            fields[place[0]][int(place[1])] = value
        else:
            fields[name] = value
        return self.body(request, fields).fails(code, pointer=None if code == "too_many_points" else "/" + name)

    def _chunk_fault(self, fields):
        rng = self.rng
        name = rng.choice(["data_id", "chunk_index", "channel_name", "timestamps", "values", "units", "timestamps/1",
                           "values/1"])
        if name not in ("units", "timestamps/1", "values/1") and rng.random() < 0.25:
            return name, rng.choice([MISSING, None]), "invalid_request"
        if name in ("timestamps", "values") and rng.random() < 0.2:
            return name, [Text("1")] * (MOST_POINTS + rng.choice([1, 700])), "too_many_points"
        if name == "timestamps/1" and rng.random() < 0.6:
            return name, Text(rng.choice(["9223372036.1", "-9223372037", "1705312200000", "1e300", "1705312200000000"])), \
                "timestamp_out_of_range"
        return name, rng.choice(FAULTS[name]), "invalid_request"

    def _malformed(self, request, fields):
        rng = self.rng
        text = write(rng, fields)
        body = rng.choice([
            lambda: b"", lambda: b" \n", lambda: text[:rng.randrange(1, len(text))].encode(),
            lambda: (text + rng.choice(["x", "{}", ",", "]", "null"])).encode(),
            lambda: (text[:-1] + ',"units":"a","units":"a"}').encode(),
            lambda: (text[:-1] + ',"chunk_index":1}').encode(),
            lambda: text.encode("utf-16"), lambda: text.encode("utf-32-be"),
            lambda: text.replace("thickness", "a\tb").encode(),
            lambda: text.encode().replace(b"thickness", rng.choice([b"\xff", b"\xc0\x80", b"\xc1\x81", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"])),
            lambda: (text[:-1] + ',"x":' + "[" * 5000 + "]" * 5000 + "}").encode(),
            lambda: (text[:-1] + ',"x":' + "1" * 5000 + "}").encode(),
            lambda: (text[:-1] + ',"x":1}').replace('"chunk_index"', '"chunk_index":1e99999999999,"y"').encode(),
            lambda: text.replace(":", "=", 1).encode(), lambda: text.replace('"', "'").encode(),
            lambda: (text[:-1] + ",}").encode(), lambda: ("/* */" + text).encode()])()
        request.body = body
        self.content_type(request)
        return request.fails("malformed_json")

    def faulty_multi(self, stream=None):
        rng = self.rng
        stream = stream or self.stream()
        _, arrays = self.samples(2)
        good = {"a": arrays}
        channels, pointer, codes = rng.choice([
            ({}, "/channels", "invalid_request"), (None, "/channels", "invalid_request"), ([], "/channels", "invalid_request"),
            ("a", "/channels", "invalid_request"), ({"a": 3}, "/channels/a", "invalid_request"),
            (dict(good, **{"": arrays}), "/channels/", "invalid_request"),
            (dict(good, **{"b/~": {"timestamps": [1], "values": [1, 2]}}), "/channels/b~1~0/values", "invalid_request"),
            (dict(good, b=dict(arrays, units=7)), "/channels/b/units", "invalid_request"),
            (dict(good, b={"timestamps": [1]}), "/channels/b/values", "invalid_request"),
            (dict(good, b={"timestamps": [1e12], "values": [1]}), "/channels/b/timestamps/0", "timestamp_out_of_range"),
            (dict(good, b={"timestamps": [1] * (MOST_POINTS + 1), "values": [1]}), None, "too_many_points"),
            ({"c%d" % i: {"timestamps": [1], "values": [1]} for i in range(MOST_CHANNELS + 1)}, "/channels",
             "invalid_request")])
        request = Request("faulty multi", "POST", self.path("stream", "chunk", "multi"), scope="write")
        request.stream = stream
        return self.body(request, {"data_id": stream.data_id, "chunk_index": 0, "channels": channels}).fails(
            codes, pointer=pointer)

    def faulty_small(self, stream=None):
        """Bodies of the small requests."""
        rng = self.rng
        if rng.random() < 0.5:
            name, value = rng.choice(INITIALIZE_FAULTS)
            request = Request("faulty initialize", "POST", self.path("stream", "initialize"), scope="write")
            return self.body(request, {"points_per_chunk": 10, name: value}).fails("invalid_request", pointer="/" + name)
        stream = stream or self.stream()
        if rng.random() < 0.5:
            request = Request("faulty units", "PATCH", self.path("stream", stream.data_id, "channels"),
                              [("channel", "thickness")], scope="write")
            fields = rng.choice([{}, {"units": 7}, {"units": "u" * 256}, {"units": "a\nb"}, {"units": LONE_SURROGATE}])
            return self.body(request, fields).fails("invalid_request", pointer="/units")
        request = Request("faulty finalize", "POST", self.path("stream", stream.data_id, "finalize"), scope="write")
        value, pointer = rng.choice([
            ("x", "/channels"), ([], "/channels"), ({"a": {}}, "/channels/a/chunks"),
            ({"a": {"chunks": 1}}, "/channels/a/total_points"), ({"a": {"chunks": -1, "total_points": 1}}, "/channels/a/chunks"),
            ({"a/b": {"chunks": 1.5, "total_points": 1}}, "/channels/a~1b/chunks"),
            ({"a": {"chunks": 1, "total_points": "3"}}, "/channels/a/total_points"), ({"a": 7}, "/channels/a"),
            ({"a": {"chunks": 1 << 64, "total_points": 1}}, "/channels/a/chunks")])
        return self.body(request, {"channels": value}).fails("invalid_request", pointer=pointer)

    def faulty_query(self, stream=None):
        rng = self.rng
        stream = stream or self.stream()
        name, value, path, more = rng.choice(QUERY_FAULTS)
        request = Request("faulty query", "GET", self.path(*path(stream.data_id)), more + [(name, value)])
        if rng.random() < 0.1:
            name = rng.choice(["validate_only"])
            request = self.chunk(stream)
            request.query = [(name, rng.choice(["", "1", "TRUE", "yes", "true\0"]))]
        return request.fails("invalid_request", parameter=name)

    # What is wrong with HTTP, but well-formed.

    def http(self):
        rng = self.rng
        return rng.choice([
            self._wrong_method, self._wrong_path, self._wrong_type, self._wrong_coding, self._not_acceptable, self._expectation,
            self._too_large, self._options, self._foreign_http, self._foreign_origin])()

    def _wrong_method(self):
        rng = self.rng
        method, parts = rng.choice([("GET", ["stream", "chunk"]), ("GET", ["stream", "initialize"]),
                                    ("PUT", ["stream", "chunk"]), ("DELETE", ["stream", "chunk", "multi"]),
                                    ("POST", ["stream", self.data_id()]), ("PATCH", ["streams"]),
                                    ("GET", ["stream", self.data_id(), "finalize"]), ("POST", [self.data_id(), "timeseries"]),
                                    ("DELETE", ["stream", self.data_id(), "points"]), ("PUT", ["stream", self.data_id(), "chunks"])])
        scope = {"GET": "read", "DELETE": "delete", "PUT": None}.get(method, "write")
        return Request("method", method, self.path(*parts), scope=scope).fails("method_not_allowed")

    def _wrong_path(self):
        path = self.rng.choice(["/", "/metrology", "/metrology/streams/x", "/metrology/stream/123", "/favicon.ico",
                                "/metrology/stream/{}x".format(self.data_id()), "/metrology/timeseries", "/actuator/env",
                                "/actuator/heapdump", "/tool-state/stream/%s/nothing" % self.data_id(), "/error",
                                "/metrology/stream/%s/points" % self.data_id()[:-1], "/../etc/passwd"])
        request = Request("path", "GET", path, scope="read" if path.startswith(("/metrology/", "/tool-state/")) else None)
        return request.fails("not_found") if not path.startswith("/..") else request.fails("invalid_request", "not_found")

    def _wrong_type(self):
        request = self.chunk()
        request.headers = [("Content-Type", self.rng.choice(["text/plain", "application/x-www-form-urlencoded", "text/json",
                                                             "application/json; charset=latin1", "application/*", "nonsense",
                                                             "multipart/form-data; boundary=x"]))]
        return request.fails("unsupported_media_type")

    def _wrong_coding(self):
        request = self.chunk()
        request.headers = [("Content-Type", "application/json"),
                           ("Content-Encoding", self.rng.choice(["br", "deflate", "zstd", "gzip, gzip", "compress"]))]
        return request.fails("unsupported_media_type")

    def _not_acceptable(self):
        stream = self.stream()
        request = Request("accept", "GET", self.path("stream", stream.data_id, "points"), [("channel", "a")])
        request.headers.append(("Accept", self.rng.choice(["image/png", "text/html", "application/json;q=0", "nonsense/"])))
        return request.fails("not_acceptable")

    def _expectation(self):
        request = self.chunk()
        # Tomcat refuses it before anybody asks for a key.
        request.scope = None
        request.headers.append(("Expect", "a-miracle"))
        return request.fails("expectation_failed")

    def _foreign_http(self):
        """What Tomcat refuses, before anybody asks for a key."""
        request = Request("foreign HTTP", "GET", "/metrology/streams", scope=None)
        code = self.rng.choice(["http_version_not_supported", "not_implemented", "uri_too_long", "headers_too_large"])
        if code == "http_version_not_supported":
            request.version = self.rng.choice(["HTTP/3.0", "HTTP/2.0"])
        elif code == "not_implemented":
            request.headers.append(("Transfer-Encoding", "banana"))
        elif code == "uri_too_long":
            request.query.append(("name", "x" * 9000))
        else:
            request.headers += self.rng.choice([[("X-Long", "x" * 9000)], [("X-Many", "1")] * 150])
        return request.fails(code)

    def _too_large(self):
        rng = self.rng
        request = self.chunk()
        request.headers = [("Content-Type", "application/json")]
        request.body = b" " * (MOST_BODY + rng.choice([1, 1000, 300000])) + b"{}"
        if rng.random() < 0.5:
            request.headers.append(("Content-Encoding", "gzip"))
            request.body = gzip.compress(request.body * rng.choice([1, 40]), mtime=0)
        return request.fails("body_too_large")

    def _foreign_origin(self):
        """As a page of somebody else's makes a browser send it."""
        request = self.rng.choice([self.chunk, self.describe, self.points])()
        request.scope = None
        request.headers.append(("Origin", self.rng.choice(["https://elsewhere.example", "http://localhost.elsewhere.example", "null"])))
        return request.fails("origin_not_allowed")

    def _options(self):
        return Request("options", "OPTIONS", self.path("stream", "chunk"), scope=None)


# By operation: a header, and the statuses and the code of the answer.
_HEALTH = [(("Accept", "application/json"), {200}, None),
           (("Accept", "application/vnd.spring-boot.actuator.v2+json"), {200}, None),
           (("Accept", "image/png"), {406}, "not_acceptable")]

OPERATION_HEADERS = {
    "health": _HEALTH,
    "prometheus": [(("Accept", "application/openmetrics-text"), {200}, None), (("Accept", "image/png"), {406}, "not_acceptable"),
                   (("Expect", "a-miracle"), {417}, "expectation_failed")],
    "openapi.yaml": [(("Range", "bytes=0-99"), {200, 206}, None),
                     (("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"), {304}, None)],
}

MISSING = object()

_TEXT_FAULTS = [7, True, [], {}, "a\0b", "a\nb", "\x7f", LONE_SURROGATE, "\udfffx", "x" * 256, "😀" * 256]

_NUMBER_FAULTS = [Text(text) for text in ("\"1\"", "true", "[1]", "{}", "Infinity", "-Infinity", "1e999", "\"\"", "\"NaN\"")]

FAULTS = {
    "data_id": [7, True, [], {}, "", "d290f1ee6c544b0190e6d701748f0851", "d290f1ee-6c54-4b01-90e6-d701748f085",
                "g290f1ee-6c54-4b01-90e6-d701748f0851", "{d290f1ee-6c54-4b01-90e6-d701748f0851}", "1-1-1-1-1",
                "0pDx7mxUSwGQ5tcBdI8IUQ==", "d290f1ee-6c54-4b01-90e6-d701748f0851 "],
    "chunk_index": [-1, 2147483648, 3.5, "3", True, [], {}, Text("1e400"), Text("-1e-400"), Text("NaN"), Text("1e10"),
                    Text("3.00000000000000000001"), Text("1e999999999"), Text("1e-999999999"), 1 << 70],
    "channel_name": _TEXT_FAULTS + [""],
    "units": _TEXT_FAULTS,
    "timestamps": [[], 7, "x", {}, True],
    "values": [[], 7, "x", {}, False, [Text("1")], [Text("1")] * 9],
    "timestamps/1": _NUMBER_FAULTS + [None, Text("NaN")],
    "values/1": _NUMBER_FAULTS,
}

INITIALIZE_FAULTS = (
    [("points_per_chunk", value) for value in (None, 0, -1, 1.5, "1", True, [], 2147483648)]
    + [("stream_name", value) for value in _TEXT_FAULTS]
    + [("synth_source_id", value) for value in ("7", 7.5, True, 1 << 63, [])]
    + [(name, value) for name in ("physical_sample_id", "project_id") for value in (7, "x", "", [], "1-1-1-1-1")])


FAR_TIMES = ["+999999999-12-31T23:59:59Z", "+300000-01-01T00:00:00Z", "-999999999-01-01T00:00:00Z", "-004713-01-01T00:00:00Z"]

KEY_FAULTS = (
    [("name", value, "/name") for value in _TEXT_FAULTS + ["", None]]
    + [("scopes", value, "/scopes") for value in (None, [], "read", 7, {})]
    + [("scopes", value, "/scopes/0") for value in (["root"], ["READ"], [7], [None], [["read"]])]
    + [("expires_at", value, "/expires_at") for value in (
        7, "x", "2001-01-31T00:00:00Z", "2030-01-31", "2030-13-31T00:00:00Z", *FAR_TIMES)])


def _stream_path(*rest):
    return lambda data_id: ["stream", data_id] + list(rest)


def _timeseries_path(data_id):
    return [data_id, "timeseries"]


_CHANNEL = [("channel", "thickness")]

QUERY_FAULTS = (
    [("limit", value, lambda _: ["streams"], []) for value in ("", "0", "1001", "x", "1.0", "+1", "9" * 30)]
    + [("status", value, lambda _: ["streams"], []) for value in ("", "x", "SUCCESS")]
    + [(name, value, lambda _: ["streams"], []) for name in ("active_since", "active_until")
       for value in ("", "x", "2024-01-15", "2024-13-15T09:50:00Z")]
    + [("cursor", value, lambda _: ["streams"], []) for value in ("", "x", "====", "MjAyNA", "\0")]
    + [("name", value, lambda _: ["streams"], []) for value in ("", "\0", "a\nb")]
    + [(name, value, _stream_path("points"), _CHANNEL) for name in ("start", "end")
       for value in ("", "x", "NaN", "Infinity", "0x1p3", "1d", "1e999", "--1")]
    + [("last_n", value, _stream_path("points"), _CHANNEL) for value in ("", "0", "-1", "1.5", "x", "9" * 40)]
    + [("max_points", value, _stream_path("points"), _CHANNEL) for value in ("", "1", "100001", "x")]
    + [("format", value, _stream_path("points"), _CHANNEL) for value in ("", "xml", "JSON")]
    + [("end", "1", _stream_path("points"), _CHANNEL + [("start", "1")]),
       ("max_points", "5", _stream_path("points"), _CHANNEL + [("last_n", "5")]),
       ("max_points", "5", _stream_path("points"), [("format", "parquet")]),
       ("channel", "b", _stream_path("points"), _CHANNEL), ("channel", "", _stream_path("points"), []),
       ("channel", "", _stream_path("chunks"), [])]
    + [("cursor", value, _stream_path("chunks"), _CHANNEL) for value in ("", "-1", "x", "2147483648")]
    + [("limit", value, _stream_path("chunks"), _CHANNEL) for value in ("", "0", "10001")]
    + [("details", value, _stream_path("chunks"), _CHANNEL) for value in ("", "1", "True")]
    + [("last_n", value, _timeseries_path, []) for value in ("", "0", "-1", "x")]
    + [("elapsed_seconds", value, _timeseries_path, []) for value in ("", "x", "NaN", "1e999")]
    + [(name, value, _timeseries_path, []) for name in ("available_properties", "return_null_if_missing")
       for value in ("", "1", "TRUE")])


def _pointer(name):
    return name.replace("~", "~0").replace("/", "~1")


def _same_channel(body, stream, name):
    if (body["data_id"], body["channel_name"], body["units"]) != (stream.data_id, name, stream.channels[name].units):
        raise Unexpected("another channel, or other units than %r" % stream.channels[name].units)
