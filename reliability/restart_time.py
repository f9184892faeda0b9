#!/usr/bin/env python3
"""Measures how long the service is not ready after kill -9, with its data folder present.

    target/python/bin/python reliability/restart_time.py [--java /path/to/java] [--times 5]

It starts the jar without any flag, waits for the launch copy, then kills and starts several times. It prints the
median and the CPU time, because other programs may load the machine. It judges nothing.
"""

import argparse
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import servers

COPY_SECONDS = 600


def start(options, folder, port):
    """Starts the service. Returns the process, the seconds until it is ready, and its CPU seconds until then."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SPRING_", "METROLOGY_"))}
    environment["METROLOGY_DATA_DIR"] = str(folder / "data")
    with open(folder / "log", "a") as log:
        begun = time.monotonic()
        process = subprocess.Popen([options.java, "-jar", str(options.jar), f"--server.port={port}"],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
    while not is_ready(port):
        if process.poll() is not None:
            sys.exit("the service ended: " + (folder / "log").read_text()[-3000:])
        time.sleep(0.01)
    seconds = time.monotonic() - begun
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return process, seconds, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_ready(port):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/actuator/health/readiness", timeout=10) as answer:
            return answer.status == 200
    except OSError:
        return False


def measure(options, folder):
    port = servers.free_port()
    process, seconds, cpu = start(options, folder, port)
    print(f"first start: {seconds:.2f} s, {cpu:.1f} s CPU", flush=True)
    try:
        servers.wait_until("the launch copy", lambda: list(folder.glob("data/launch/*/classes")), COPY_SECONDS)
        results = []
        for _ in range(options.times):
            time.sleep(1)
            process.kill()
            process.wait()
            process, seconds, cpu = start(options, folder, port)
            results.append((seconds, cpu))
            print(f"after kill -9: {seconds:.2f} s, {cpu:.1f} s CPU, load {os.getloadavg()[0]:.1f}", flush=True)
        print(f"median: {statistics.median(seconds for seconds, _ in results):.2f} s,"
              f" {statistics.median(cpu for _, cpu in results):.1f} s CPU")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jar", type=pathlib.Path, default=servers.JAR, help="the service")
    parser.add_argument("--java", default="java", help="the program that runs it")
    parser.add_argument("--times", type=int, default=5, help="how often it is killed")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="metrology-restart-"))
    try:
        measure(parser.parse_args(), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
