"""Bursts: a script pushes all of its chunks at once and finalizes at once. All must be stored, none may be refused."""

import sdk
import serving

CHANNELS = ("temperature", "pressure", "Leistung °", "thickness", "α/β")


def test_3000_push_multi(version, service, folder, size, row):
    steps = [sdk.push_multi(index, dict.fromkeys(CHANNELS)) for index in range(size(3000))]
    require_stored_whole(version, service, folder, row, steps)


def test_10000_push(version, service, folder, size, row):
    steps = [sdk.push(index, "temperature", "°C") for index in range(size(10000))]
    require_stored_whole(version, service, folder, row, steps)


def test_run_of_2000(version, service, folder, size, row):
    require_stored_whole(version, service, folder, row, [sdk.run("temperature", size(2000))])


def test_finalize_overtakes(version, service, folder, row):
    """A short script, as most are: its finalize request overtakes its last pushes."""
    steps = [sdk.push_multi(index, dict.fromkeys(CHANNELS, "mbar")) for index in range(40)]
    require_stored_whole(version, service, folder, row, steps)


def require_stored_whole(version, service, folder, row, steps):
    before = service.problems()
    probers = [serving.Prober("main", service.port), serving.Prober("operator", service.operator_port)]
    for prober in probers:
        prober.start()
    script = sdk.Script(version, folder, service.port, [*steps, sdk.FINALIZE])
    row["stored/pushed"] = f"0/{len(script.pushed())}"
    try:
        report = script.end()
    finally:
        faults = [fault for prober in probers for fault in prober.end()]
    data_id, outcomes = report["data_id"], script.outcomes()
    unanswered = script.requests() - len(outcomes)
    refused = service.problems() - before
    comparison = serving.Comparison(script, service.chunks(data_id))
    row["stored/pushed"] = f"{comparison.stored}/{len(comparison.pushed)}"
    row["refused"] = sum(refused.values())
    row["finalize s"] = f"{report['finalize_seconds']:.1f}"
    row["health max/p99 s"], row["operator max/p99 s"] = map(str, probers)
    row["peak MiB"] = f"{service.peak():.0f}"
    row["note"] = "; ".join([*([f"{unanswered} unanswered when the script ended"] if unanswered else []),
                             *(f"{count} x {reason}" for reason, count in outcomes.reasons().most_common(3)),
                             *(f"{error.split(':')[0]} failed: {sdk.short(error.split(': ', 1)[1])}" for error in report["errors"])])
    faults += comparison.faults() + report["errors"]
    if refused:
        faults.append(f"refused: {dict(refused)}")
    status = service.description(data_id)["status"]
    if status != "success":
        faults.append(f"the stream's status is {status}")
    if not comparison.faults():
        faults += serving.compare_points(service, data_id, script)
    serving.require_none(faults)
