"""The service ends and starts again while scripts push a chunk every 50 ms. All versions push at the same time."""

import signal
import time

import pytest
import sdk
import servers
import serving

PUSHES, SPACING = 400, 0.05

# Seconds. If a start takes longer, for example on a busy machine, the first pushes of the outage are lost.
SDK_TIMEOUT = 30

# The first start prepares later ones in the background, with the lowest priority.
LAUNCH_COPY_SECONDS = 300

# Up to three attempts of a push.
PATIENCE = 3 * SDK_TIMEOUT + 10


class Outage:
    """One restart under load, and its findings by version."""

    def __init__(self, service, folder, number, pause, pushes):
        """number: of the signal that ends the service. pause: seconds until it is started again."""
        steps = [sdk.WAIT, *(sdk.push(index, "temperature", "°C", at=index * SPACING) for index in range(pushes)),
                 sdk.WAIT, sdk.FINALIZE]
        self.scripts = {version: sdk.Script(version, folder, service.port, steps, linger=True)
                        for version in sdk.VERSIONS}
        try:
            servers.wait_until("the streams", lambda: all(script.data_id for script in self.scripts.values()))
            for script in self.scripts.values():
                script.go_on()
            time.sleep(pushes * SPACING / 2)
            self.rows_before = {version: service.chunks(script.data_id) for version, script in self.scripts.items()}
            begun = time.monotonic()
            service.process.send_signal(number)
            service.process.wait(90)
            self.gone = time.monotonic()
            time.sleep(pause)
            service.start()
            self.seconds_down = time.monotonic() - begun
            deadline = time.monotonic() + pushes * SPACING + PATIENCE
            while (any(len(script.outcomes()) < pushes for script in self.scripts.values())
                   and time.monotonic() < deadline):
                time.sleep(0.2)
            for script in self.scripts.values():
                script.go_on()
            self.reports = {version: script.end() for version, script in self.scripts.items()}
        finally:
            for script in self.scripts.values():
                script.stop()
        self.rows = {version: service.chunks(script.data_id) for version, script in self.scripts.items()}
        self.statuses = {version: service.description(script.data_id)["status"]
                         for version, script in self.scripts.items()}

    def check(self, version, row):
        """Fills the line of the table. Returns the faults by kind: lost pushes, lost pushes that began after the service
        had gone, and faults that no kind of outage excuses."""
        script, report, rows = self.scripts[version], self.reports[version], self.rows[version]
        outcomes, comparison = script.outcomes(), serving.Comparison(script, rows)
        late = [key for key in comparison.lost if report["begun"][str(key[0])] > self.gone]
        row["stored/pushed"] = f"{comparison.stored}/{len(comparison.pushed)}"
        row["refused"] = sum(count for reason, count in outcomes.reasons().items() if reason[:1].isdigit())
        row["finalize s"] = f"{report['finalize_seconds']:.1f}"
        row["note"] = "; ".join([f"down {self.seconds_down:.1f} s, lost {len(comparison.lost)}, of these begun after the"
                                 f" end {len(late)}",
                                 *(f"{count} x {reason}" for reason, count in outcomes.reasons().most_common(2))])
        faults = [f"{len(keys)} {text}, such as {sorted(keys)[:3]}" for keys, text in (
            (comparison.broken_promises, "acknowledged chunks are lost"),
            (self.rows_before[version].keys() - rows.keys(), "chunks that were stored before the outage are lost"),
            (comparison.changed, "chunks are changed"), (comparison.foreign, "chunks were never pushed")) if keys]
        if self.statuses[version] != "success":
            faults.append(f"the stream's status is {self.statuses[version]}")
        lost = [f"{len(comparison.lost)} lost, such as {sorted(comparison.lost)[:3]}"] if comparison.lost else []
        late = [f"{len(late)} lost that began after the end, such as {sorted(late)[:3]}"] if late else []
        if (lost or late) and self.seconds_down > SDK_TIMEOUT:
            faults.append(f"the service was down for {self.seconds_down:.0f} s, longer than the timeout of the SDK")
        return lost, late, faults + report["errors"]


class Outages:
    """Each outage happens once, for all versions. If it fails, it fails for each of them."""

    def __init__(self, options, folder, pushes):
        self.folder, self.pushes, self.done = folder, pushes, {}
        self.with_parent = serving.SocketServed(options, folder, "activated")
        self.without_parent = serving.Served(options, folder, "restarted")
        for service in (self.with_parent, self.without_parent):
            # As operators start it. The other proofs turn this off, because a life of theirs lasts seconds.
            service.environment["METROLOGY_FASTSTART"] = "true"

    def of(self, service, number, pause):
        if (service, number) not in self.done:
            try:
                if not service.is_running():
                    service.start()
                    servers.wait_until("the launch copy", service.has_launch_copy, LAUNCH_COPY_SECONDS)
                self.done[service, number] = Outage(service, self.folder, number, pause, self.pushes)
            except Exception as failure:
                self.done[service, number] = failure
        outcome = self.done[service, number]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def end(self):
        self.with_parent.end()
        self.without_parent.end()


@pytest.fixture(scope="module")
def outages(options, folder, size):
    both = Outages(options, folder, size(PUSHES))
    yield both
    both.end()


def test_stop_behind_a_socket_parent(version, outages, row):
    """SIGTERM: no push is lost, because connections wait in the socket."""
    outage = outages.of(outages.with_parent, signal.SIGTERM, pause=0)
    lost, _, faults = outage.check(version, row)
    serving.require_none(lost + faults)


def test_kill_behind_a_socket_parent(version, outages, row):
    """kill -9: a push may be lost only if it was in flight."""
    outage = outages.of(outages.with_parent, signal.SIGKILL, pause=0)
    _, late, faults = outage.check(version, row)
    serving.require_none(late + faults)


def test_kill_without_a_socket_parent(version, outages, row):
    """kill -9 and a start after 1 s: pushes are lost, as the table shows. Nothing acknowledged or stored may be lost."""
    outage = outages.of(outages.without_parent, signal.SIGKILL, pause=1)
    _, _, faults = outage.check(version, row)
    serving.require_none(faults)
