#!/usr/bin/env python3
"""Backs up a PostgreSQL of the system's while many post, by pg_basebackup and by pg_dump, restores both, and compares.

    target/python/bin/python reliability/backup.py [--seconds 60] [--short]

What was acknowledged before a backup began must be in it, and all that is in it whole: by SQL, and by the command
check. Then the service starts on it and takes a chunk. The programs are the newest below /usr/lib/postgresql, or those
in PG_BIN, as in Debian's package postgresql; no cluster of theirs is touched.
"""

import copy
import glob
import os
import pathlib
import random
import re
import secrets
import shutil
import subprocess
import sys
import time

import checking
import servers
from posting import Content, Entry, Gate, Ledger, Persistent, Poster, Request, Streams, Workload, await_end
from servers import BrokenPromise

POSTERS = 16
LEAST_CHUNKS = 300

# So that the base backup lasts for some seconds of writes.
RATE = "10M"


class SystemCluster(servers.Cluster):
    """A PostgreSQL of the system's programs, in a folder that is laid out as those that the service makes."""

    def __init__(self, folder, password, stack):
        super().__init__(folder, servers.free_port())
        for part in ("binaries/system", "log"):
            (folder / part).mkdir(parents=True)
        (folder / "binaries" / "system" / "bin").symlink_to(programs())
        (folder / "postgresql-password").write_text(password)
        stack.callback(self.end)

    def make(self):
        """An empty server with a role and a database for the service, and a role for backups."""
        launcher = ["unshare", "-U"] if os.geteuid() == 0 else []
        run(*launcher, programs() / "initdb", f"--pgdata={self.path}", "--username=postgres", "--auth=scram-sha-256",
            f"--pwfile={self.folder / 'postgresql-password'}", "--encoding=UTF8", "--locale=C", "--data-checksums")
        self.start()
        for statement in (f"CREATE ROLE metrology LOGIN PASSWORD '{self.password}'",
                          f"CREATE ROLE backup LOGIN REPLICATION PASSWORD '{self.password}'"):
            self.run("psql", "postgres", "--quiet", f"--command={statement}")
        self.run("createdb", "postgres", "--owner=metrology", "metrology")

    def run(self, program, user, *arguments):
        run(programs() / program, "--host=127.0.0.1", f"--port={self.port}", f"--username={user}", *arguments,
            environment={"PGPASSWORD": self.password})

    def end(self):
        if self.postmaster():
            self.kill()


def programs():
    """The folder of PostgreSQL's programs."""
    found = glob.glob(os.environ.get("PG_BIN", "/usr/lib/postgresql/*/bin") + "/initdb")
    if not found:
        sys.exit("there is no initdb: install Debian's postgresql, or name the folder of its programs in PG_BIN")
    return max((pathlib.Path(program).parent for program in found), key=lambda folder: [
        int(number) for number in re.findall(r"\d+", str(folder))])


def run(*command, environment=None):
    """Returns what it says; a BrokenPromise where it fails."""
    inherited = {key: value for key, value in os.environ.items()
                 if not key.startswith(("PG", "SPRING_", "METROLOGY_"))}
    done = subprocess.run(list(map(str, command)), env={**inherited, **(environment or {})}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise BrokenPromise(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stdout[-3000:]}")
    return done.stdout


class Backup:
    """A backup that was taken under load: begun and ended say when its command ran."""

    def __init__(self, name, ledger, take):
        self.name = name
        before, self.begun = ledger.answers, time.monotonic()
        take()
        self.ended = time.monotonic()
        meanwhile = ledger.answers - before
        if not meanwhile:
            raise BrokenPromise(f"nothing was acknowledged during the {name}")
        print(f"{name}: {self.ended - self.begun:.1f} s, {meanwhile} answers meanwhile", flush=True)

    def ledger(self, whole):
        """What it must hold of a ledger: of what was not acknowledged before it began all, a part or nothing, and of
        what was sent after it had ended nothing."""
        part = Ledger()
        part.faults = whole.faults
        for key, entry in whole.entries.items():
            attempts = [self.attempt(attempt) for attempt in entry.attempts if attempt.begun <= self.ended]
            if attempts:
                part.entries[key] = Entry()
                part.entries[key].attempts = attempts
                part.chunks += any(attempt.stored for attempt in attempts)
        part.multis = {keys: None for keys in whole.multis if all(key in part.entries for key in keys)}
        return part

    def attempt(self, attempt):
        own = copy.copy(attempt)
        own.stored = attempt.stored and attempt.ended < self.begun
        return own


def post_until(ledger, service, options, chance, backups):
    """Posts without pause until the backups are taken, and returns them."""
    over, gate, streams = [], Gate(), Streams(chance)
    posters = [Persistent(Poster(ledger, service.port),
                          Workload(number, random.Random(f"{options.seed} {number}"), streams),
                          gate, lambda: over) for number in range(POSTERS)]
    for poster in posters:
        poster.start()
    taken = []
    for name, take in backups:
        before = ledger.chunks
        time.sleep(options.seconds)
        servers.wait_until("posters to go on", lambda: ledger.chunks - before >= LEAST_CHUNKS)
        taken.append(Backup(name, ledger, take))
    over.append(True)
    await_end(posters, ledger, 60)
    return taken


def check(options, cluster):
    """The service's own command, before anything else has seen the restored database."""
    told = run(options.java, *servers.Service.SHORT_LIFE, "-jar", options.jar, "check", environment={
        "SPRING_DATASOURCE_URL": cluster.url, "SPRING_DATASOURCE_USERNAME": "metrology",
        "SPRING_DATASOURCE_PASSWORD": cluster.password})
    print(told.splitlines()[-1], flush=True)


def require_service(options, folder, name, cluster, chance, stack):
    """Starts on the database, and takes a chunk."""
    service = servers.service_beside(options, folder, name, cluster)
    stack.callback(service.stop)
    service.start()
    ledger, key = Ledger(), (Streams(chance, 1).data_ids[0], "after the restore", 0)
    if not Poster(ledger, service.port).post(Request.single(key, Content.any(chance))):
        raise BrokenPromise(f"the service takes no chunk on the restored {name}")
    checking.require_kept(ledger, cluster, [key[0]])
    service.stop()


def proof(options, folder, chance, stack):
    password = secrets.token_hex(20)
    cluster = SystemCluster(folder / "data", password, stack)
    cluster.make()
    service = servers.service_beside(options, folder, "service", cluster)
    stack.callback(service.stop)
    service.start()
    base, dump = folder / "base-backup", folder / "metrology.dump"
    ledger = Ledger()
    taken = post_until(ledger, service, options, chance, [
        ("base backup", lambda: cluster.run("pg_basebackup", "backup", f"--pgdata={base}", "--checkpoint=fast",
                                            "--wal-method=stream", f"--max-rate={RATE}")),
        ("dump", lambda: cluster.run("pg_dump", "metrology", "--format=custom", f"--file={dump}", "metrology"))])
    service.stop()
    cluster.stop("fast")

    of_base = SystemCluster(folder / "of-base-backup", password, stack)
    run(programs() / "pg_verifybackup", base)
    shutil.copytree(base, of_base.path)
    of_base.path.chmod(0o700)
    of_base.start()
    of_dump = SystemCluster(folder / "of-dump", password, stack)
    of_dump.make()
    of_dump.run("pg_restore", "metrology", "--dbname=metrology", "--exit-on-error", dump)

    counts, zeros = [], set()
    for backup, restored in zip(taken, (of_base, of_dump)):
        check(options, restored)
        expected = backup.ledger(ledger)
        zeros.add(checking.require_kept(expected, restored))
        counts.append(expected.chunks)
        require_service(options, folder, backup.name, restored, chance, stack)
        restored.stop("fast")
    return (f"backup: base backup and dump under load, {counts[0]} and {counts[1]} chunks acknowledged before;"
            f" {' '.join(zeros)}")


if __name__ == "__main__":
    servers.prove(servers.arguments("backups under load, restored", seconds=(30, 3)), proof)
