"""The figures as tables (Markdown) and as JSON."""

import json

from .backends import medium_of
from .curve import points
from .measures import ELSEWHERE
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
        what = f"{m.number}. {m.what}" + (f" ({one.where})" if one.where else "")
        rows.append([what, seen, middle, m.bound(m.gate), m.bound(m.goal), one.verdict])
    return table(["measure", "ours", "interquartile range", "gate", "goal", "verdict"], rows)


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
    return table(["relay", "4 KiB writes: × cat", "CPU s/GiB", "one write per line: × cat",
                  "CPU s/GiB", "to a pipe: × cat", "CPU s/GiB"], rows)


def curves(curve):
    """A table for throughput and one for CPU: a column for each way to write and backend."""
    sizes = list(next(iter(curve.values())))
    parts = []
    for key, what in (("bytes_per_second", "throughput"), ("cpu_seconds_per_gib", "CPU")):
        columns = {}
        for way, size, name, seen in points(curve, key):
            if name in ("fd2 run, pipe", "fd2 run, socketpair"):
                column = columns.setdefault(f"{name.removeprefix('fd2 run, ')}, to {way}", {})
                column[size] = figure(median(seen))
        parts.append(table([f"{what}, × cat on the same; size of a write", *columns],
                           [[size, *(column.get(size, "–") for column in columns.values())]
                            for size in sizes]))
    return "\n\n".join(parts)


def delays(latency, what="a lone line through"):
    return table([what, "p50 µs", "p99 µs"],
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


def cost(values):
    return figure(median(values) / 1e3) if values else "–"


def closes(close):
    return table(["a channel", "open, µs", "close of an idle one, the other end held, µs"],
                 [[name, cost(data["open"]), cost(data["close"])] for name, data in close.items()])


def handovers(handover):
    keys = ("calls_p50_us", "calls_p99_us", "pause_p50_us", "pause_p99_us")
    return table(["hand-over under a flood, forth and back", "release to start, p50 µs", "p99 µs",
                  "release to the next byte, p50 µs", "p99 µs"],
                 [[name.replace(", ", " ↔ "), *(figure(median(data[key])) for key in keys)]
                  for name, data in handover.items()])


def swaps(swap):
    return table(["fd2 swap of a command that floods its stderr, forth and back",
                  "reading paused, p50 µs", "p99 µs"],
                 [[name.replace(", ", " ↔ "), *(figure(median(data[key]))
                                                for key in ("pause_p50_us", "pause_p99_us"))]
                  for name, data in swap.items()])


def capacities(capacity):
    sizes = list(next(iter(capacity.values()), {}))
    return table(["bytes that wait, by size of a write", *sizes],
                 [[name, *(data[size] for size in sizes)] for name, data in capacity.items()])


def backend_relays(backends):
    def cells(mode, name):
        data = backends[mode].get(name)
        if not data:
            return [None] * 3
        rate = data["bytes_per_second"]
        same = backends[mode].get(f"cat, {medium_of(name)}")
        pipe = backends[mode].get("cat, pipe")
        return [*(median(ratios(rate, cat["bytes_per_second"])) if cat else None
                  for cat in (same, pipe)), median(data["cpu_seconds_per_gib"])]

    return table(["relay", "4 KiB writes: × cat on the same", "× cat on a pipe", "CPU s/GiB",
                  "one write per line: × cat on the same", "× cat on a pipe", "CPU s/GiB"],
                 [[name, *(figure(cell) for mode in ("4k", "line") for cell in cells(mode, name))]
                  for name in backends["4k"]])


def many_channels(many):
    sizes = many["channels"]
    parts = [table(
        [f"{sizes['many']} idle channels", "memory of one, B", "after four lines, B", "threads",
         "wake-ups a second"],
        [[name, figure(data["idle_bytes"]), figure(data["after_bytes"]), data["threads"],
          figure(data["idle_wakeups_per_second"])] for name, data in many["idle"].items()])]
    for size in ("few", "many", "most"):
        data = many[size]
        keys = ("cpu_us_per_line", "p50_us", "p99_us", "open_us", "lines_per_second")
        parts.append(table(
            [f"{sizes[size]} channels, a line each 100 ms", "CPU a line, µs", "p50 µs", "p99 µs",
             "open, µs", "lines a second"],
            [[name, *(figure(median(data[name][key])) for key in keys)]
             for name in sorted(data, key=lambda name: median(data[name]["cpu_us_per_line"]))]))
    return "\n\n".join(parts)


def line_costs(lines):
    return table(["in process, an 80-byte line", "ns"],
                 [[name, figure(value)] for name, value in lines.items()])


SECTIONS = (("relay", relays), ("curve", curves), ("backends", backend_relays),
            ("many", many_channels), ("latency", delays),
            ("busy", lambda busy: delays(busy, "the same on a busy machine")),
            ("startup", startups), ("rsync", rsyncs), ("spawn", spawns),
            ("close", closes), ("handover", handovers), ("swap", swaps), ("capacity", capacities),
            ("lines", line_costs))


def text(machine, outcomes, results, notes):
    parts = [f"{machine['date']}, {machine['revision']}: {machine['cpus']} × {machine['cpu']}, "
             f"Linux {machine['kernel']}", measures(outcomes)]
    parts.append("Elsewhere:\n" + "\n".join(f"- {number}: {why}" for number, why in ELSEWHERE))
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
                      "where": one.where,
                      "gate": one.measure.gate, "goal": one.measure.goal, "verdict": one.verdict}
                     for one in outcomes],
        "results": results,
        "notes": notes,
    }, indent=1, ensure_ascii=False) + "\n"
