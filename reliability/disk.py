#!/usr/bin/env python3
"""Fills the disk that PostgreSQL writes to while many post, and makes room again.

    target/python/bin/python reliability/disk.py [--rounds 6] [--short]

The disk is a tmpfs in a mount namespace of its own (Linux, util-linux). While it is full, chunks are refused with an
honest 503, and health and metrics answer; once there is room again, all go on by themselves. A chunk that breaks a rule
is answered with 400 within a few seconds also then, and is recorded again once there is room.
"""

import contextlib
import os
import random
import subprocess
import sys
import time
import uuid

import psycopg

import checking
import refusals
import servers
from posting import Gate, Ledger, Persistent, Poster, Streams, Workload, await_end
from servers import BrokenPromise

POSTERS = 16
LEAST_CHUNKS = 300
DISK_MIB = 512
SEGMENT_MIB = 16

# Longer than the 15 s for which a chunk is held.
FULL_SECONDS = 20


class Disk:

    def __init__(self, folder):
        self.folder, self.ballast = folder, folder / "ballast"
        self.folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=0700", "tmpfs", self.folder], check=True)

    def unmount(self):
        servers.stop_left_over(self.folder.parent)
        subprocess.run(["umount", "--lazy", self.folder], check=True)

    @staticmethod
    def fill(ballast):
        """Leaves no room, also where somebody has freed some meanwhile."""
        with contextlib.suppress(OSError):
            while True:
                ballast.write(b"\0" * 65536)


def use_up_log(cluster):
    """Goes through the segments of the log that are kept for use, until there is no room for another: PostgreSQL cannot
    go on without one, and ends."""
    try:
        with cluster.connect() as connection:
            for _ in range(2 * DISK_MIB // SEGMENT_MIB):
                connection.execute("CREATE TABLE IF NOT EXISTS filler (); DROP TABLE filler")
                connection.execute("SELECT pg_switch_wal()")
    except psycopg.Error:
        return
    raise BrokenPromise("a full disk has room for the log")


def keep_full(disk, service, cluster, ledger, ends):
    """ends: whether PostgreSQL is to end from it, and not only to fail where a table grows."""
    before = ledger.refusals
    deadline = time.monotonic() + FULL_SECONDS
    with open(disk.ballast, "wb", buffering=0) as ballast:
        while time.monotonic() < deadline or ledger.refusals == before:
            if time.monotonic() > deadline + 60:
                raise BrokenPromise("nothing was refused on a full disk")
            disk.fill(ballast)
            if ends:
                use_up_log(cluster)
                ends = False
            for path in ("/actuator/health/liveness", "/actuator/prometheus"):
                service.get(path)
            refuse(service)
            time.sleep(0.2)
    return ledger.refusals - before


def refuse(service):
    """The answer to a chunk that breaks a rule waits for its record for a second at most."""
    begun = time.monotonic()
    status, _, answer = refusals.send(service, "POST", "/metrology/stream/chunk",
                                      refusals.chunk(str(uuid.uuid4()), 0, values=[1]))
    if status != 400 or time.monotonic() - begun > 5:
        raise BrokenPromise(f"on a full disk a wrong chunk got {status} after {time.monotonic() - begun:.1f} s:"
                            f" {answer[:300]}")


def proof(options, folder, chance, stack):
    disk = Disk(folder / "data")
    stack.callback(disk.unmount)
    service, cluster = servers.embedded_service(options, folder, stack)
    # The log is to fit on this disk beside the tables.
    cluster.execute("ALTER SYSTEM SET max_wal_size = '64MB'", "ALTER SYSTEM SET min_wal_size = '32MB'",
                    "SELECT pg_reload_conf()")
    ledger, gate, over = Ledger(), Gate(), []
    posters = [Persistent(Poster(ledger, service.port, timeout=40),
                          Workload(number, random.Random(f"{options.seed} {number}"), Streams(chance)),
                          gate, lambda: over) for number in range(POSTERS)]
    for poster in posters:
        poster.start()
    for number in range(options.rounds):
        before = ledger.chunks
        servers.wait_until("posters to go on", lambda: ledger.chunks - before >= LEAST_CHUNKS)
        time.sleep(chance.uniform(0, 1))
        refused = keep_full(disk, service, cluster, ledger, number % 2 == 1)
        acknowledged = ledger.chunks
        disk.ballast.unlink()
        servers.wait_until("chunks to be stored again", lambda: ledger.chunks > acknowledged, 60)
        refusals.refuse(service, refusals.chunk(str(uuid.uuid4()), 0, values=[1]))
        print(f"round {number + 1}: full for {FULL_SECONDS} s, {refused} requests refused,"
              f" {ledger.chunks} chunks acknowledged so far", flush=True)
    over.append(True)
    await_end(posters, ledger, 60)
    zeros = checking.require_kept(ledger, cluster)
    ended = service.log.read_text().count("has ended unexpectedly")
    return (f"disk: full {options.rounds} times, {ledger.refusals} requests refused with 503, PostgreSQL ended"
            f" {ended} times; {ledger.chunks} chunks acknowledged; {zeros}")


def in_own_mounts():
    """Runs this program again where a mount is seen by nobody else, and ends with it."""
    command = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    os.environ["RELIABILITY_OWN_MOUNTS"] = "yes"
    os.execvp(command[0], command + [sys.executable] + sys.argv)


if __name__ == "__main__":
    options = servers.arguments("A full disk", rounds=(6, 2))
    if "RELIABILITY_OWN_MOUNTS" not in os.environ:
        in_own_mounts()
    servers.prove(options, proof)
