"""Refused chunks are recorded, and a resend stores them."""

import pytest
import sdk
import servers
import serving

CHANNELS = ("temperature", "pressure", "α/β")


@pytest.fixture
def started(version, service, folder):
    """Starts scripts, and stops those that are left."""
    scripts = []

    def start(steps):
        scripts.append(sdk.Script(version, folder, service.port, steps, linger=True))
        return scripts[-1]

    yield start
    for script in scripts:
        script.stop()


def test_units_race(service, started, row):
    """C, C, K in a row: the first of them that is stored decides the units of the channel."""
    script = started([sdk.push(index, channel, units) for channel in CHANNELS
                      for index, units in enumerate(("C", "C", "K"))] + [sdk.WAIT, sdk.FINALIZE])
    require_resent(service, script, row, resend_with_units_of_the_channel)


def test_units_race_of_push_multi(service, started, row):
    """One of three channels has other units. From 0.21 this refuses the chunks of all three."""
    script = started([sdk.push_multi(index, {"temperature": units, "pressure": "mbar", "α/β": None})
                      for index, units in enumerate(("C", "C", "K"))] + [sdk.WAIT, sdk.FINALIZE])
    require_resent(service, script, row, resend_with_units_of_the_channel)


def test_push_after_finalize(service, started, row):
    script = started([sdk.push(0, "temperature"), sdk.FINALIZE, sdk.push(1, "temperature"), sdk.WAIT])
    require_resent(service, script, row, resend)


def require_resent(service, script, row, resend_one):
    """Waits for the answers to all requests, resends the records, ends the script, and compares."""
    servers.wait_until("the answers", lambda: len(script.outcomes()) == script.requests(), 60)
    data_id, refused = script.data_id, len(script.outcomes().failed)
    before = serving.Comparison(script, service.chunks(data_id))
    row["stored/pushed"], row["refused"] = f"{before.stored}/{len(before.pushed)}", refused
    row["note"] = "; ".join(f"{count} x {reason}" for reason, count in script.outcomes().reasons().items())
    assert refused > 0, "nothing was refused"
    records = service.refusals(data_id)
    assert len(records) == refused, f"{len(records)} records of {refused} refused requests"
    # Counts are written at most once a second.
    servers.wait_until("refused.count", lambda: service.description(data_id)["refused"]["count"] == refused, 10)
    assert service.description(data_id)["refused"]["latest"]["code"] in {record["code"] for record in records}
    for record in records:
        resend_one(service, data_id, record)
    assert service.refusals(data_id) == []
    script.go_on()
    report = script.end()
    after = serving.Comparison(script, service.chunks(data_id))
    row["note"] += f"; after the resend {after.stored}/{len(after.pushed)}"
    row["finalize s"] = f"{report['finalize_seconds']:.1f}"
    description = service.description(data_id)
    serving.require_none(after.faults() + report["errors"] + serving.compare_points(service, data_id, script))
    assert description["status"] == "success"
    assert (description["refused"]["count"], description["refused"]["records"]) == (refused, 0)


def resend(service, data_id, record):
    status, _, body = service.ask("POST", f"/metrology/refusals/{record['id']}/resend")
    assert status == 201, body


def resend_with_units_of_the_channel(service, data_id, record):
    """What a person decides after a look at the channel: the numbers are in its units, and the script named others."""
    units = {channel["channel_name"]: channel["units"] for channel in service.description(data_id)["channels"]}
    corrections = {name: {"units": units.get(name)} for name in record["channel_names"]}
    several = record["path"].rstrip("/").endswith("/multi")
    patch = {"channels": corrections} if several else corrections[record["channel_names"][0]]
    status, _, body = service.ask("POST", f"/metrology/refusals/{record['id']}/resend", patch,
                                  "application/merge-patch+json")
    assert status == 201, body
