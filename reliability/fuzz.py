#!/usr/bin/env python3
"""Sends the packaged service whatever HTTP and JSON can hold, and judges every answer and every row.

    python3 reliability/fuzz.py [--requests N] [--seed SEED] [--workers N] [--jar FILE] [--keep]

It starts target/metrology-ingest.jar with its embedded PostgreSQL in a temporary folder, on a free port, with limits that
are cheap to reach. Requests are made by a grammar of the API and foretold from what was acknowledged before; some have
bytes changed, lie about their framing, or stop in their middle. It fails where an answer is 5xx, undocumented or other
than foretold, where a connection hangs, where a code of the catalogue is never met, or where what PostgreSQL holds at the
end is not what was acknowledged. It needs Python 3.9, a JDK, and pip install 'psycopg[binary]' pyyaml.
"""

import argparse
import collections
import concurrent.futures
import multiprocessing
import pathlib
import random
import shutil
import sys
import tempfile
import time
import uuid

from fuzzing.judge import Judge
from fuzzing.keys import Keys
from fuzzing.outage import Outage
from fuzzing.rows import Rows
from fuzzing.service import Service
from fuzzing.worker import Worker

ROOT = pathlib.Path(__file__).resolve().parent.parent
OPENAPI = ROOT / "src" / "main" / "resources" / "static" / "openapi.yaml"

# Of HTTP that the service does not speak: documented, and no failure of the service.
FOREIGN = {501, 505}

# Answers that a run need not show: a service that stops ends most connections before it has answered.
RARE = {"stopping"}

LEAST_CREATED = 0.3

# Each run has some of everything.
FEWEST_FOR_ALL_CODES = 3000


class Report:
    """What was found, by all workers together."""

    def __init__(self):
        self.statuses = collections.Counter()
        self.codes = collections.Counter()
        self.kinds = collections.Counter()
        self.outage_statuses = collections.Counter()
        self.outage_codes = collections.Counter()
        self.faults = []

    def add(self, account):
        self.statuses += account.statuses
        self.codes += account.codes
        self.kinds += account.kinds
        self.faults += [str(failure) for failure in account.failures]

    def add_outage(self, outage):
        self.outage_statuses += outage.statuses
        self.outage_codes += outage.codes
        self.faults += [str(failure) for failure in outage.failures]

    def judge(self, requests, codes):
        """Notes what the run as a whole has to show."""
        failed = {status: n for status, n in self.statuses.items() if status != "closed" and status >= 500 and status not in FOREIGN}
        if failed:
            self.faults.append("answers of the service's own failure: %s" % failed)
        created = self.statuses[201] / max(1, sum(self.statuses.values()))
        if created < LEAST_CREATED:
            self.faults.append("only %.0f %% of the answers are 201" % (100 * created))
        missing = codes - RARE - set(self.codes) - set(self.outage_codes)
        if missing and requests >= FEWEST_FOR_ALL_CODES:
            self.faults.append("codes never met: %s" % sorted(missing))

    def show(self):
        print("requests   %d: %s" % (sum(self.kinds.values()), _counts(self.kinds)))
        print("statuses   %s" % _counts(self.statuses))
        print("codes      %s" % _counts(self.codes))
        print("in outage  %s; %s" % (_counts(self.outage_statuses), _counts(self.outage_codes)))


def _counts(counter):
    return ", ".join("%s %d" % (key, count) for key, count in sorted(counter.items(), key=lambda item: str(item[0])))


def _work(arguments, requests):
    return Worker(*arguments).run(requests)


def send(options, service, openapi, keys):
    """All workers' requests, at the same time."""
    rng = random.Random("%s/shared" % options.seed)
    shared = [str(uuid.UUID(int=rng.getrandbits(128))) for _ in range(3)]
    each = [options.requests // options.workers + (worker < options.requests % options.workers) for worker in range(options.workers)]
    with concurrent.futures.ProcessPoolExecutor(options.workers, multiprocessing.get_context("fork")) as pool:
        futures = [pool.submit(_work, (options.seed, worker, options.workers, service.port, openapi, keys, shared), each[worker])
                   for worker in range(options.workers)]
        return [future.result() for future in futures]


def check_rows(report, service, accounts, outage):
    """Whether PostgreSQL holds all that was acknowledged, and agrees with itself."""
    rows = Rows(*service.database())
    rows.check()
    for account in accounts:
        for stream in account.streams:
            rows.check_stream(stream)
    for acknowledged in [account.acknowledged for account in accounts] + [outage.acknowledged]:
        for data_id, keys in acknowledged.streams.items():
            if data_id not in acknowledged.deleted:
                rows.check_acknowledged(data_id, keys)
    rows.close()
    report.faults += ["SQL: " + fault for fault in rows.faults[:20]]
    print("rows       %d streams, %d chunks, %d points" % (
        len(rows.chunks), sum(len(keys) for keys in rows.chunks.values()), rows.points))


def fuzz(options, folder):
    openapi = OPENAPI.read_text(encoding="utf-8")
    judge, report = Judge(openapi), Report()
    service = Service(options.jar, folder, judge.has_access)
    try:
        service.await_ready()
        keys = Keys(service.port) if judge.has_access else None
        started = time.monotonic()
        accounts = send(options, service, openapi, keys)
        seconds = time.monotonic() - started
        for account in accounts:
            report.add(account)
        errors = service.errors()
        outage = Outage(options.seed, service, openapi, keys).run()
        check_rows(report, service, accounts, outage)
        report.add_outage(outage)
        report.add_outage(Outage(options.seed, service, openapi, keys).stop())
        report.judge(options.requests, judge.codes())
        report.show()
        print("took       %.0f s, %.0f requests/s" % (seconds, options.requests / seconds))
        report.faults += ["the log: " + line[:500] for line in errors[:10]]
        if report.faults:
            print(service.tail())
    finally:
        service.stop()
    return report.faults


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(10 ** 9)), help="repeats a run's requests")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--jar", type=pathlib.Path, default=ROOT / "target" / "metrology-ingest.jar")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the data and the log")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    print("seed       %s" % options.seed, flush=True)
    folder = tempfile.mkdtemp(prefix="metrology-fuzz-")
    try:
        faults = fuzz(options, folder)
    finally:
        if options.keep:
            print("kept       %s" % folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    for fault in faults:
        print("\nFAULT " + fault)
    print("%d faults" % len(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
