"""A service with keys stores nothing for a caller without a valid one, also while it is busy."""

import collections
import time
import uuid

import pytest
import sdk
import servers
import serving


@pytest.fixture(scope="module")
def locked(options, folder):
    service = serving.Served(options, folder, "locked", key=servers.KEY)
    service.start()
    yield service
    service.end()


def test_wrong_key(version, locked, folder, size, row):
    """Two scripts with a wrong key, for a stream that exists and one that does not, beside one with the right key."""
    existing, unknown = initialized(locked), str(uuid.uuid4())
    steps = [sdk.push(index, "temperature") for index in range(size(1000))]
    intruders = [sdk.Script(version, folder, locked.port, steps, key="wrong" * 8, data_id=data_id, linger=True)
                 for data_id in (existing, unknown)]
    try:
        script = sdk.Script(version, folder, locked.port, [*steps, sdk.FINALIZE], key=servers.KEY)
        row["stored/pushed"] = f"0/{len(steps)}"
        report = script.end()
        for intruder in intruders:
            servers.wait_until("the answers", lambda: len(intruder.outcomes()) == len(steps))
        # Nothing may be stored later.
        time.sleep(3)
        answers = collections.Counter()
        for intruder in intruders:
            answers += intruder.outcomes().reasons()
    finally:
        for intruder in intruders:
            intruder.stop()
    comparison = serving.Comparison(script, locked.chunks(report["data_id"]))
    row["stored/pushed"], row["refused"] = f"{comparison.stored}/{len(comparison.pushed)}", sum(answers.values())
    row["finalize s"] = f"{report['finalize_seconds']:.1f}"
    row["note"] = "wrong key: " + "; ".join(f"{count} x {reason}" for reason, count in answers.most_common(3))
    serving.require_none(comparison.faults() + report["errors"])
    assert not any(intruder.outcomes().acknowledged for intruder in intruders)
    assert rows_of(locked, existing) == (1, 0, 0)
    assert rows_of(locked, unknown) == (0, 0, 0)
    assert {reason.split()[0] for reason in answers} <= {"401", "429"}
    refused = sdk.Script(version, folder, locked.port, [], key="wrong" * 8).end(initializes=False)
    assert [error[:18] for error in refused["errors"]] == ["initialize: HTTP 4"]
    for data_id in (existing, unknown):
        assert locked.refusals(data_id) == [], "a body of an unknown caller is recorded"


def initialized(service):
    status, _, body = service.ask("POST", "/metrology/stream/initialize", {"points_per_chunk": 100})
    assert status == 201, body
    return body["data_id"]


def rows_of(service, data_id):
    """The number of streams, channels and chunks."""
    return tuple(service.cluster.ask(f"SELECT count(*) FROM {table} WHERE data_id = %s", [data_id])[0][0]
                 for table in ("stream", "channel", "chunk"))
