"""Options, the service that most cases share, and the table at the end."""

import argparse
import os
import pathlib
import shutil
import sys
import tempfile
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "reliability"))

import sdk  # noqa: E402
import servers  # noqa: E402
import serving  # noqa: E402

COLUMNS = ("version", "case", "stored/pushed", "refused", "finalize s", "health max/p99 s", "operator max/p99 s",
           "peak MiB", "case s", "note")
ROWS = []


def pytest_addoption(parser):
    parser.addoption("--short", action="store_true", help="a fifth of the pushes")
    parser.addoption("--jar", default=str(servers.JAR), help="the service")
    parser.addoption("--java", default="java", help="the program that runs it")


def pytest_generate_tests(metafunc):
    if "version" in metafunc.fixturenames:
        metafunc.parametrize("version", sdk.VERSIONS)


@pytest.fixture(scope="session")
def size(request):
    """The number of pushes: all, or a fifth."""
    return lambda full: full // 5 if request.config.getoption("--short") else full


@pytest.fixture(scope="session")
def options(request):
    return argparse.Namespace(jar=request.config.getoption("--jar"), java=request.config.getoption("--java"))


@pytest.fixture(scope="session")
def folder():
    """Data and logs of this run. The logs remain in target/compat/logs."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="metrology-compat-"))
    yield path
    logs = sdk.ENVIRONMENTS / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    for log in path.glob("*.log"):
        shutil.copy(log, logs)
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def shared(options, folder):
    service = serving.Served(options, folder, "service")
    yield service
    service.end()


@pytest.fixture
def service(shared):
    """The service that most cases share. A case that ended it has failed, and must not fail the next one."""
    if not shared.is_running():
        shared.start()
    shared.reset_peak()
    return shared


class Row(dict):
    """One line of the table. What a case does not find out remains a dash."""

    def __init__(self, version, case):
        super().__init__({column: "-" for column in COLUMNS})
        self.update({"version": version, "case": case})
        self.begun = time.monotonic()
        ROWS.append(self)


@pytest.fixture
def row(request):
    """The line of this test in the table."""
    version = request.node.callspec.params["version"]
    line = Row(version, request.node.originalname.removeprefix("test_"))
    yield line
    line["case s"] = f"{time.monotonic() - line.begun:.0f}"


def pytest_terminal_summary(terminalreporter):
    if not ROWS:
        return
    widths = [max(len(str(line[column])) for line in [*ROWS, dict(zip(COLUMNS, COLUMNS))]) for column in COLUMNS]
    terminalreporter.section("SDK against the service")
    terminalreporter.write_line(f"{os.cpu_count()} cores, load average of the last 15 minutes {os.getloadavg()[2]:.1f}")
    for line in [dict(zip(COLUMNS, COLUMNS)), *ROWS]:
        terminalreporter.write_line("  ".join(str(line[column]).ljust(width) for column, width in zip(COLUMNS, widths)).rstrip())
