#!/usr/bin/env python3
"""Sends the packaged service whatever HTTP and JSON can hold, and judges every answer and every row.

    python3 reliability/fuzz.py [--requests N] [--seed SEED] [--workers N] [--jar FILE] [--keep]

It starts target/metrology-ingest.jar with its embedded PostgreSQL in a temporary folder, on a free port, with limits that
are cheap to reach. Requests are made by a grammar of the API and foretold from what was acknowledged before; some have
bytes changed, lie about their framing, or stop in their middle. It fails where an answer is 5xx, other than openapi.yaml
says or other than foretold, where a connection hangs or ends without an answer, where a code of the catalogue is never
met, or where what PostgreSQL holds at the end is not just what was acknowledged; the folder is then kept. The last line
has the figures. It needs Python 3.9, a JDK, and pip install 'psycopg[binary]' pyyaml.
"""

import argparse
import collections
import concurrent.futures
import multiprocessing
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time
import uuid

from fuzzing.judge import Judge
from fuzzing.keys import Keys
from fuzzing.model import Acknowledged
from fuzzing.outage import Outage
from fuzzing.rows import Rows
from fuzzing.service import Service
from fuzzing.worker import FEWEST_FOR_ALL_CODES, Worker

ROOT = pathlib.Path(__file__).resolve().parent.parent
OPENAPI = ROOT / "src" / "main" / "resources" / "static" / "openapi.yaml"

# Of HTTP that the service does not speak: documented, and no failure of the service.
FOREIGN = {501, 505}

# Answers that a run need not show: a service that stops ends most connections before it has answered.
RARE = {"stopping"}

LEAST_CREATED = 0.3


class Interrupted(SystemExit):
    """Somebody ended the run by a signal."""


class Report:
    """What was found, by all workers together."""

    def __init__(self):
        self.statuses = collections.Counter()
        self.codes = collections.Counter()
        self.kinds = collections.Counter()
        self.outage_statuses = collections.Counter()
        self.outage_codes = collections.Counter()
        self.undocumented = 0
        self.faults = []

    def add(self, account):
        self.statuses += account.statuses
        self.codes += account.codes
        self.kinds += account.kinds
        self._add_failures(account.failures)

    def add_outage(self, outage):
        self.outage_statuses += outage.statuses
        self.outage_codes += outage.codes
        self._add_failures(outage.failures)

    def _add_failures(self, failures):
        self.undocumented += sum(failure.undocumented for failure in failures)
        self.faults += [str(failure) for failure in failures]

    def failed(self):
        """How often the service itself failed, outages aside: by status."""
        return {status: count for status, count in self.statuses.items()
                if isinstance(status, int) and status >= 500 and status not in FOREIGN}

    def judge(self, requests, codes):
        """Notes what the run as a whole has to show."""
        if self.failed():
            self.faults.append("answers of the service's own failure: %s" % self.failed())
        created = self.statuses[201] / max(1, sum(self.statuses.values()))
        if created < LEAST_CREATED:
            self.faults.append("only %.0f %% of the answers are 201" % (100 * created))
        missing = codes - RARE - self.met()
        if missing and requests >= FEWEST_FOR_ALL_CODES:
            self.faults.append("codes never met: %s" % sorted(missing))

    def met(self):
        return set(self.codes) | set(self.outage_codes)

    def show(self):
        print("requests   %d: %s" % (sum(self.kinds.values()), _counts(self.kinds)))
        print("statuses   %s" % _counts(self.statuses))
        print("codes      %s" % _counts(self.codes))
        print("in outage  %s; %s" % (_counts(self.outage_statuses), _counts(self.outage_codes)))

    def line(self, seconds):
        return "fuzz: %d requests (%d x 201), %d without an answer, %d codes met; faults %d, undocumented answers %d, 5xx %d (%.0f s)" % (
            sum(self.kinds.values()), self.statuses[201], self.statuses["closed"], len(self.met()), len(self.faults),
            self.undocumented, sum(self.failed().values()), seconds)


def _counts(counter):
    return ", ".join("%s %d" % (key, count) for key, count in sorted(counter.items(), key=lambda item: str(item[0])))


def _work(arguments, requests):
    return Worker(*arguments).run(requests)


def _leave_signals():
    """A worker is ended by the fuzzer, not by Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def send(options, service, judge, keys):
    """All workers' requests, at the same time."""
    rng = random.Random("%s/shared" % options.seed)
    shared = [str(uuid.UUID(int=rng.getrandbits(128))) for _ in range(3)]
    each = [options.requests // options.workers + (worker < options.requests % options.workers) for worker in range(options.workers)]
    with concurrent.futures.ProcessPoolExecutor(options.workers, multiprocessing.get_context("fork"), _leave_signals) as pool:
        futures = [pool.submit(_work, (options.seed, worker, options.workers, service.port, judge, keys, shared), each[worker])
                   for worker in range(options.workers)]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def check_rows(report, service, accounts, outage):
    """Whether PostgreSQL holds all that was acknowledged, and agrees with itself."""
    rows = Rows(*service.database())
    rows.check()
    foretold = {stream.data_id: stream.hashes() for account in accounts for stream in account.streams}
    for data_id, hashes in foretold.items():
        rows.check_stream(data_id, hashes)
    acknowledged = Acknowledged()
    for one in [account.acknowledged for account in accounts] + [outage.acknowledged]:
        acknowledged.add(one)
    for data_id, hashes in acknowledged.streams.items():
        rows.check_stream(data_id, hashes, in_doubt=data_id in acknowledged.doubtful)
    rows.check_strangers(foretold.keys() | acknowledged.streams.keys())
    rows.close()
    report.faults += ["SQL: " + fault for fault in rows.faults[:20]]
    print("rows       %d streams, %d chunks, %d points; %d streams in doubt" % (
        len(rows.chunks), sum(len(keys) for keys in rows.chunks.values()), rows.points, len(acknowledged.doubtful)))


def fuzz(options, folder):
    started = time.monotonic()
    judge, report = Judge(OPENAPI.read_text(encoding="utf-8")), Report()
    service = Service(options.jar, folder)
    try:
        service.await_ready()
        keys = Keys(service.port)
        accounts = send(options, service, judge, keys)
        for account in accounts:
            report.add(account)
        errors = service.errors()
        outage = Outage(options.seed, service, judge, keys).run()
        check_rows(report, service, accounts, outage)
        report.add_outage(outage)
        report.add_outage(Outage(options.seed, service, judge, keys).stop())
        report.judge(options.requests // options.workers, judge.codes())
        report.show()
        report.faults += ["the log: " + line[:500] for line in errors[:10]]
        if report.faults:
            print(service.tail())
    finally:
        service.stop()
    for fault in report.faults:
        print("\nFAULT " + fault)
    return report, time.monotonic() - started


def _interrupt(number, _):
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise Interrupted(128 + number)


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(10 ** 9)), help="repeats a run's requests")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--jar", type=pathlib.Path, default=ROOT / "target" / "metrology-ingest.jar")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the data and the log, also where nothing is wrong")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    print("seed       %s" % options.seed, flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    folder = tempfile.mkdtemp(prefix="metrology-fuzz-")
    keep = True
    try:
        report, seconds = fuzz(options, folder)
        keep = options.keep or bool(report.faults)
    except Interrupted:
        keep = options.keep
        raise
    finally:
        if keep:
            print("kept       %s" % folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(report.line(seconds))
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
