"""Whether an answer is one that the API documents for its request."""

import csv
import io
import json
import re

from fuzzing.schema import Document

UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

# The catalogue of errors: (status, whether sending the same again may help).
CODES = {
    "malformed_json": (400, False),
    "invalid_request": (400, False),
    "timestamp_out_of_range": (400, False),
    "body_incomplete": (400, True),
    "api_key_missing": (401, False),
    "api_key_invalid": (401, False),
    "api_key_revoked": (401, False),
    "api_key_expired": (401, False),
    "scope_missing": (403, False),
    "origin_not_allowed": (403, False),
    "stream_unknown": (404, False),
    "channel_unknown": (404, False),
    "not_found": (404, False),
    "method_not_allowed": (405, False),
    "not_acceptable": (406, False),
    "request_timeout": (408, True),
    "stream_finalized": (409, False),
    "units_mismatch": (409, False),
    "manifest_mismatch": (409, False),
    "chunk_newer": (409, False),
    "refusal_without_body": (409, False),
    "stream_deleted": (410, False),
    "body_too_large": (413, False),
    "too_many_points": (413, False),
    "uri_too_long": (414, False),
    "unsupported_media_type": (415, False),
    "expectation_failed": (417, False),
    "headers_too_large": (431, False),
    "internal_error": (500, True),
    "not_implemented": (501, False),
    "database_unavailable": (503, True),
    "overloaded": (503, True),
    "stopping": (503, True),
    "http_version_not_supported": (505, False),
}

ACCESS = {"api_key_missing", "api_key_invalid", "api_key_revoked", "api_key_expired", "scope_missing", "origin_not_allowed"}

# What HTTP itself can go wrong with, at any path, and what Tomcat may answer before any operation is reached.
HTTP = {"invalid_request", "body_incomplete", "request_timeout", "uri_too_long", "headers_too_large", "expectation_failed",
        "not_implemented", "http_version_not_supported"}

BODY = {"malformed_json", "body_too_large", "unsupported_media_type", "not_acceptable"}

CHUNK = BODY | {"timestamp_out_of_range", "too_many_points", "stream_finalized", "units_mismatch", "stream_deleted"}

STREAM = {"stream_unknown", "stream_deleted", "not_acceptable"}

# What each operation may go wrong with, beside HTTP, keys, and outages.
ERRORS = {
    "ingestChunk": CHUNK,
    "ingestMultiChunk": CHUNK,
    "initializeStream": BODY,
    "finalizeStream": BODY | STREAM | {"manifest_mismatch"},
    "describeStream": STREAM,
    "deleteStream": {"stream_unknown", "not_acceptable"},
    "listStreams": {"not_acceptable"},
    "correctUnits": BODY | STREAM | {"channel_unknown"},
    "readTimeseries": STREAM | {"channel_unknown"},
    "readPoints": STREAM | {"channel_unknown"},
    "readHeldChunks": STREAM | {"channel_unknown"},
    "listRefusals": {"not_acceptable"},
    "readRefusal": {"not_found", "not_acceptable"},
    "deleteRefusal": {"not_found", "not_acceptable"},
    "readRefusalBody": {"not_found", "refusal_without_body", "not_acceptable"},
    "resendRefusal": CHUNK | {"not_found", "stream_unknown", "chunk_newer", "refusal_without_body"},
    "createApiKey": BODY,
    "listApiKeys": {"not_acceptable"},
    "revokeApiKey": {"not_found", "not_acceptable"},
}

# Only while PostgreSQL is away, or the service is stopped.
OUTAGE = {"database_unavailable", "overloaded", "stopping"}

# Nothing here overloads the service, or resends refused chunks. Other tests do.
UNPROVOKED = {"overloaded", "chunk_newer", "refusal_without_body"}

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")

# Words of the inside that no answer may have, unless the request had them.
INSIDE = re.compile(r"Exception|\bat [a-z]+\.[a-z]+\.|java\.|jakarta\.|org\.[a-z]+\.|tools\.jackson|\bSQL|\bSELECT\b|\bINSERT\b")

CSV_COLUMNS = ["channel", "time_seconds", "time", "value", "chunk_index"]


class Undocumented(Exception):
    """The answer is none that the API documents; the message says why."""


class Judge:
    """Holds answers against openapi.yaml and the catalogue of errors."""

    def __init__(self, openapi):
        self.document = Document(openapi)
        self.operations = [(method, re.compile(_pattern(path)), operation)
                           for method, path, operation in self.document.operations()]
        self.problem = self.document.root["components"]["responses"]["Problem"]
        self.titles = {}
        documented = set(self.document.root["components"]["schemas"]["ErrorCode"]["enum"])
        if documented != set(CODES):
            raise SystemExit("openapi.yaml and the fuzzer differ in their codes: %s" % sorted(documented ^ set(CODES)))

    def codes(self):
        """All that the service can answer, but for what it never must."""
        return set(CODES) - {"internal_error"} - UNPROVOKED

    def operation(self, method, target):
        """The operation that a request is for, or None; and whether its path is one of the API's at all."""
        path = target.split("?")[0]
        path = path[:-1] if path.endswith("/") and len(path) > 1 else path
        methods = [(allowed, operation) for allowed, pattern, operation in self.operations if pattern.match(path)]
        for allowed, operation in methods:
            if method == allowed or (method == "HEAD" and allowed == "GET"):
                return operation, True
        return None, bool(methods)

    def check(self, answer, method, target, sent, outage=False):
        """Checks one answer.

        method, target: of the request; no target where its line cannot be read with certainty. sent: its bytes.
        Returns (error code or None, parsed body or None).
        """
        self._check_request_id(answer)
        if answer.status >= 400 and not self._is_down(answer, method, target):
            return self._check_problem(answer, method, target, sent, outage)
        if target is None:
            if answer.status not in (200, 201, 204, 304):
                raise Undocumented("status %d" % answer.status)
            return None, None
        return None, self._check_success(answer, method, target)

    def _is_down(self, answer, method, target):
        """Whether it is a probe's answer, which is no error."""
        return answer.status == 503 and (target or "").startswith("/actuator/health")

    def _check_request_id(self, answer):
        if not REQUEST_ID.match(answer.header("X-Request-Id") or ""):
            raise Undocumented("X-Request-Id is %r" % answer.header("X-Request-Id"))

    def _check_success(self, answer, method, target):
        operation, _ = self.operation(method, target)
        if method == "OPTIONS" and answer.status == 200 and answer.header("Allow") and not answer.body:
            return None
        if operation is None:
            raise Undocumented("%d for what is not served" % answer.status)
        response = self.document.response(operation, answer.status)
        if response is None:
            raise Undocumented("%s does not have status %d" % (operation["operationId"], answer.status))
        self._check_headers(answer, response)
        if answer.status in (204, 304) or method == "HEAD":
            return None
        return self._check_content(answer, response, operation, target)

    def _check_headers(self, answer, response):
        for name, header in response.get("headers", {}).items():
            header = self.document.resolve(header)
            value = answer.header(name)
            if value is None and header.get("required"):
                raise Undocumented("the header %s is missing" % name)
            if value is not None:
                self._check_schema(header["schema"], _header_value(header["schema"], value), "header " + name)

    def _schema(self, answer, response):
        kind = answer.media_type()
        if kind not in response.get("content", {}):
            raise Undocumented("%r is not documented with status %d" % (kind, answer.status))
        return response["content"][kind]["schema"]

    def _check_content(self, answer, response, operation, target):
        kind = answer.media_type()
        schema = self._schema(answer, response)
        if kind == "text/csv":
            return _csv(answer.body)
        if kind == "application/vnd.apache.parquet":
            if answer.body[:4] != b"PAR1" or answer.body[-4:] != b"PAR1":
                raise Undocumented("no Parquet: %r" % answer.body[:40])
            return None
        if not kind.endswith("json"):
            return None
        body = parse(answer.body)
        if body is None and operation["operationId"] == "readTimeseries" and "return_null_if_missing" in target:
            return None
        self._check_schema(schema, body, "body")
        return body

    def _check_schema(self, schema, value, what):
        faults = list(self.document.faults(schema, value))
        if faults:
            raise Undocumented("%s: %s" % (what, "; ".join(faults[:5])))

    def _check_problem(self, answer, method, target, sent, outage):
        if answer.media_type() != "application/problem+json":
            raise Undocumented("the error is %r" % answer.header("Content-Type"))
        response = self._problem_response(answer, method, target)
        self._check_headers(answer, response)
        schema = self._schema(answer, response)
        if method == "HEAD":
            return None, None
        body = parse(answer.body)
        self._check_schema(schema, body, "problem")
        code = body["code"]
        self._check_problem_fields(answer, body)
        self._check_problem_headers(answer, code, sent)
        self._check_stored(body, method, target)
        self._check_documented(code, method, target, outage)
        inside = INSIDE.search(json.dumps(body, ensure_ascii=False))
        if inside and inside.group().encode() not in sent:
            raise Undocumented("the answer speaks of the inside: %s" % inside.group())
        return code, body

    def _problem_response(self, answer, method, target):
        """What the document says of the error: with its operation, or else once for all."""
        operation = self.operation(method, target)[0] if target is not None else None
        if operation is None:
            return self.problem
        response = self.document.error(operation, answer.status)
        if response is None and answer.status not in {CODES[code][0] for code in HTTP}:
            raise Undocumented("%s does not have the error %d" % (operation["operationId"], answer.status))
        return response or self.problem

    def _check_problem_fields(self, answer, body):
        code = body["code"]
        status, retryable = CODES[code]
        expected = {"type": "urn:metrology-ingest:error:" + code, "status": status, "retryable": retryable,
                    "title": self.titles.setdefault(code, body["title"]),
                    "request_id": answer.header("X-Request-Id")}
        wrong = {name: body.get(name) for name, value in expected.items() if body.get(name) != value}
        if wrong or answer.status != status:
            raise Undocumented("code %s with status %d has %s" % (code, answer.status, wrong))
        if not body["detail"].strip() or any(ord(character) < 32 for character in body["detail"]):
            raise Undocumented("detail is %r" % body["detail"])

    def _check_problem_headers(self, answer, code, sent):
        if code == "method_not_allowed" and not answer.header("Allow"):
            raise Undocumented("405 without Allow")
        if code in OUTAGE and not (answer.header("Retry-After") or "").isdigit():
            raise Undocumented("503 without Retry-After")
        if answer.status == 401 and not answer.header("WWW-Authenticate"):
            raise Undocumented("401 without WWW-Authenticate")

    def _check_stored(self, body, method, target):
        """On chunks it must be there; null is for a commit in doubt alone."""
        if "stored" in body and body["stored"] is None and body["code"] not in ("database_unavailable", "stopping"):
            raise Undocumented("stored is null with %s" % body["code"])
        if target is None:
            return
        operation, _ = self.operation(method, target)
        ingest = operation is not None and operation["operationId"] in ("ingestChunk", "ingestMultiChunk")
        if ingest and "stored" not in body:
            raise Undocumented("stored is missing")
        if operation is not None and not ingest and "stored" in body and "instance" in body:
            raise Undocumented("stored is there, and this is no chunk")

    def _check_documented(self, code, method, target, outage):
        if code in HTTP or (outage and code in OUTAGE) or code in ACCESS:
            return
        if target is None:
            if code == "internal_error" or code in OUTAGE:
                raise Undocumented(code)
            return
        operation, known = self.operation(method, target)
        if operation is not None:
            allowed = ERRORS.get(operation["operationId"], {"not_acceptable"})
        else:
            allowed = {"method_not_allowed"} if known else {"not_found", "method_not_allowed"}
        if code not in allowed:
            raise Undocumented("%s does not have the code %s"
                               % (operation["operationId"] if operation else "what is not served", code))


def _header_value(schema, text):
    """A header's value in the type that its schema has; as it is where it is none of that type."""
    if schema.get("type") == "integer" and re.match(r"-?\d+\Z", text):
        return int(text)
    return text


def parse(body):
    """JSON as RFC 8259 has it: UTF-8, no key twice, no NaN."""
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
    except ValueError as failure:
        raise Undocumented("no JSON (%s): %.300r" % (failure, body))


def _unique(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def _refuse(constant):
    raise ValueError(constant)


def _csv(body):
    rows = list(csv.reader(io.StringIO(body.decode("utf-8"), newline="")))
    if not rows or rows[0] != CSV_COLUMNS:
        raise Undocumented("the CSV begins with %r" % body[:100])
    if any(len(row) != len(CSV_COLUMNS) for row in rows):
        raise Undocumented("a row of the CSV has another number of columns")
    return rows


def _pattern(path):
    """A path of the document as the service takes it: under both prefixes, with a UUID for an id."""
    path = path[:-1] if path.endswith("/") else path
    quoted = re.sub(r"\\{\w+\\}", UUID, re.escape(path))
    return quoted.replace("/metrology/", "/(?:metrology|tool\\-state)/", 1) + r"\Z"


def method_of(sent):
    """HEAD or GET: whether an answer to these bytes has a body, also where their line is not well-formed."""
    return "HEAD" if sent.lstrip(b"\r\n").startswith(b"HEAD ") else "GET"


def line(sent):
    """The method and target of a request's bytes; no target where they cannot be read with certainty."""
    parts = sent.split(b"\r\n", 1)[0].split(b" ")
    if len(parts) != 3 or not re.match(rb"HTTP/1\.[01]\Z", parts[2]) or not re.match(rb"[A-Z]+\Z", parts[0]):
        return method_of(sent), None
    if not re.match(rb"/[\x21-\x7e]*\Z", parts[1]):
        return method_of(sent), None
    path = parts[1].split(b"?")[0].decode()
    # The service may read such a path in its own way.
    if re.search(r"//|/\.|;|%|#", path):
        return method_of(sent), None
    return parts[0].decode(), parts[1].decode()
