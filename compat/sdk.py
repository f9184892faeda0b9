"""The SDK in a process of its own: the steps of a script, and the outcome of each push."""

import collections
import itertools
import json
import os
import pathlib
import re
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
ENVIRONMENTS = HERE.parent / "target" / "compat"
VERSIONS = (HERE / "versions.txt").read_text().split()

# Lines of the SDK's log. From 0.21 push_multi sends one request for all channels.
OUTCOME = re.compile(r"chunk (\d+) (?:for '(.*)'|\(\d+ channels\)) (?:uploaded successfully|upload failed: (.*))")

numbers = itertools.count()


class Outcomes:
    """acknowledged: keys (chunk_index, channel_name), with None for all channels of a request for several.
    failed: the same keys with the reason."""

    def __init__(self, text):
        self.acknowledged, self.failed = set(), {}
        for index, channel, reason in OUTCOME.findall(text):
            key = (int(index), channel or None)
            if reason:
                self.failed[key] = reason
            else:
                self.acknowledged.add(key)

    def __len__(self):
        return len(self.acknowledged) + len(self.failed)

    def reasons(self):
        return collections.Counter(short(reason) for reason in self.failed.values())


def short(reason):
    """The status and the code of an answer, or the kind of a broken connection."""
    code = re.search(r'"code":"(\w+)"', reason)
    status = re.match(r"HTTP (\d+)", reason)
    return f"{status[1]} {code[1] if code else ''}".strip() if status else re.sub(r" \(http.*?\)|for url .*", "", reason)[:80]


class Script:
    """One script at an instrument, running."""

    def __init__(self, version, folder, port, steps, key="none", data_id=None, linger=False):
        name = f"{version}-{next(numbers)}"
        self.version, self.steps, self.begun = version, steps, time.monotonic()
        self.report_file, self.log = folder / f"{name}.report", folder / f"{name}.log"
        job = folder / f"{name}.job"
        job.write_text(json.dumps({"endpoint": f"http://127.0.0.1:{port}", "key": key, "data_id": data_id, "name": name,
                                   "steps": steps, "linger": linger, "report": str(self.report_file)}))
        # The SDK obeys proxies, and has more settings that a machine may carry.
        environment = {key: value for key, value in os.environ.items()
                       if not key.lower().endswith("_proxy") and not key.startswith(("ATOMSCALE_", "AS_", "RUST_"))}
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([ENVIRONMENTS / f"sdk-{version}" / "bin" / "python", HERE / "driver.py", job],
                                            stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=environment)

    def report(self):
        return json.loads(self.report_file.read_text()) if self.report_file.exists() else None

    @property
    def data_id(self):
        report = self.report()
        return report and report["data_id"]

    def finished(self):
        """All steps are taken; or the script ended early."""
        report = self.report()
        return bool(report and report["finished"]) or self.process.poll() is not None

    def go_on(self):
        """Ends a step `wait`."""
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def end(self, seconds=300, initializes=True):
        """The report, when the process has ended. initializes: whether a stream must have been made."""
        try:
            self.process.stdin.close()
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise
        report = self.report()
        assert report and report["finished"], f"the script of {self.version} broke off: {self.log.read_text()[-3000:]}"
        assert bool(report["data_id"]) == initializes, f"errors of the SDK: {report['errors']}"
        return report

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def outcomes(self):
        return Outcomes(self.log.read_text())

    def acknowledged(self):
        """The keys of all chunks that the SDK saw acknowledged."""
        keys = self.outcomes().acknowledged
        several = {index for index, channel in keys if channel is None}
        return {key for key in self.pushed() if key in keys or key[0] in several}

    def requests(self):
        """The number of pushes that the SDK sends, without repeated attempts."""
        together = tuple(map(int, self.version.split("."))) >= (0, 21, 0)
        return sum(1 if step["call"] == "push_multi" and together else len(step["channels"])
                   if step["call"] == "push_multi" else step.get("chunks", 1)
                   for step in self.steps if step["call"] in ("push", "push_multi", "run"))

    def pushed(self):
        """The keys of all chunks that the steps push."""
        keys = []
        for step in self.steps:
            if step["call"] == "push":
                keys.append((step["index"], step["channel"]))
            elif step["call"] == "push_multi":
                keys += [(step["index"], channel) for channel in step["channels"]]
            elif step["call"] == "run":
                keys += [(index, step["channel"]) for index in range(step["chunks"])]
        return keys


FINALIZE = {"call": "finalize"}
WAIT = {"call": "wait"}


def push(index, channel, units=None, **more):
    return {"call": "push", "index": index, "channel": channel, "units": units, **more}


def push_multi(index, channels):
    """channels: names with their units, which may be None."""
    return {"call": "push_multi", "index": index, "channels": channels}


def run(channel, chunks):
    return {"call": "run", "channel": channel, "chunks": chunks}
