"""The programs that the bench needs, found on this machine or fetched into bench/.cache.

Debian's packages are unpacked, not installed: that needs no root, starts no service and leaves nothing behind.
"""

import glob
import os
import shutil

from machine import BenchError, log, run

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
CACHE = os.path.join(HERE, ".cache")
QUESTDB = "9.3.4"


def debian_program(name, packages):
    """The path of a program, and the environment to run it in."""
    installed = shutil.which(name)
    if installed:
        return installed, dict(os.environ)
    home = os.path.join(CACHE, "debian", packages[0])
    program = os.path.join(home, "usr", "bin", name)
    if not os.path.exists(program):
        unpack(packages, home)
    if not os.path.exists(program):
        raise BenchError(f"the package {packages[0]} has no {name}")
    libraries = glob.glob(os.path.join(home, "usr", "lib", "*-linux-gnu*"))
    return program, dict(os.environ, LD_LIBRARY_PATH=":".join(libraries))


def unpack(packages, home):
    log(f"Fetching {', '.join(packages)} from Debian")
    os.makedirs(home, exist_ok=True)
    try:
        run(["apt-get", "download", "--quiet"] + packages, 300, cwd=home)
    except BenchError:
        if os.geteuid() != 0:
            raise
        run(["apt-get", "update", "--quiet"], 300)
        run(["apt-get", "download", "--quiet"] + packages, 300, cwd=home)
    for archive in glob.glob(os.path.join(home, "*.deb")):
        run(["dpkg-deb", "--extract", archive, home])
        os.remove(archive)


def wrk():
    return debian_program("wrk", ["wrk", "libluajit-5.1-2"])


def victoria_metrics():
    return debian_program("victoria-metrics", ["victoria-metrics"])


def influxd():
    return debian_program("influxd", ["influxdb"])


def questdb_jar():
    folder = os.path.join(CACHE, "questdb")
    jar = os.path.join(folder, f"questdb-{QUESTDB}.jar")
    if not os.path.exists(jar):
        log(f"Fetching QuestDB {QUESTDB} from Maven Central")
        run([os.path.join(ROOT, "mvnw"), "-q", "dependency:copy", f"-Dartifact=org.questdb:questdb:{QUESTDB}",
             f"-DoutputDirectory={folder}"], 600, cwd=ROOT)
    return jar


def service_jar():
    log("Building the service")
    run([os.path.join(ROOT, "mvnw"), "-q", "-DskipTests", "package"], 1200, cwd=ROOT)
    return os.path.join(ROOT, "target", "metrology-ingest.jar")


def postgres_program(name):
    """Of the newest PostgreSQL that is installed."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda path: float(path.split("/")[4]))
    program = found[-1] if found else shutil.which(name)
    if not program:
        raise BenchError(f"PostgreSQL's {name} is missing: apt-get install postgresql, or --database embedded")
    return program


def java(jdk):
    program = os.path.join(jdk, "bin", "java") if jdk else shutil.which("java")
    if not program or not os.path.exists(program):
        raise BenchError("there is no java: name a JDK, 17 or later, with --jdk")
    return program


def java_version(program):
    return run([program, "--version"]).splitlines()[0]
