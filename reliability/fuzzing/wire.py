"""HTTP as bytes on a socket: nothing between the fuzzer and the service that would mend a request."""

import gzip
import socket
import zlib

# Seconds within which every request is answered or its connection closed.
PATIENCE = 30

# More answers than any one exchange can have.
MOST_ANSWERS = 1000


class Hung(Exception):
    """Neither an answer nor the end of the connection came in time."""


class Closed(Exception):
    """The connection ended before an answer had begun."""


class NotHttp(Exception):
    """What came is no answer in HTTP/1.1, or ended in its middle."""

    def __init__(self, reason, received=b""):
        super().__init__(reason)
        self.received = received


class Answer:
    """One answer: its status, its headers by lower-case name, and its body without codings."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def header(self, name):
        """The header's one value, or None where it is missing."""
        values = self.headers.get(name.lower(), [])
        if len(values) > 1:
            raise NotHttp("%d headers %s" % (len(values), name))
        return values[0] if values else None

    def media_type(self):
        return (self.header("Content-Type") or "").split(";")[0].strip().lower()

    def closes(self):
        return (self.header("Connection") or "").lower() == "close"


class Connection:
    """A connection to the service, kept for as many requests as both sides like."""

    def __init__(self, port, patience=PATIENCE):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=patience)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.exchanges = 0

    def send(self, data):
        """Sends all; that the service has left already shows in what it answered before."""
        try:
            self.socket.sendall(data)
        except socket.timeout:
            raise Hung("the service no longer reads")
        except OSError:
            pass

    def end_sending(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def answer(self, method="GET"):
        """The next final answer; interim ones are passed over."""
        while True:
            answer = self._answer(method)
            if answer.status >= 200:
                self.exchanges += 1
                return answer

    def answers(self, method="GET"):
        """Each answer up to the end of the connection. Of which methods the later ones are, what comes next shows."""
        for number in range(MOST_ANSWERS):
            try:
                yield self.answer(method if number == 0 else None)
            except Closed:
                return
        raise NotHttp("answers without end")

    def close(self):
        self.socket.close()

    def _answer(self, method):
        lines = self._until(b"\r\n\r\n", may_be_closed=True).split(b"\r\n")
        status = _status(lines[0])
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon or name != name.strip() or not name:
                raise NotHttp("header %r" % line)
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.strip().decode("latin-1"))
        answer = Answer(status, headers, b"")
        if method is None and status >= 200 and answer.header("Content-Length") != "0" and not self._has_body():
            method = "HEAD"
        if status >= 200 and status not in (204, 304) and method != "HEAD":
            answer.body = _decoded(self._body(answer), answer.header("Content-Encoding"))
        return answer

    def _has_body(self):
        """Whether something else than another answer follows."""
        if not self.received:
            self.received = self._receive()
        return not (self.received == b"" or self.received.startswith(b"HTTP/1.1 "))

    def _body(self, answer):
        length = answer.header("Content-Length")
        if answer.header("Transfer-Encoding") == "chunked":
            if length is not None:
                raise NotHttp("both a length and chunks")
            return self._chunks()
        if length is None:
            if not answer.closes():
                raise NotHttp("an answer without an end")
            return self._rest()
        return self._exactly(int(length))

    def _chunks(self):
        body = []
        while True:
            size = int(self._until(b"\r\n").split(b";")[0], 16)
            data = self._exactly(size + 2)
            if data[-2:] != b"\r\n":
                raise NotHttp("a chunk without its end")
            if size == 0:
                return b"".join(body)
            body.append(data[:-2])

    def _until(self, end, may_be_closed=False):
        while end not in self.received:
            more = self._receive()
            if not more:
                if may_be_closed and not self.received:
                    raise Closed()
                raise NotHttp("broken off after %r" % self.received[-200:], self.received)
            self.received += more
        data, _, self.received = self.received.partition(end)
        return data

    def _exactly(self, length):
        while len(self.received) < length:
            more = self._receive()
            if not more:
                raise NotHttp("%d of %d bytes of a body" % (len(self.received), length))
            self.received += more
        data, self.received = self.received[:length], self.received[length:]
        return data

    def _rest(self):
        while True:
            more = self._receive()
            if not more:
                data, self.received = self.received, b""
                return data
            self.received += more

    def _receive(self):
        try:
            return self.socket.recv(1 << 16)
        except socket.timeout:
            raise Hung("no answer and no end within %s s" % self.socket.gettimeout())
        except OSError:
            return b""


def _status(line):
    parts = line.split(b" ", 2)
    if len(parts) < 2 or parts[0] != b"HTTP/1.1" or not parts[1].isdigit() or len(parts[1]) != 3:
        raise NotHttp("status line %r" % line)
    return int(parts[1])


def _decoded(body, coding):
    if coding is None:
        return body
    if coding != "gzip":
        raise NotHttp("coding %s" % coding)
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as failure:
        raise NotHttp("gzip: %s" % failure)
