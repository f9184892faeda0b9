"""The packaged service with its embedded PostgreSQL, in a folder of its own, with limits that are cheap to reach."""

import os
import pathlib
import signal
import socket
import subprocess
import time

from fuzzing import grammar

# Seconds that a chunk is held while PostgreSQL is away: long enough that a busy machine is not taken for it.
HOLD = 4

# Seconds after which an outage shows: more, so that some chunks wait in the queue until their time is over.
NO_ANSWER = 8

TRUSTED_ORIGIN = "https://dashboard.example"

# Seconds of silence in the middle of a request, and for a body as a whole.
SILENCE, BODY_TIME = 2, 4

BOOTSTRAP_KEY = "fuzz-bootstrap-0123456789abcdef"

SETTINGS = {
    "metrology.http.max-body-size": "%dB" % grammar.MOST_BODY,
    "metrology.http.body-timeout": "%ds" % BODY_TIME,
    "metrology.ingest.max-points": grammar.MOST_POINTS,
    "metrology.ingest.max-channels": grammar.MOST_CHANNELS,
    "metrology.ingest.hold": "%ds" % HOLD,
    "metrology.finalize.quiet-period": "20ms",
    # Longer than several bodies that stall, one after the other: each may be of the stream.
    "metrology.finalize.max-wait": "%ds" % (5 * BODY_TIME),
    "server.tomcat.connection-timeout": "%ds" % SILENCE,
    "server.tomcat.keep-alive-timeout": "120s",
    # Less than a chunk is held: what still waits is told that the service stops.
    "spring.lifecycle.timeout-per-shutdown-phase": "1s",
    "spring.datasource.hikari.data-source-properties.socketTimeout": NO_ANSWER,
    "spring.datasource.hikari.connection-timeout": 2000,
    "metrology.access.bootstrap-key": BOOTSTRAP_KEY,
    "metrology.access.cors-origins": TRUSTED_ORIGIN,
}


class Service:
    """One life of the service."""

    def __init__(self, jar, folder):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        settings = dict(SETTINGS, **{"server.port": self.port, "metrology.data-dir": self.data})
        temporary = self.folder / "tmp"
        temporary.mkdir()
        self.log = open(self.folder / "service.log", "wb")
        # In a session of its own: Ctrl-C is for the fuzzer, which then stops the service.
        self.process = subprocess.Popen(
            ["java", "-Xmx512m", "-Djava.io.tmpdir=%s" % temporary, "-jar", str(jar)]
            + ["--%s=%s" % setting for setting in settings.items()],
            stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True)

    def await_ready(self, seconds=120):
        """Waits until it serves, and the database answers."""
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("The service is not ready:\n" + self.tail())
            time.sleep(0.1)

    def is_ready(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as probe:
                probe.sendall(b"GET /actuator/health/readiness HTTP/1.0\r\nHost: localhost\r\n\r\n")
                return b" 200" in probe.recv(100).split(b"\r\n")[0]
        except OSError:
            return False

    def tail(self):
        return (self.folder / "service.log").read_text(errors="replace")[-4000:]

    def errors(self):
        """Lines of the log that blame the service."""
        with open(self.folder / "service.log", errors="replace") as lines:
            return [line.rstrip() for line in lines if " ERROR " in line]

    def database(self):
        """How to reach its PostgreSQL: (port, password)."""
        lines = (self.data / "postgresql" / "postmaster.pid").read_text().split("\n")
        return int(lines[3]), (self.data / "postgresql-password").read_text().strip()

    def pause_database(self):
        """Stops all of PostgreSQL's processes where they are; returns them."""
        postmaster = self._postmaster()
        os.kill(postmaster, signal.SIGSTOP)
        found = subprocess.run(["pgrep", "-P", str(postmaster)], stdout=subprocess.PIPE, check=True).stdout.split()
        stopped = [postmaster] + [int(process) for process in found]
        _signal(stopped[1:], signal.SIGSTOP)
        return stopped

    def resume_database(self, stopped):
        _signal(stopped, signal.SIGCONT)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        if (self.data / "postgresql" / "postmaster.pid").exists():
            # The service was killed, and PostgreSQL with it is not.
            _signal([self._postmaster()], signal.SIGQUIT)

    def _postmaster(self):
        return int((self.data / "postgresql" / "postmaster.pid").read_text().split("\n")[0])


def _signal(processes, number):
    for process in processes:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            pass
