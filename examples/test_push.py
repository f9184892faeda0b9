#!/usr/bin/env python3
"""push.py against the real service: connections are cut again and again, and sender and server are killed.

    python3 examples/test_push.py [target/metrology-ingest.jar]
"""

import csv
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
import urllib.request
import uuid

HERE = pathlib.Path(__file__).resolve().parent
JAR = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else HERE.parent / "target" / "metrology-ingest.jar").resolve()
CHANNELS = ["thickness", "Temperatur °C, \"α\""]
POINTS = 6000
SEED = int(os.environ.get("SEED", time.time_ns()))


class Service:
    """The packaged service with its embedded database, on one port through all of its lives."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def start(self):
        self.log = open(self.folder / "service.log", "a")
        self.process = subprocess.Popen(
            ["java", "-jar", JAR, f"--server.port={self.port}", f"--metrology.data-dir={self.folder / 'data'}"],
            stdout=self.log, stderr=self.log)
        for _ in range(6000):
            try:
                self.get("/actuator/health/readiness")
                return
            except OSError:
                if self.process.poll() is not None:
                    raise AssertionError("The service ended: " + (self.folder / "service.log").read_text()[-3000:])
                time.sleep(0.1)
        raise AssertionError("The service is not ready")

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as response:
            return response.read().decode()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()


class Cutter:
    """Passes connections on, and cuts most of them after a random number of bytes, in either direction."""

    def __init__(self, target, chance):
        self.target, self.chance, self.cuts, self.calm = target, chance, 0, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                client.close()
                continue
            for a, b in ((client, server), (server, client)):
                cut = not self.calm and self.chance.random() < 0.3
                budget = self.chance.randrange(1, 40_000 if a is client else 400) if cut else None
                threading.Thread(target=self.copy, args=(a, b, budget), daemon=True).start()

    def copy(self, source, sink, budget):
        try:
            while data := source.recv(4096):
                if budget is not None and len(data) >= budget:
                    sink.sendall(data[:budget])
                    self.cuts += 1
                    break
                sink.sendall(data)
                budget = None if budget is None else budget - len(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


class PushTest(unittest.TestCase):

    def test_every_point_arrives_once_and_to_the_last_bit(self):
        print(f"SEED={SEED}")
        chance = random.Random(SEED)
        points = {channel: [(1.7e9 + i + chance.random(), None if chance.random() < 0.1 else chance.gauss(0, 1e6))
                            for i in range(POINTS)] for channel in CHANNELS}
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            service = Service(folder)
            try:
                service.start()
                cutter = Cutter(service.port, chance)
                data_id = str(uuid.uuid4())
                spool = folder / "spool"
                kills = self.push_with_kills(points, chance, service, cutter, spool, data_id)
                self.assertGreater(kills, 2)
                self.assertGreater(cutter.cuts, 5)
                self.compare(points, service, data_id)
                print(f"{cutter.cuts} connections cut, {kills} senders killed, the server killed once")
            finally:
                service.stop()

    def push_with_kills(self, points, chance, service, cutter, spool, data_id):
        kills = 0
        server_killed = False
        while True:
            done = {channel: self.spooled(spool, channel) for channel in points}
            last = all(done[channel] == POINTS for channel in points)
            push = subprocess.Popen([sys.executable, HERE / "push.py", f"http://127.0.0.1:{cutter.port}", spool, data_id],
                                    stdin=subprocess.PIPE, text=True,
                                    env={**os.environ, "PUSH_POINTS": "97", "PUSH_SECONDS": "0.2"})
            if last:
                push.stdin.close()
                self.assertEqual(push.wait(timeout=300), 0)
                return kills
            left = chance.randrange(200, 3000)
            for channel in points:
                for timestamp, value in points[channel][done[channel]:done[channel] + left]:
                    push.stdin.write(f"{channel},{timestamp!r},{'' if value is None else repr(value)}\n")
            push.stdin.flush()
            time.sleep(chance.uniform(0.3, 2))
            if kills == 2 and not server_killed:
                server_killed = True
                service.kill()
                service.start()
            push.kill()
            push.wait()
            push.stdin.close()
            kills += 1

    def spooled(self, spool, channel):
        """How many whole points of a channel the sender has taken over."""
        folder = spool / urllib.parse.quote(channel, safe="")
        return sum(file.read_text().count("\n") for file in folder.glob("*.*")) if folder.exists() else 0

    def compare(self, points, service, data_id):
        for channel in points:
            query = urllib.parse.urlencode({"channel": channel, "format": "csv"})
            rows = list(csv.DictReader(service.get(f"/metrology/stream/{data_id}/points?{query}").splitlines()))
            arrived = [(float(row["time_seconds"]), float(row["value"]) if row["value"] else None) for row in rows]
            self.assertEqual(arrived, points[channel])
            answer = service.get(f"/metrology/stream/{data_id}/chunks?" + urllib.parse.urlencode({"channel": channel}))
            self.assertIn('"missing":[]', answer.replace(" ", ""))


if __name__ == "__main__":
    unittest.main()
