"""What the bytes of a request are as HTTP: whether they are whole, and what body they carry."""

import gzip
import json
import re
import zlib

# Other protocols than HTTP/1, by what they begin with: TLS, and HTTP/2.
FOREIGN = (b"\x16\x03", b"PRI * HTTP/2.0")

BLANK_LINE = re.compile(rb"\r?\n\r?\n")


def may_go_unanswered(sent, ended):
    """Whether nobody can expect an answer to this. ended: the client has said that no more comes."""
    head, body = _split(sent)
    return head is None or sent.startswith(FOREIGN) or (ended and not _is_whole(head, body))


def has_no_version(sent, answered=0):
    """Whether it is a request of HTTP/0.9, to which the answer is a body and nothing else.

    answered: how many requests before it in the same bytes were answered.
    """
    for _ in range(answered):
        sent = _rest(sent)
    return not re.match(rb"[^ \t]+[ \t]+[^ \t]+[ \t]+.*HTTP/", sent.lstrip(b"\r\n").split(b"\n", 1)[0])


def has_lost_its_head(received):
    """Whether it is the body of a refusal by Tomcat alone.

    After a request of HTTP/0.9 Tomcat leaves out the head of its next answer, on whatever connection, where it cannot read
    the request line (11.0.24: Http11Processor keeps http09 until it knows the next request's version).
    """
    try:
        return json.loads(received)["code"] in ("invalid_request", "body_incomplete", "uri_too_long")
    except (ValueError, TypeError, KeyError):
        return False


def json_body(sent):
    """The body as JSON, its numbers as doubles, or None where it cannot be read."""
    head, body = _split(sent)
    if head is None:
        return None
    try:
        if _field(head, b"transfer-encoding"):
            body = _chunks(body)[0]
        elif _length(head) is not None:
            body = body[:_length(head)]
        if _field(head, b"content-encoding"):
            body = gzip.decompress(body)
        return json.loads(body, parse_int=float)
    except (ValueError, OSError, EOFError, zlib.error, RecursionError):
        return None


def _split(sent):
    """Head and body of the first request; no head where its end is missing."""
    sent = sent.lstrip(b"\r\n")
    end = BLANK_LINE.search(sent)
    return (sent[:end.start()], sent[end.end():]) if end else (None, b"")


def _rest(sent):
    """What comes after the first request."""
    head, body = _split(sent)
    if head is None:
        return b""
    try:
        return _chunks(body)[1] if _field(head, b"transfer-encoding") else body[_length(head) or 0:]
    except (EOFError, ValueError):
        return b""


def _field(head, name):
    values = re.findall(rb"(?im)^" + name + rb"[ \t]*:[ \t]*(.*?)[ \t\r]*$", head)
    return values[0] if values else None


def _length(head):
    value = _field(head, b"content-length")
    return int(value) if value is not None and re.match(rb"\d{1,18}\Z", value) else None


def _is_whole(head, body):
    """Whether the body came to its end; what breaks the rules of framing has to be told so."""
    if _field(head, b"transfer-encoding"):
        try:
            _chunks(body)
        except EOFError:
            return False
        except ValueError:
            pass
        return True
    return len(body) >= (_length(head) or 0)


def _chunks(body):
    """What HTTP's own chunks hold, and what follows; an EOFError where they do not end, a ValueError where they are none."""
    found = b""
    while True:
        line, newline, rest = body.partition(b"\n")
        if not newline:
            raise EOFError
        size = int(re.match(rb"[0-9a-fA-F]*", line).group(), 16)
        if size == 0:
            # Trailers, and a blank line.
            end = re.match(rb"\r?\n", rest) or BLANK_LINE.search(rest)
            if end is None:
                raise EOFError
            return found, rest[end.end():]
        if len(rest) < size + 2:
            raise EOFError
        found += rest[:size]
        body = rest[size:].partition(b"\n")[2]
