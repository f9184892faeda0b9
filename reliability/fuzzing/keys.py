"""API keys of every kind, and which of them a request is sent with."""

import datetime
import json
import time

from fuzzing.service import BOOTSTRAP_KEY
from fuzzing.wire import Connection

SCOPES = ["read", "write", "delete", "admin"]


class Keys:
    """Keys that open what they are for, and some that open nothing."""

    def __init__(self, port):
        self.port = port
        self.all = [BOOTSTRAP_KEY, self._make("all", SCOPES)["key"]]
        self.only = {scope: self._make(scope, [scope])["key"] for scope in SCOPES}
        self.without = {scope: self._make("not " + scope, [s for s in SCOPES if s != scope])["key"] for scope in SCOPES}
        revoked = self._make("revoked", SCOPES)
        self._ask("DELETE", "/api-keys/" + revoked["id"], None, 204)
        self.revoked = revoked["key"]
        self.expired = self._expired()

    def headers(self, rng, request):
        """The headers that open a request, or now and then some that do not, and then what it must be answered."""
        scope = request.scope
        if scope is None or rng.random() < 0.96:
            key = rng.choice(self.all + ([self.only[scope]] if scope is not None else []))
            return _header(rng, key), None
        code, key = rng.choice([("api_key_missing", None), ("api_key_invalid", "x" * 40), ("api_key_invalid", self.all[0] + "x"),
                                ("api_key_revoked", self.revoked), ("api_key_expired", self.expired),
                                ("scope_missing", self.without[scope])])
        return ([] if key is None else _header(rng, key)), code

    def headers_for(self, rng, request, code):
        """The headers with which a request is answered with this code, or opened where it is None."""
        while True:
            headers, found = self.headers(rng, request)
            if found == code:
                return headers

    def _expired(self):
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
        key = self._make("expired", SCOPES, soon.strftime("%Y-%m-%dT%H:%M:%SZ"))["key"]
        deadline = time.monotonic() + 30
        while self._status(key) == 200:
            if time.monotonic() > deadline:
                raise SystemExit("A key does not expire")
            time.sleep(0.1)
        return key

    def _status(self, key):
        connection = Connection(self.port)
        try:
            connection.send(b"GET /metrology/streams?limit=1 HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: %s\r\n\r\n" % key.encode())
            return connection.answer().status
        finally:
            connection.close()

    def _make(self, name, scopes, expires_at=None):
        fields = dict({"name": name, "scopes": scopes}, **({"expires_at": expires_at} if expires_at else {}))
        return self._ask("POST", "/api-keys", fields, 201)

    def _ask(self, method, path, fields, status):
        body = json.dumps(fields).encode() if fields is not None else b""
        connection = Connection(self.port)
        try:
            connection.send(("%s %s HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: %s\r\nContent-Type: application/json\r\n"
                             "Content-Length: %d\r\n\r\n" % (method, path, BOOTSTRAP_KEY, len(body))).encode() + body)
            answer = connection.answer(method)
        finally:
            connection.close()
        if answer.status != status:
            raise SystemExit("%s %s: %d %s" % (method, path, answer.status, answer.body.decode()))
        return json.loads(answer.body) if answer.body else None


def _header(rng, key):
    return [("X-API-KEY", key)] if rng.random() < 0.8 else [("Authorization", rng.choice(["Bearer ", "bearer "]) + key)]
