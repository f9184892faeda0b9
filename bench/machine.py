"""The machine: processes and folders of the bench, what they cost, and what the disk can do."""

import glob
import os
import pwd
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class BenchError(Exception):
    """Something that the person at the keyboard can act on."""


def log(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(what, check, seconds, process=None):
    """Waits until check() is true; a process that ends meanwhile is an error at once."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process and not process.alive():
            raise BenchError(f"{what} ended with status {process.popen.returncode}: {process.last_words()}")
        if check():
            return
        time.sleep(0.2)
    raise BenchError(f"{what} was not there within {seconds} s" + (f": {process.last_words()}" if process else ""))


def run(command, seconds=120, **options):
    """Runs a program to its end; its output, or a BenchError with the end of what it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, **options)
    except FileNotFoundError:
        raise BenchError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise BenchError(f"{command[0]} took longer than {seconds} s") from None
    if done.returncode != 0:
        raise BenchError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout


class Process:
    """A program that the bench started, with all its descendants."""

    def __init__(self, name, popen, output, stop_signal):
        self.name = name
        self.popen = popen
        self.output = output
        self.stop_signal = stop_signal

    def alive(self):
        return self.popen.poll() is None

    def last_words(self):
        with open(self.output, errors="replace") as file:
            return file.read()[-600:].strip()

    def stop(self, seconds=60):
        if self.alive():
            self.popen.send_signal(self.stop_signal)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                log(f"{self.name} did not stop within {seconds} s and is killed")
                self.popen.kill()
                self.popen.wait(10)


class Sandbox:
    """A folder and processes that are gone when the bench ends, however it ends."""

    def __init__(self, parent, outer=None):
        self.parent = parent
        self.folder = tempfile.mkdtemp(prefix="metrology-bench-", dir=parent)
        os.chmod(self.folder, 0o711)  # the user postgres passes through it
        self.processes = []
        self.first_steps = []
        self.last_resorts = []
        self.inner = []
        if outer:
            outer.inner.append(self)

    def part(self):
        """A sandbox for one server, that can be closed before the whole."""
        return Sandbox(self.parent, self)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def make_folder(self, name, user=None):
        folder = self.path(name)
        os.mkdir(folder, 0o700)
        if user:
            account = pwd.getpwnam(user)
            os.chown(folder, account.pw_uid, account.pw_gid)
        return folder

    def start(self, name, command, env=None, user=None, stop_signal=signal.SIGTERM):
        """Starts a server in a session of its own, so that Ctrl-C reaches the bench alone. It dies with the bench."""
        output = self.path(f"{name}.log")
        launcher = ["setpriv", "--pdeathsig", "KILL"] + as_user(user)
        with open(output, "ab") as file:
            popen = subprocess.Popen(launcher + command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=env,
                                     cwd=self.folder, start_new_session=True)
        process = Process(name, popen, output, stop_signal)
        self.processes.append(process)
        return process

    def close(self):
        for sandbox in self.inner:
            sandbox.close()
        for first_step in self.first_steps:
            first_step()
        for process in reversed(self.processes):
            try:
                process.stop(20)
            except (OSError, subprocess.SubprocessError) as error:
                log(f"{process.name} could not be stopped: {error}")
        for last_resort in self.last_resorts:
            last_resort()
        self.first_steps, self.processes, self.last_resorts = [], [], []
        shutil.rmtree(self.folder, ignore_errors=True)


def as_user(user):
    return [f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []


def processes():
    """All processes: pid → (parent, state, CPU seconds of it and of its children that have ended)."""
    found = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(path.split("/")[2])] = (int(fields[1]), fields[0], sum(map(int, fields[11:15])) / TICKS)
    return found


def family(roots, snapshot):
    """The processes given and all their descendants, parents first."""
    members = [pid for pid in roots if pid in snapshot]
    for member in members:
        members.extend(pid for pid, (parent, _, _) in snapshot.items() if parent == member and pid not in members)
    return members


def cpu_seconds_of_each(roots):
    """CPU seconds of each of the processes given, by the names of their programs, with their descendants."""
    snapshot = processes()
    return {program(root): sum(snapshot[pid][2] for pid in family([root], snapshot)) for root in roots}


def cpu_seconds(roots):
    return sum(cpu_seconds_of_each(roots).values())


def program(pid):
    with open(f"/proc/{pid}/comm") as file:
        return file.read().strip()


def memory(pid):
    """Resident bytes of a process: now, and at their peak."""
    with open(f"/proc/{pid}/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return tuple(int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))


def freeze(roots):
    """Stops processes in their tracks, so that they take nothing from the one under load."""
    for _ in range(50):
        snapshot = processes()
        running = [pid for pid in family(roots, snapshot) if snapshot[pid][1] not in "TtZ"]
        if not running:
            return
        signal_all(running, signal.SIGSTOP)
        time.sleep(0.02)


def resume(roots):
    signal_all(family(roots, processes()), signal.SIGCONT)


def signal_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def disk_bytes(folder, without=()):
    """What a folder takes on the disk, but for folders with names of which without() says so."""
    total = 0
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not without or not without(name)]
        for name in files:
            try:
                total += os.lstat(os.path.join(path, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return total


def settle():
    """Writes back what earlier runs left in memory, so that no run pays for another's."""
    try:
        subprocess.run(["sync"], timeout=120)
    except subprocess.TimeoutExpired:
        log("sync took longer than 120 s")


def flush_millis(folder):
    """How long the disk takes to make 8 KiB durable: the median of a second of tries."""
    block = os.urandom(8192)
    times = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            begun = time.perf_counter()
            file.write(block)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1000


def file_system(folder):
    return run(["stat", "--file-system", "--format=%T", folder]).strip()


def first_line(path, prefix):
    with open(path) as file:
        return next((line.split(":", 1)[-1].split("=", 1)[-1].strip().strip('"') for line in file
                     if line.startswith(prefix)), "unknown")


def describe(folder, root):
    """What a reader must know about the machine to make sense of the figures."""
    kind = file_system(folder)
    if kind in ("tmpfs", "ramfs"):
        log("WARNING: the work folder is in memory, where a flush to disk costs nothing; see --work")
    try:
        commit = run(["git", "-C", root, "describe", "--always", "--dirty"]).strip()
    except BenchError:
        commit = "unknown"
    return {
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit,
        "processor": first_line("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * PAGE / 2**30, 1),
        "system": first_line("/etc/os-release", "PRETTY_NAME"),
        "kernel": os.uname().release,
        "file_system": kind,
        "flush_ms": round(flush_millis(folder), 3),
        "load_average_before": round(os.getloadavg()[0], 2),
    }
