#!/usr/bin/env python3
"""Stops and starts the service while clients post, with a parent process that holds the listening socket.

    target/python/bin/python reliability/restart_loss.py [--restarts 5] [--short]

Each client posts one chunk every 50 ms and never sends a chunk again. Half of them keep their connection, half open a
new one for each chunk. Every chunk must be acknowledged, and every acknowledged chunk must be stored.
"""

import http.client
import json
import os
import threading
import time
import uuid

import servers
import socket_parent
from servers import BrokenPromise

CLIENTS = 8
PAUSE = 0.05
# The SDK gives up after 30 s. A busy machine starts the service more slowly, and this proof judges no time.
CLIENT_SECONDS = 300


class Client(threading.Thread):
    """Posts chunk after chunk to a stream of its own."""

    def __init__(self, port, keeps):
        super().__init__(daemon=True)
        self.port, self.keeps = port, keeps
        self.stream, self.acknowledged, self.failure, self.slowest = str(uuid.uuid4()), 0, None, 0.0
        self.ends = threading.Event()

    def run(self):
        connection = None
        while not self.ends.is_set() and self.failure is None:
            begun = time.monotonic()
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=CLIENT_SECONDS)
                connection.request("POST", "/metrology/stream/chunk", self.chunk(),
                                   {"Content-Type": "application/json", "X-API-KEY": servers.KEY})
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 201:
                    self.failure = f"{answer.status} {body[:300]}"
                if answer.will_close or not self.keeps:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as failure:
                self.failure = repr(failure)
            self.acknowledged += self.failure is None
            self.slowest = max(self.slowest, time.monotonic() - begun)
            time.sleep(PAUSE)

    def chunk(self):
        index = self.acknowledged
        return json.dumps({"data_id": self.stream, "channel_name": "pressure", "chunk_index": index,
                           "timestamps": [1705312200.0 + index], "values": [index]})


class Parent:
    """Starts the service again and again on one listening socket."""

    def __init__(self, options, folder):
        self.listener = socket_parent.listen(0)
        self.port = self.listener.getsockname()[1]
        self.command = [options.java, "-jar", str(options.jar), f"--metrology.data-dir={folder / 'data'}"]
        self.environment = {**os.environ, "METROLOGY_ACCESS_BOOTSTRAP_KEY": servers.KEY}
        self.log = folder / "service.log"
        self.process = None

    def start(self):
        with open(self.log, "a") as log:
            self.process = socket_parent.start(self.command, self.listener, self.environment, stdout=log, stderr=log)

    def await_ready(self):
        """The connection waits in the kernel until the service accepts it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=CLIENT_SECONDS)
        connection.request("GET", "/actuator/health/readiness", headers={"Connection": "close"})
        if connection.getresponse().status != 200:
            raise BrokenPromise("the service is not ready: " + self.log.read_text()[-3000:])
        connection.close()

    def stop(self):
        self.process.terminate()
        if self.process.wait() not in (0, 143):
            raise BrokenPromise(f"the service ended with {self.process.returncode}")


def stored(parent, client):
    connection = http.client.HTTPConnection("127.0.0.1", parent.port, timeout=CLIENT_SECONDS)
    connection.request("GET", f"/metrology/stream/{client.stream}",
                       headers={"X-API-KEY": servers.KEY, "Connection": "close"})
    return json.loads(connection.getresponse().read())["channels"][0]["total_points"]


def proof(options, folder, _, stack):
    parent = Parent(options, folder)
    parent.start()
    stack.callback(lambda: parent.process.poll() is None and parent.stop())
    parent.await_ready()
    servers.wait_until("the launch copy", lambda: list(folder.glob("data/launch/*/classes")), CLIENT_SECONDS)
    clients = [Client(parent.port, number % 2 == 0) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for number in range(options.restarts):
        time.sleep(2)
        parent.stop()
        parent.start()
        parent.await_ready()
        print(f"restart {number + 1}: {sum(client.acknowledged for client in clients)} chunks acknowledged", flush=True)
    time.sleep(2)
    for client in clients:
        client.ends.set()
    for client in clients:
        client.join()
        if client.failure:
            raise BrokenPromise(f"chunk {client.acknowledged} of {client.stream} was lost: {client.failure}")
        if stored(parent, client) != client.acknowledged:
            raise BrokenPromise(f"{stored(parent, client)} of {client.acknowledged} chunks of {client.stream} are stored")
    return (f"restart: {options.restarts} restarts, {sum(client.acknowledged for client in clients)} chunks, 0 lost,"
            f" the slowest answer took {max(client.slowest for client in clients):.1f} s")


if __name__ == "__main__":
    servers.prove(servers.arguments("restarts under load, with socket activation", restarts=(5, 1)), proof)
