"""Requests as bytes, well-formed or not."""

import gzip

TOKENS = [b"\r\n", b"\n", b"\r\n\r\n", b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\u0000", b"\\ud800", b"1e999", b"-",
          b"NaN", b"Infinity", b"null", b"true", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf0\x9f\x98\x80", b"%00", b"%",
          b"%2F", b"../", b"//", b";", b"?", b"&", b"#", b" ", b"\t", b"\0", b"9" * 400, b"[" * 3000, b'{"a":' * 1500,
          b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Content-Length: 99999999999999999999\r\n",
          b"Content-Encoding: gzip\r\n", b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"Host: a\r\n",
          b"Upgrade: h2c\r\n", b"X-HTTP-Method-Override: DELETE\r\n", b"Range: bytes=0-1\r\n",
          b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01"]


def encode(rng, request, headers=(), chunked=None):
    """A request's bytes, well-formed."""
    chunked = rng.random() < 0.04 if chunked is None else chunked
    lines = ["%s %s %s" % (request.method, request.target(), request.version), "Host: localhost"]
    fields = list(request.headers) + list(headers)
    if request.body is not None:
        fields.append(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(request.body))))
    elif request.method == "POST" and rng.random() < 0.5:
        fields.append(("Content-Length", "0"))
    if rng.random() < 0.3:
        rng.shuffle(fields)
    lines += ["%s: %s" % (name.lower() if rng.random() < 0.1 else name, value) for name, value in fields]
    body = request.body or b""
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (
        chunks(rng, body) if chunked and request.body is not None else body)


def chunks(rng, body):
    """A body in HTTP's own chunks of any size."""
    parts = []
    while body:
        size = rng.randint(1, max(1, len(body)))
        parts.append(b"%x%s\r\n%s\r\n" % (size, rng.choice([b"", b";a=b", b""]), body[:size]))
        body = body[size:]
    return b"".join(parts) + rng.choice([b"0\r\n\r\n", b"000\r\n\r\n", b"0\r\nX-Trailer: 1\r\n\r\n"])


def spoil(rng, data):
    """Some changes to bytes that know nothing of their meaning."""
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        data = rng.choice(SPOILERS)(rng, data)
    return data


def misframe(rng, request):
    """A request whose framing, headers or coding lie."""
    return rng.choice(MISFRAMERS)(rng, request)


def _flip(rng, data):
    if not data:
        return data
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << rng.randrange(8))]) + data[place + 1:]


def _truncate(rng, data):
    return data[:rng.randrange(len(data) + 1)]


def _slice(rng, data):
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.choice([1, 2, 5, 30, 200]))


def _duplicate(rng, data):
    start, end = _slice(rng, data)
    return data[:end] + data[start:end] * rng.choice([1, 1, 3, 50]) + data[end:]


def _remove(rng, data):
    start, end = _slice(rng, data)
    return data[:start] + data[end:]


def _insert(rng, data):
    place = rng.randrange(len(data) + 1)
    token = rng.choice([rng.choice(TOKENS), bytes(rng.getrandbits(8) for _ in range(rng.randint(1, 8))), b"\0" * 3])
    return data[:place] + token + data[place:]


def _swap(rng, data):
    start, end = _slice(rng, data)
    middle = (start + end) // 2
    return data[:start] + data[middle:end] + data[start:middle] + data[end:]


def _digits(rng, data):
    """Another number where one stands."""
    places = [place for place, byte in enumerate(data) if 48 <= byte <= 57]
    if not places:
        return data
    place = rng.choice(places)
    number = rng.choice([b"-1", b"2147483648", b"1e999", b"0x1F", b"00", b"1.5", b"9" * 1200, b"-0", b"1e-999", b"1E308"])
    return data[:place] + number + data[place + 1:]


SPOILERS = [_flip, _flip, _flip, _truncate, _duplicate, _remove, _insert, _insert, _swap, _digits]


def _raw(rng, request, fields, body, line=None):
    lines = [line or ("%s %s HTTP/1.1" % (request.method, request.target())).encode(), b"Host: localhost"]
    lines += [("%s: %s" % field).encode("latin-1") if isinstance(field, tuple) else field
              for field in list(request.headers) + fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _length(rng, request):
    body = request.body or b"{}"
    real = len(body)
    wrong = rng.choice(["-1", "x", "", "0", str(real + rng.choice([1, 7, 5000])), str(real // 2), "+%d" % real, "0x10",
                        "%d, %d" % (real, real), "99999999999", "9" * 30, " %d " % real])
    fields = [("Content-Length", wrong)]
    if rng.random() < 0.3:
        fields.append(("Content-Length", str(real)))
    return _raw(rng, request, fields, body)


def _both(rng, request):
    body = request.body or b"{}"
    fields = [("Content-Length", str(rng.choice([len(body), 3]))), ("Transfer-Encoding", "chunked")]
    rng.shuffle(fields)
    return _raw(rng, request, fields, rng.choice([body, chunks(rng, body)]))


def _chunked(rng, request):
    body = request.body or b"{}"
    broken = rng.choice([b"zz\r\n" + body + b"\r\n0\r\n\r\n", b"-5\r\n" + body + b"\r\n0\r\n\r\n", b"%x\r\n" % (len(body) + 9) + body,
                         b"%x\n" % len(body) + body + b"\n0\n\n", b"ffffffffffffffff\r\n" + body, b"%x\r\n" % len(body) + body + b"0\r\n\r\n",
                         b"\r\n\r\n", b"0" * 9000 + b"1\r\nx\r\n0\r\n\r\n", b"1;" + b"a" * 9000 + b"\r\nx\r\n0\r\n\r\n",
                         spoil(rng, chunks(rng, body)), b"0\r\n" + b"X-Trailer: 1\r\n" * 900 + b"\r\n"])
    return _raw(rng, request, [("Transfer-Encoding", rng.choice(["chunked", "chunked", "Chunked", "gzip, chunked", "identity",
                                                                  "banana", "chunked, chunked", " chunked"]))], broken)


def _junk(rng, request):
    """Headers that are none."""
    body = request.body or b""
    junk = rng.choice([[b"no colon"], [b" folded: 1"], [b": empty"], [b"a b: 1"], [b"X: \0"], [b"X: \x07\x7f\xff"],
                       [b"X-%d: 1" % n for n in range(120)], [b"X: " + b"y" * 9000], [b"X" * 9000 + b": 1"],
                       [b"Host: b"], [b"Host:"], [b"Accept: " + b"a/b," * 1500], [b"Content-Type: application/json"],
                       [b"Accept: \xff/\xfe"], [b"X-Request-Id: " + b"a" * 65], [b"X-Request-Id: a\x1b[31m"], [b"Range: bytes=5-1"],
                       [b"If-None-Match: \"" + b"x" * 300], [b"If-Modified-Since: never"], [b"Cookie: " + b"a=b;" * 900],
                       [b"Origin: null", b"Access-Control-Request-Method: DELETE"], [b"Accept-Charset: utf-7"],
                       [b"Connection: upgrade", b"Upgrade: websocket"], [b"Forwarded: for=1.2.3.4"], [b"Accept-Encoding: *;q=0, gzip;q=x"]])
    return _raw(rng, request, [("Content-Length", str(len(body)))] + junk, body)


def _request_line(rng, request):
    target = request.target().encode()
    line = rng.choice([
        b"%s %s HTTP/3.0" % (request.method.encode(), target), b"%s %s HTTP/1.0" % (request.method.encode(), target),
        b"%s  %s HTTP/1.1" % (request.method.encode(), target), b"%s %s" % (request.method.encode(), target),
        b"GET http://localhost" + target + b" HTTP/1.1", b"GET " + target + b"?" + b"x" * 9000 + b" HTTP/1.1",
        b"GET /" + b"a/" * 3000 + b" HTTP/1.1", b"GET " + target + b"\\..\\ HTTP/1.1", b"GET " + target + b"%zz HTTP/1.1",
        b"GET " + target + b"?a=%zz&channel=%ff HTTP/1.1", b"GET " + target + b"<>\" HTTP/1.1", b"CONNECT localhost:80 HTTP/1.1",
        b"OPTIONS * HTTP/1.1", b"TRACE " + target + b" HTTP/1.1", b"GE\xffT " + target + b" HTTP/1.1", b"get " + target + b" HTTP/1.1",
        b"BANANA " + target + b" HTTP/1.1", b"GET \xc3\xa4 HTTP/1.1", b"GET *", b"", b"\r\n\r\n", b"GET " + target + b" FTP/1.1",
        b"GET /metrology/stream/..;/streams HTTP/1.1", b"GET /metrology//streams HTTP/1.1", b"GET /./metrology/streams HTTP/1.1",
        b"GET /metrology/%73treams HTTP/1.1", b"GET /metrology/streams;a=b HTTP/1.1", b"GET /metrology/streams%2F HTTP/1.1",
        b"GET /metrology/streams?limit=1&" + b"a=b&" * 1500 + b" HTTP/1.1", b"POST /metrology/stream/chunk%00 HTTP/1.1"])
    body = request.body or b""
    return _raw(rng, request, [("Content-Length", str(len(body)))], body, line)


def _gzip(rng, request):
    """A body that says gzip and lies."""
    plain = request.body or b"{}"
    packed = gzip.compress(plain, mtime=0)
    body = rng.choice([plain, b"", packed[:rng.randrange(len(packed))], packed + b"x", packed + packed, packed[:10], spoil(rng, packed),
                       gzip.compress(packed, mtime=0), gzip.compress(b"[" * 2000000, mtime=0), packed[:-4] + b"\0\0\0\1",
                       b"\x1f\x8b\x08\xff" + packed[4:]])
    headers = [field for field in request.headers if field[0] != "Content-Encoding"]
    return _raw(rng, _With(request, headers), [("Content-Encoding", "gzip"), ("Content-Length", str(len(body)))], body)


def _pipelined(rng, request):
    """Several requests at once, the last of them perhaps not whole."""
    one = encode(rng, request, chunked=False)
    return one * rng.randint(2, 5) + one[:rng.randrange(len(one))]


def _expect(rng, request):
    body = request.body or b"{}"
    return _raw(rng, request, [("Expect", rng.choice(["100-continue", "100-Continue, x", ""])), ("Content-Length", str(len(body)))], body)


MISFRAMERS = [_length, _length, _both, _chunked, _chunked, _junk, _junk, _request_line, _request_line, _gzip, _gzip, _pipelined, _expect]


class _With:
    """A request with other headers."""

    def __init__(self, request, headers):
        self.method, self.target, self.headers = request.method, request.target, headers
