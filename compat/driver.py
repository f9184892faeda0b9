"""Calls the SDK in the environment of one version, as a script at an instrument would.

    python driver.py JOB

JOB is a JSON file: endpoint, key, data_id (null: initialize), steps, and report, the file for the results. The SDK
writes a line for each answer to standard output (verbosity 3), which the tests read.
"""

import json
import os
import pathlib
import resource
import sys
import time

import measured
from atomscale.streaming import TimeseriesStreamer


def main():
    job = json.loads(pathlib.Path(sys.argv[1]).read_text())
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # All numbers are computed first, so that the calls come at once.
    calls = [(step, arguments_of(step)) for step in job["steps"]]
    streamer = TimeseriesStreamer(api_key=job["key"], endpoint=job["endpoint"], points_per_chunk=measured.POINTS,
                                  verbosity=3)
    report = {"data_id": job["data_id"], "begun": {}, "errors": []}
    if report["data_id"] is None:
        try:
            report["data_id"] = streamer.initialize(stream_name=job["name"])
        except RuntimeError as error:
            report["errors"].append(f"initialize: {error}")
    if report["data_id"] is not None:
        write(job, {**report, "finished": False})
        started = time.monotonic()
        for step, arguments in calls:
            if step["call"] == "wait":
                sys.stdin.readline()
                started = time.monotonic()
            else:
                take(streamer, step, arguments, report, started)
    report["finished"] = True
    write(job, report)
    if job["linger"]:
        # Pushes end with the process. So it stays until the test closes standard input.
        sys.stdin.read()


def arguments_of(step):
    if step["call"] == "push":
        return (step["index"], step["channel"], measured.timestamps_of(step["index"]),
                measured.values_of(step["channel"], step["index"]), step.get("units"))
    if step["call"] == "push_multi":
        timestamps = measured.timestamps_of(step["index"])
        return (step["index"], {channel: {"timestamps": timestamps, "values": measured.values_of(channel, step["index"]),
                                          **({"units": units} if units else {})}
                                for channel, units in step["channels"].items()})
    if step["call"] == "run":
        return (step["channel"], [(measured.timestamps_of(index), measured.values_of(step["channel"], index))
                                  for index in range(step["chunks"])])
    return ()


def take(streamer, step, arguments, report, started):
    """One step. An error is noted, because a script that catches it would also go on."""
    if "at" in step:
        # Seconds since the last wait.
        time.sleep(max(0, started + step["at"] - time.monotonic()))
    begun = time.monotonic()
    if step["call"] == "push" and "at" in step:
        report["begun"][step["index"]] = begun
    try:
        getattr(streamer, step["call"])(report["data_id"], *arguments)
    except (RuntimeError, AttributeError) as error:
        report["errors"].append(f"{step['call']}: {error}")
    if step["call"] in ("run", "finalize"):
        report[step["call"] + "_seconds"] = time.monotonic() - begun


def write(job, report):
    """Readers never see a part of it."""
    new = job["report"] + ".new"
    pathlib.Path(new).write_text(json.dumps(report))
    os.replace(new, job["report"])


if __name__ == "__main__":
    main()
