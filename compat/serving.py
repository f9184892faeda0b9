"""The packaged service under test: its life, its figures, and what it stored."""

import array
import collections
import http.client
import json
import os
import re
import subprocess
import threading
import time
import urllib.parse

import measured
import pytest
import servers
import socket_parent

# As operators are told to start it on a small machine.
FLAGS = ("-Xmx512m",)


class Served(servers.Service):
    """One data folder, through several lives. Without a key, the service serves this machine only."""

    def __init__(self, options, folder, name, key="", flags=FLAGS):
        self.folder, self.label, self.key, self.operator_port = folder, name, key, servers.free_port()
        self.cluster = servers.Cluster(folder / f"{name}-data", servers.free_port())
        super().__init__(options, folder, name,
                         [f"--metrology.data-dir={self.cluster.folder}",
                          f"--metrology.database.embedded-port={self.cluster.port}"],
                         environment={"METROLOGY_ACCESS_BOOTSTRAP_KEY": key,
                                      "METROLOGY_HTTP_OPERATORPORT": str(self.operator_port)}, flags=flags)

    def start(self):
        self.launch()
        servers.wait_until("the service to be ready", self.is_ready)

    def launch(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env=self.environment)

    def has_launch_copy(self):
        """Whether later starts are fast."""
        return bool(list((self.folder / f"{self.label}-data").glob("launch/*/classes")))

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def end(self):
        self.stop()
        if self.cluster.postmaster():
            self.cluster.kill()

    def ask(self, method, path, body=None, content_type="application/json", headers=None):
        """The status, the headers and the JSON of an answer; None for no body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {**({"Content-Type": content_type} if body is not None else {}),
                                **({"X-API-KEY": self.key} if self.key else {}), **(headers or {})})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, answer.headers, json.loads(text) if text else None
        finally:
            connection.close()

    def get(self, path):
        status, _, text = self.plain(path)
        if status != 200:
            raise OSError(f"{path}: {status}")
        return text

    def plain(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path, headers={"X-API-KEY": self.key} if self.key else {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def description(self, data_id):
        status, _, body = self.ask("GET", f"/metrology/stream/{data_id}")
        assert status == 200, body
        return body

    def refusals(self, data_id):
        """The records of refused chunks of a stream."""
        status, _, body = self.ask("GET", "/metrology/refusals?" + urllib.parse.urlencode({"data_id": data_id}))
        assert status == 200, body
        return body["refusals"]

    def problems(self):
        """How many requests were answered with an error, by code. SDK versions from 0.21.7 ask for /gateway/time and
        rightly get 404 `not_found`, so this code is left out. No other request of the SDK's streamer can get it."""
        rows = re.findall(r'^metrology_http_problems_total\{code="(\w+)"\} (\S+)', self.get("/actuator/prometheus"), re.M)
        return collections.Counter({code: int(float(count)) for code, count in rows if code != "not_found"})

    def reset_peak(self):
        with open(f"/proc/{self.process.pid}/clear_refs", "w") as file:
            file.write("5")

    def peak(self):
        """The most resident memory since the last reset, in MiB."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(r"VmHWM:\s+(\d+)", file.read())[1]) / 1024

    def chunks(self, data_id):
        """All rows of a stream: (chunk_index, channel_name) to the bytes of both arrays."""
        with self.cluster.connect() as connection, connection.cursor(binary=True) as cursor:
            cursor.execute('SELECT chunk_index, channel_name, timestamps, "values" FROM chunk WHERE data_id = %s',
                           [data_id])
            return {(index, channel): (bytes_of(timestamps), bytes_of(values))
                    for index, channel, timestamps, values in cursor}

    def count(self, data_id):
        return self.cluster.ask("SELECT count(*) FROM chunk WHERE data_id = %s", [data_id])[0][0]

    def points(self, data_id, channel):
        status, _, body = self.ask("GET", f"/metrology/stream/{data_id}/points?" + urllib.parse.urlencode({"channel": channel}))
        assert status == 200, body
        return bytes_of(body["timestamps"]), bytes_of(measured.math.nan if value is None else value
                                                      for value in body["values"])


class SocketServed(Served):
    """A parent process holds the listening socket, also while the service is down."""

    listener = None

    def launch(self):
        if self.listener is None:
            self.listener = socket_parent.listen(self.port)
        command = [*self.command, f"--logging.file.name={self.log}"]
        self.process = socket_parent.start(command, self.listener, self.environment)

    def end(self):
        super().end()
        if self.listener is not None:
            self.listener.close()


def bytes_of(doubles):
    """Every bit counts: -0.0 differs from 0.0, and a missing value is one certain NaN."""
    return array.array("d", doubles).tobytes()


def require_none(faults):
    """A case names all of its faults, not only the first."""
    if faults:
        pytest.fail("\n".join(map(str, faults)), pytrace=False)


class Comparison:
    """What was pushed against the rows of the stream."""

    def __init__(self, script, rows):
        self.pushed = script.pushed()
        self.lost = [key for key in self.pushed if key not in rows]
        self.changed = [(index, channel) for index, channel in self.pushed if (index, channel) in rows
                        and rows[index, channel] != (bytes_of(measured.timestamps_of(index)),
                                                     bytes_of(measured.values_of(channel, index)))]
        self.foreign = rows.keys() - set(self.pushed)
        self.broken_promises = script.acknowledged() - rows.keys()
        self.stored = len(self.pushed) - len(self.lost) - len(self.changed)

    def faults(self):
        return [f"{len(keys)} of {len(self.pushed)} chunks are {fault}, such as {sorted(keys)[:3]}"
                for fault, keys in (("lost", self.lost), ("changed", self.changed), ("never pushed", self.foreign),
                                    ("acknowledged and not stored", self.broken_promises)) if keys]


def compare_points(service, data_id, script):
    """Faults of the channels as the service gives them back, in the order of chunk_index."""
    indexes = collections.defaultdict(list)
    for index, channel in script.pushed():
        indexes[channel].append(index)
    faults = []
    for channel, own in indexes.items():
        timestamps, values = service.points(data_id, channel)
        if (timestamps != b"".join(bytes_of(measured.timestamps_of(index)) for index in sorted(own))
                or values != b"".join(bytes_of(measured.values_of(channel, index)) for index in sorted(own))):
            faults.append(f"/points of channel {channel} differ from the pushed numbers")
    return faults


class Prober(threading.Thread):
    """Asks for health every 100 ms, each time on a new connection, and waits up to 30 s for an answer."""

    def __init__(self, name, port):
        super().__init__(daemon=True)
        self.label, self.port, self.latencies, self.faults = name, port, [], []
        self.ending = threading.Event()

    def run(self):
        while not self.ending.is_set():
            begun = time.monotonic()
            fault = self.probe()
            self.latencies.append(time.monotonic() - begun)
            if fault:
                self.faults.append(fault)
            self.ending.wait(max(0, 0.1 - (time.monotonic() - begun)))

    def probe(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", "/actuator/health", headers={"Connection": "close"})
            status = connection.getresponse().status
            return None if status == 200 else f"status {status}"
        except (OSError, http.client.HTTPException) as error:
            return repr(error)
        finally:
            connection.close()

    def end(self):
        self.ending.set()
        self.join()
        return [f"{len(self.faults)} of {len(self.latencies)} probes on the {self.label} port failed, such as "
                f"{self.faults[0]}"] if self.faults else []

    def __str__(self):
        if len(self.faults) == len(self.latencies):
            return "no answer"
        ordered = sorted(self.latencies)
        return f"{ordered[-1]:.2f} / {ordered[int(len(ordered) * 0.99)]:.2f}"
