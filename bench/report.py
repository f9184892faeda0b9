"""Tables for the terminal and for Markdown, and the files in bench/results/."""

import json
import os

from compare import ratio
from systems import Service

HEADERS = ("system", "points/s", "least–most", "÷ ours", "p50 ms", "p99 ms", "CPU s/M points", "÷ ours",
           "disk B/point", "÷ ours", "acknowledges")


def comparison_lines(machine, options, figures):
    """The result of compare() as Markdown."""
    lines = ["# Throughput, beside the databases people would pick instead", "", *machine_lines(machine),
             f"- {options.connections} connections, {options.streams} streams, every chunk new; {options.repeats} runs "
             f"of {options.seconds} s in turns after a warm-up of {options.warmup} s "
             f"({max(1, options.warmup // 4)} s without a JVM); medians."]
    for points, entries in figures.items():
        lines += ["", f"## Chunks of {points} points", "", row(HEADERS), "|---" * len(HEADERS) + "|"]
        lines += [row(cells(entries, name)) for name in entries]
        lines += ["", *remarks(entries)]
    return lines


def machine_lines(machine):
    return [f"- {machine['date']}, commit {machine['commit']}, {machine['java']}",
            f"- {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}",
            f"- {machine['file_system']}; a flush of 8 KiB takes {machine['flush_ms']} ms; load average before: "
            f"{machine['load_average_before']}"]


def row(cells_of_row):
    return "| " + " | ".join(cells_of_row) + " |"


def cells(entries, name):
    entry = entries[name]
    if "median" not in entry:
        return [entry["title"], entry.get("missing") and "not available" or "no run counts"] + ["–"] * (len(HEADERS) - 2)
    median = entry["median"]
    ours = entries[Service.name]
    disk, our_disk = entry["disk_bytes_per_point"], ours.get("disk_bytes_per_point")
    return [entry["title"] + ("" if entry["counts"] else " (does not count)"),
            f"{median['points_per_second']:,.0f}", f"{entry['least']:,.0f}–{entry['most']:,.0f}",
            times(ratio(entries, name, "points_per_second")),
            f"{median['p50_ms']:.1f}", f"{median['p99_ms']:.1f}",
            f"{median['server_cpu_per_million_points']:.2f}",
            times(ratio(entries, name, "server_cpu_per_million_points")),
            f"{disk:.1f}" if disk else "–", times(disk / our_disk if disk and our_disk else None),
            entry["acknowledgement"]]


def times(number):
    return f"{number:.2f}" if number is not None else "–"


def remarks(entries):
    """What the table does not show: how many times a peer we are, what was checked, and what went wrong."""
    lines = []
    for name, entry in entries.items():
        if name != Service.name and entry.get("counts") and entries[Service.name].get("counts"):
            share = ratio(entries, name, "points_per_second")
            lines.append(f"- {entries[Service.name]['title']} stores {1 / share:.2f} × the points/s of {entry['title']}.")
        if "missing" in entry:
            lines.append(f"- {entry['title']} is not available: {entry['missing']}")
        for text in entry.get("troubles", []):
            lines.append(f"- {entry['title']}: a run does not count: {text}")
        if "check" in entry and not entry["check"]["complete"]:
            lines.append(f"- {entry['title']}: NOT every acknowledged chunk was found: {json.dumps(entry['check'])}")
    parts = entries[Service.name].get("median", {}).get("server_cpu_parts", {})
    if len(parts) > 1:
        lines.append("- CPU seconds per million points, of ours: "
                     + ", ".join(f"{part} {cpu:.2f}" for part, cpu in parts.items()) + ".")
    complete = [entry["title"] for entry in entries.values() if entry.get("check", {}).get("complete")]
    if complete:
        lines.append(f"- Checked by reading back, every acknowledged chunk is stored: {', '.join(complete)}.")
    busy = [f"{entry['title']} {entry['median']['generator_cores']:.2f}" for entry in entries.values() if "median" in entry]
    if busy:
        lines.append(f"- Cores that the load generator took: {', '.join(busy)}.")
    return lines


def for_terminal(lines):
    """Markdown with the columns of its tables aligned."""
    shown, table = [], []
    for line in lines + [""]:
        if line.startswith("|"):
            table.append([cell.strip() for cell in line.strip("|").split("|")])
        else:
            shown += align(table)
            table = []
            shown.append(line)
    return "\n".join(shown)


def align(table):
    table = [cells_of_row for cells_of_row in table if not set("".join(cells_of_row)) <= set("-")]
    widths = [max(map(len, column)) for column in zip(*table)]
    return ["  ".join(cell.ljust(width) if place == 0 else cell.rjust(width)
                      for place, (cell, width) in enumerate(zip(cells_of_row, widths))) for cells_of_row in table]


def save(folder, name, lines, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, f"{name}.md"), "w") as file:
        file.write("\n".join(lines) + "\n")
    with open(os.path.join(folder, f"{name}.json"), "w") as file:
        json.dump(data, file, indent=2, ensure_ascii=False)
        file.write("\n")
