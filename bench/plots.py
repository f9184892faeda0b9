"""Plots as SVG, readable on light and on dark pages, without a library."""

import html
import math

STYLE = """<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-size: 16px; font-weight: 600; }
  .small { font-size: 11px; fill: #57606a; }
  .axis { stroke: #57606a; }
  .grid { stroke: #d0d7de; }
  .ours { fill: #0969da; } .other { fill: #8c959f; } .ceiling { fill: #d0d7de; }
  .whisker { stroke: #24292f; } .smaller { font-size: 10px; fill: #57606a; }
  .line0 { stroke: #0969da; fill: none; stroke-width: 2.5; } .line1 { stroke: #bc4c00; fill: none; stroke-width: 2.5; }
  .dot0 { fill: #0969da; } .dot1 { fill: #bc4c00; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .small { fill: #9198a1; } .axis { stroke: #9198a1; } .grid { stroke: #3d444d; }
    .ours { fill: #4493f8; } .other { fill: #656c76; } .ceiling { fill: #3d444d; }
    .whisker { stroke: #e6edf3; } .smaller { fill: #9198a1; }
    .line0 { stroke: #4493f8; } .line1 { stroke: #f0883e; } .dot0 { fill: #4493f8; } .dot1 { fill: #f0883e; }
  }
</style>"""


def text(x, y, words, style="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{style}">{html.escape(words)}</text>'


def line(x1, y1, x2, y2, style):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


def document(width, height, title, parts):
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
                      f'height="{height}" role="img" aria-label="{html.escape(title)}">', STYLE,
                      text(16, 26, title, "title"), *parts, "</svg>", ""])


def ticks(most, count=5):
    """Round numbers from 0 up to at least the most."""
    raw = max(most, 1e-9) / count
    unit = 10 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw)
    return [step * number for number in range(math.ceil(most / step) + 1)]


def throughput(figures):
    """A panel of bars for each size of chunk, with a whisker from the least to the most."""
    left, right, bar, top = 262, 80, 34, 66
    width, y, parts = 820, top, []
    for points, entries in figures.items():
        shown = sorted((entry | {"name": name} for name, entry in entries.items() if entry.get("counts")),
                       key=lambda entry: -entry["median"]["points_per_second"])
        if not shown:
            continue
        marks = ticks(max(entry["most"] for entry in shown) / 1e6)
        scale = (width - left - right) / marks[-1]
        parts.append(text(16, y - 10, f"Chunks of {points} points"))
        bottom = y + bar * len(shown) + 4
        for mark in marks:
            parts.append(line(left + mark * scale, y, left + mark * scale, bottom, "grid"))
            parts.append(text(left + mark * scale, bottom + 14, f"{mark:g}", "small", "middle"))
        for place, entry in enumerate(shown):
            parts += throughput_bar(entry, left, y + bar * place, bar, scale)
        parts.append(text(left + (width - left - right) / 2, bottom + 30, "million points per second (median; least to most)",
                          "small", "middle"))
        y = bottom + 72
    return document(width, y - 30, "Points stored per second, one server under load at a time", parts)


def throughput_bar(entry, left, y, bar, scale):
    value = entry["median"]["points_per_second"] / 1e6
    least, most = (left + entry[name] / 1e6 * scale for name in ("least", "most"))
    style = {"metrology": "ours", "postgresql": "ceiling", "postgresql20": "ceiling"}.get(entry["name"], "other")
    middle = y + bar / 2
    return [text(left - 8, middle, entry["title"], "", "end"),
            text(left - 8, middle + 12, f"acknowledges {entry['acknowledgement']}", "smaller", "end"),
            f'<rect x="{left}" y="{y + 5}" width="{value * scale:.1f}" height="{bar - 10}" rx="2" class="{style}"/>',
            line(least, middle, most, middle, "whisker"),
            text(max(most, left + value * scale) + 6, middle + 4, f"{value:.2f} M")]


def cost_of_growth(figures):
    """Server CPU a chunk, over the chunks held."""
    width, height, left, right, top, bottom = 820, 400, 70, 30, 56, 330
    series = figures["series"]
    most_cost = max(tenth["cpu_us_per_chunk"] for one in series for tenth in one["tenths"])
    most_chunks = max(one["tenths"][-1]["chunks"] for one in series)
    rows, columns = ticks(most_cost), ticks(most_chunks / 1000)
    across, up = (width - left - right) / columns[-1], (bottom - top) / rows[-1]
    parts = []
    for mark in rows:
        parts += [line(left, bottom - mark * up, width - right, bottom - mark * up, "grid"),
                  text(left - 8, bottom - mark * up + 4, f"{mark:g}", "small", "end")]
    parts += [text(left + mark * across, bottom + 18, f"{mark:g}", "small", "middle") for mark in columns]
    parts += [line(left, bottom, width - right, bottom, "axis"), line(left, top, left, bottom, "axis"),
              text((left + width - right) / 2, bottom + 36, "thousand chunks held", "small", "middle"),
              text(16, top - 8, "server CPU, µs a chunk (service and PostgreSQL)", "small")]
    for number, one in enumerate(series):
        places = [(left + tenth["chunks"] / 1000 * across, bottom - tenth["cpu_us_per_chunk"] * up)
                  for tenth in one["tenths"]]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" class="line{number}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" class="dot{number}"/>' for x, y in places]
        legend = left + number * 330
        parts += [line(legend, bottom + 56, legend + 24, bottom + 56, f"line{number}"),
                  text(legend + 30, bottom + 60, f"{one['title']}: last tenth ÷ first {one['last_by_first_cpu']:.2f}")]
    return document(width, height, f"Cost of a {figures['points_per_chunk']}-point chunk as the data grows", parts)
