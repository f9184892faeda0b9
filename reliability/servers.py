"""The service and its PostgreSQL as processes that are started, stopped and killed.

The PostgreSQL is the one that the service brings along, so that nothing needs to be installed.
"""

import argparse
import contextlib
import glob
import os
import pathlib
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import psycopg

JAR = pathlib.Path(__file__).resolve().parent.parent / "target" / "metrology-ingest.jar"

# The service asks for it, as it does wherever others can reach it; for all who import this.
KEY = secrets.token_hex(20)

# As the service sets them itself: what acknowledged chunks depend on.
DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")


class BrokenPromise(Exception):
    """The service did not do what it promises; the message says what."""


def wait_until(what, condition, seconds=120.0):
    """The first true answer of the condition; a BrokenPromise after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise BrokenPromise(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.01)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Cluster:
    """The PostgreSQL of a data folder that the service has made, driven by its own programs.

    PostgreSQL refuses to run as root; in a user namespace it sees another user, as when the service starts it.
    """

    def __init__(self, folder, port):
        self.folder, self.port = folder, port
        self.path = folder / "postgresql"

    @property
    def password(self):
        return (self.folder / "postgresql-password").read_text().strip()

    @property
    def url(self):
        return self.url_through(self.port)

    def url_through(self, port):
        return f"jdbc:postgresql://127.0.0.1:{port}/metrology?sslmode=disable"

    def connect(self):
        return psycopg.connect(host="127.0.0.1", port=self.port, dbname="metrology", user="metrology",
                               password=self.password, autocommit=True, connect_timeout=10,
                               application_name="reliability")

    def answers(self):
        try:
            return self.ask("SELECT 1") == [(1,)]
        except psycopg.Error:
            return False

    def ask(self, sql, parameters=()):
        with self.connect() as connection:
            return connection.execute(sql, parameters).fetchall()

    def execute(self, *statements):
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement)

    def start(self):
        # Of a server that was killed; the number in it may be another program's by now.
        if not self.postmaster():
            (self.path / "postmaster.pid").unlink(missing_ok=True)
        settings = (f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=") + DURABLE
        self._control("start", f"--log={self.folder / 'log' / 'start.log'}",
                      "--options=" + " ".join("-c " + setting for setting in settings))

    def stop(self, mode):
        """fast ends transactions and writes a checkpoint; immediate does neither, so that the next start recovers."""
        self._control("stop", f"--mode={mode}")

    def _control(self, action, *options):
        program = glob.glob(str(self.folder / "binaries" / "*" / "bin" / "pg_ctl"))[0]
        launcher = ["unshare", "-U"] if os.geteuid() == 0 else []
        done = subprocess.run(launcher + [program, action, f"--pgdata={self.path}", "--wait", "--timeout=120", *options],
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise BrokenPromise(f"pg_ctl {action} failed: {done.stderr} {self.log()[-2000:]}")

    def postmaster(self):
        """The number of the running server's process, or None: after a crash another program may have what is noted."""
        try:
            process = (self.path / "postmaster.pid").read_text().split()[0]
        except (FileNotFoundError, IndexError):
            return None
        command = subprocess.run(["ps", "-o", "args=", "-p", process], stdout=subprocess.PIPE, text=True).stdout
        return int(process) if str(self.path) in command else None

    def kill(self):
        """kill -9 of the postmaster and of all its children, so that none of them ends in an orderly way."""
        postmaster = self.postmaster()
        # Stopped first, so that it starts no other child meanwhile.
        os.kill(postmaster, signal.SIGSTOP)
        family = [postmaster] + children_of(postmaster)
        for process in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        for process in family:
            wait_until("PostgreSQL's end", lambda process=process: not is_alive(process))

    def log(self):
        return "".join(file.read_text(errors="replace") for file in sorted((self.folder / "log").glob("*.log")))


def children_of(parent):
    rows = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], stdout=subprocess.PIPE, text=True, check=True).stdout
    pairs = (map(int, row.split()) for row in rows.splitlines())
    return [process for process, of in pairs if of == parent]


def is_alive(process):
    """A zombie that nobody has waited for yet is dead."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], stdout=subprocess.PIPE, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


class Service:
    """The packaged service, on one port through all of its lives. It asks for the KEY."""

    # The quick compiler alone: a life here lasts seconds.
    SHORT_LIFE = ("-XX:TieredStopAtLevel=1", "-Xmx512m")

    def __init__(self, options, folder, name, settings, environment=None, flags=SHORT_LIFE):
        self.name, self.port = name, free_port()
        self.log = folder / f"{name}.log"
        temporary = folder / f"{name}.tmp"
        temporary.mkdir(exist_ok=True)
        self.command = [options.java, *flags, f"-Djava.io.tmpdir={temporary}", "-jar", str(options.jar),
                        f"--server.port={self.port}", *settings]
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("SPRING_", "METROLOGY_"))}
        # A life here is too short to prepare a faster one.
        self.environment = {**inherited, "METROLOGY_ACCESS_BOOTSTRAP_KEY": KEY, "METROLOGY_FASTSTART": "false",
                            **(environment or {})}
        self.process = None

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env=self.environment)
        wait_until(f"the {self.name} to be ready", self.is_ready)

    def is_ready(self):
        if self.process.poll() is not None:
            raise BrokenPromise(f"the {self.name} ended at its start: " + self.log.read_text()[-3000:])
        try:
            self.get("/actuator/health/readiness")
            return True
        except OSError:
            return False

    def get(self, path, port=None):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(f"http://127.0.0.1:{port or self.port}{path}", headers={"X-API-KEY": KEY})
        with opener.open(request, timeout=60) as answer:
            return answer.read().decode()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """As an operator does; kill -9 where that does not end it."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()


def embedded_service(options, folder, stack, flags=Service.SHORT_LIFE, settings=()):
    """A service with an embedded server on a port of its own; started, so that the folder and the schema are there."""
    cluster = Cluster(folder / "data", free_port())
    service = Service(options, folder, "service", [f"--metrology.data-dir={cluster.folder}",
                                                   f"--metrology.database.embedded-port={cluster.port}", *settings],
                      flags=flags)
    stack.callback(service.stop)
    service.start()
    return service, cluster


def service_beside(options, folder, name, cluster, port=None):
    """A service whose database is another process, reached at the cluster's port or another."""
    return Service(options, folder, name, [], environment={
        "SPRING_DATASOURCE_URL": cluster.url_through(port or cluster.port),
        "SPRING_DATASOURCE_USERNAME": "metrology", "SPRING_DATASOURCE_PASSWORD": cluster.password})


def separate_cluster(options, folder, stack):
    """A PostgreSQL that runs beside any service, on a folder that a service has made and left."""
    service, cluster = embedded_service(options, folder, stack)
    service.stop()
    cluster.start()
    return cluster


def arguments(description, **numbers):
    """The options that all proofs share; each number is the full and the short size of what the proof counts."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--short", action="store_true", help="some 20 to 40 s")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10 ** 9, help="of all that is random")
    parser.add_argument("--jar", type=pathlib.Path, default=JAR, help="the service")
    parser.add_argument("--java", default="java", help="the program that runs it")
    for name, (full, short) in numbers.items():
        parser.add_argument(f"--{name}", type=int, help=f"{full}, or {short} with --short")
    options = parser.parse_args()
    for name, sizes in numbers.items():
        if getattr(options, name) is None:
            setattr(options, name, sizes[options.short])
    return options


def prove(options, proof):
    """Runs a proof in a folder of its own, which is kept where it fails, and ends the program with its outcome.

    The proof gets the options, the folder, its source of chance, and a stack for what is to be stopped at the end; it
    returns its final line.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("ended by a signal"))
    print(f"seed {options.seed}", flush=True)
    begun = time.monotonic()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="metrology-reliability-"))
    try:
        with contextlib.ExitStack() as stack:
            stack.callback(stop_left_over, folder)
            line = proof(options, folder, random.Random(options.seed), stack)
    except BrokenPromise as broken:
        sys.exit(f"{pathlib.Path(sys.argv[0]).stem}: BROKEN after {time.monotonic() - begun:.0f} s: {broken}\n"
                 f"seed {options.seed}; the data and the logs are kept in {folder}")
    except BaseException:
        print(f"seed {options.seed}; the data and the logs are kept in {folder}", file=sys.stderr)
        raise
    shutil.rmtree(folder)
    print(line + f" ({time.monotonic() - begun:.0f} s)")


def stop_left_over(folder):
    """The embedded server outlives a service that was killed, and so does one that was started here."""
    cluster = Cluster(folder / "data", 0)
    if cluster.postmaster():
        cluster.kill()
