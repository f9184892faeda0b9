"""A PostgreSQL of the bench's own, with the settings it has out of the box, and questions to one by psql."""

import os
import secrets
import signal

import machine
import programs
from machine import BenchError

# How the acknowledgement of a server counts: what a person must know who compares.
DURABILITY = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "wal_compression",
              "shared_buffers", "max_wal_size", "server_version")


class Database:
    """Where a PostgreSQL is, and how to ask it."""

    def __init__(self, host, port, name, user, password):
        self.host, self.port, self.name, self.user, self.password = host, port, name, user, password

    @property
    def url(self):
        return f"jdbc:postgresql://{self.host}:{self.port}/{self.name}"

    def command(self, program):
        return [programs.postgres_program(program), "-h", self.host, "-p", str(self.port), "-U", self.user]

    def environment(self):
        return dict(os.environ, PGPASSWORD=self.password, PGCONNECT_TIMEOUT="10")

    def ask(self, sql, seconds=300):
        """The rows of the answer, each a list of texts."""
        command = self.command("psql") + ["-X", "-A", "-t", "-q", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", self.name,
                                          "-f", "-"]
        answer = machine.run(command, seconds, env=self.environment(), input=sql)
        return [line.split("\t") for line in answer.splitlines() if line]

    def settings(self):
        names = ", ".join(f"'{name}'" for name in DURABILITY)
        return dict(self.ask(f"SELECT name, current_setting(name) FROM pg_settings WHERE name IN ({names})"))


class Cluster:
    """A server on a fresh data folder, as Debian ships it: its settings are the stock ones, but for those given."""

    def __init__(self, sandbox, name, settings=()):
        user = "postgres" if os.geteuid() == 0 else None
        launcher = ["setpriv"] + machine.as_user(user) if user else []
        self.folder = sandbox.make_folder(f"{name}-postgres", user)
        password = secrets.token_hex(16)
        password_file = os.path.join(self.folder, "password")
        with open(password_file, "w") as file:
            file.write(password)
        data = os.path.join(self.folder, "data")
        machine.run(launcher + [programs.postgres_program("initdb"), "-D", data, "-U", "metrology", "-E", "UTF8",
                                "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={password_file}"], 120,
                    cwd=sandbox.folder)
        port = machine.free_port()
        command = [programs.postgres_program("postgres"), "-D", data, "-c", f"port={port}",
                   "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        for setting in settings:
            command += ["-c", setting]
        # SIGINT is PostgreSQL's fast shutdown.
        self.process = sandbox.start(f"{name}-postgres", command, user=user, stop_signal=signal.SIGINT)
        self.database = Database("127.0.0.1", port, "postgres", "metrology", password)
        machine.wait_until("PostgreSQL", self.answers, 60, self.process)
        self.database.ask("CREATE DATABASE metrology")
        self.database.name = "metrology"

    def answers(self):
        try:
            return bool(self.database.ask("SELECT 1", 10))
        except BenchError:
            return False

    def disk_bytes(self):
        """Without the write-ahead log, which is used over and over."""
        return machine.disk_bytes(self.folder, without=lambda name: name == "pg_wal")
