"""The figures as tables (Markdown) and as JSON."""

import json

from .measures import NOT_YET
from .numbers import median, ratios


def table(head, rows):
    """The first column to the left, the others to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells):
        fitted = [cell.ljust(width) if i == 0 else cell.rjust(width)
                  for i, (cell, width) in enumerate(zip(cells, widths, strict=True))]
        return "| " + " | ".join(fitted) + " |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(head), line(rule), *map(line, rows)])


def measures(outcomes):
    rows = []
    for one in outcomes:
        m = one.measure
        seen = "–" if one.value is None else m.show(one.value)
        middle = "–" if one.value is None else f"{m.show(one.low)} … {m.show(one.high)}"
        rows.append([f"{m.number}. {m.what}", seen, middle, m.bound(m.gate), m.bound(m.goal),
                     one.verdict])
    return table(["measure", "ours", "middle half", "gate", "goal", "verdict"], rows)


def figure(value):
    """Three digits, whatever the size."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def relays(relay):
    modes = ["4k", "line", "4k to a pipe"]

    def cells(mode, name):
        data = relay[mode].get(name)
        if not data or "cat" not in relay[mode]:
            return None, None
        return (median(ratios(data["bytes_per_second"], relay[mode]["cat"]["bytes_per_second"])),
                median(data["cpu_seconds_per_gib"]))

    names = sorted(relay["4k"], key=lambda name: -(cells("4k", name)[0] or 0))
    rows = [[name, *(figure(cell) for mode in modes for cell in cells(mode, name))]
            for name in names]
    return table(["relay", "4 KiB writes: × cat", "CPU s/GiB", "a write a line: × cat",
                  "CPU s/GiB", "to a pipe: × cat", "CPU s/GiB"], rows)


def delays(latency):
    return table(["a lone line through", "p50 µs", "p99 µs"],
                 [[name, figure(median(data["p50"]) / 1e3), figure(median(data["p99"]) / 1e3)]
                  for name, data in latency.items()])


def startups(startup):
    return table(["start", "to the command's main, µs", "in all, µs"],
                 [[name, figure(median(data["main"]) / 1e3) if data["main"] else "–",
                   figure(median(data["all"]) / 1e3)] for name, data in startup.items()])


def rsyncs(rsync):
    return table(["rsync of three files", "ms"],
                 [[name, f"{1e3 * median(data):.1f}"] for name, data in rsync.items()])


def spawns(spawn):
    return table(["spawn", "small host, µs", "large host, µs"],
                 [[name, figure(median(data["small"]) / 1e3), figure(median(data["large"]) / 1e3)]
                  for name, data in spawn.items()])


def closes(close):
    return table(["close of an idle channel, the other end held", "µs"],
                 [[name, figure(median(data) / 1e3)] for name, data in close.items()])


def line_costs(lines):
    return table(["in process, an 80-byte line", "ns"],
                 [[name, figure(value)] for name, value in lines.items()])


SECTIONS = (("relay", relays), ("latency", delays), ("startup", startups), ("rsync", rsyncs),
            ("spawn", spawns), ("close", closes), ("lines", line_costs))


def text(machine, outcomes, results, notes):
    parts = [f"{machine['date']}, {machine['revision']}: {machine['cpus']} × {machine['cpu']}, "
             f"Linux {machine['kernel']}", measures(outcomes)]
    parts.append("Not yet:\n" + "\n".join(f"- {number}: {why}" for number, why in NOT_YET))
    parts.extend(show(results[name]) for name, show in SECTIONS if results.get(name))
    if notes:
        parts.append("Notes:\n" + "\n".join(f"- {note}" for note in notes))
    return "\n\n".join(parts) + "\n"


def data(machine, outcomes, results, notes):
    return json.dumps({
        "schema": "fd2.bench/1",
        "machine": machine,
        "measures": [{"number": one.measure.number, "what": one.measure.what, "value": one.value,
                      "low": one.low, "high": one.high, "unit": one.measure.unit,
                      "gate": one.measure.gate, "goal": one.measure.goal, "verdict": one.verdict}
                     for one in outcomes],
        "results": results,
        "notes": notes,
    }, indent=1, ensure_ascii=False) + "\n"
