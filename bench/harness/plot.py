"""The figures as one picture: SVG, written by hand, legible on light and dark pages alike."""

import math
from xml.sax.saxutils import escape

from .numbers import median, ratios

WIDTH = 940
MARGIN = 28
LABELS = 250  # the column of names
ROW = 26
HEAD = 74  # title, subtitle, axis

# Every colour is written out as an attribute for a light page; a dark one overrides by class. The
# picture brings its own ground, so that neither depends on the page around it.
STYLE = """
text { font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; }
@media (prefers-color-scheme: dark) {
  .ground { fill: #15181d } .ink { fill: #e4e7eb } .quiet { fill: #9aa4b1 }
  .grid { stroke: #2f353d } .one { stroke: #6b7685 } .join { stroke: #4a525d }
  .gate { stroke: #57b877 } .ours-path { stroke: #f2a154 } .theirs-path { stroke: #6fa8dc }
  .ours { fill: #f2a154 } .theirs { fill: #6fa8dc }
  .ours-line { stroke: #f2a154; fill: #15181d } .theirs-line { stroke: #6fa8dc; fill: #15181d }
  .band { fill: #1d2229 } .ours-soft { fill: #8a5a2c } .theirs-soft { fill: #3b5875 }
}
"""


class Picture:
    def __init__(self, about):
        self.about = about
        self.parts = []
        self.height = MARGIN

    def text(self, x, y, what, size=13, kind="ink", anchor="start", weight=400):
        fill = {"ink": "#1c2127", "quiet": "#5c6773"}[kind]
        self.parts.append(f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" font-size="{size}" '
                          f'fill="{fill}" text-anchor="{anchor}" font-weight="{weight}">'
                          f"{escape(what)}</text>")

    def line(self, x1, y1, x2, y2, kind="grid"):
        stroke, width = {"grid": ("#dde2e8", 1), "one": ("#8792a0", 1.5),
                         "join": ("#b9c2cc", 2), "gate": ("#2f8f4e", 1.5)}[kind]
        self.parts.append(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" '
                          f'y2="{y2:.1f}" stroke="{stroke}" stroke-width="{width}"/>')

    def bar(self, x, y, width, height, ours, soft=False):
        name = ("ours" if ours else "theirs") + ("-soft" if soft else "")
        fill = {"ours": "#c8610a", "theirs": "#2f6db5", "ours-soft": "#f0c79d",
                "theirs-soft": "#b7d0ea"}[name]
        self.parts.append(f'<rect class="{name}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                          f'height="{height}" fill="{fill}"/>')

    def dot(self, x, y, ours, hollow=False):
        colour = "#c8610a" if ours else "#2f6db5"
        name = ("ours" if ours else "theirs") + ("-line" if hollow else "")
        fill, stroke = ("#ffffff", colour) if hollow else (colour, "none")
        self.parts.append(f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{fill}" '
                          f'stroke="{stroke}" stroke-width="2"/>')

    def band(self, y):
        self.parts.append(f'<rect class="band" x="{MARGIN}" y="{y:.1f}" '
                          f'width="{WIDTH - 2 * MARGIN}" height="{ROW}" fill="#fdf3e7"/>')

    def path(self, points, whose, dashed=False):
        if not points:
            return
        stroke = {"ours": "#c8610a", "theirs": "#2f6db5"}[whose]
        there = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline class="{whose}-path" points="{there}" fill="none" '
                          f'stroke="{stroke}" stroke-width="2"'
                          + (' stroke-dasharray="6 3"' if dashed else "") + "/>")

    def svg(self):
        height = self.height + MARGIN
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
                f'viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
                f'aria-label="{escape(self.about)}">\n'
                f"<style>{STYLE}</style>\n"
                f'<rect class="ground" width="{WIDTH}" height="{height:.0f}" fill="#ffffff"/>\n'
                + "\n".join(self.parts) + "\n</svg>\n")


class LogAxis:
    def __init__(self, values, left, right):
        self.low = math.floor(math.log10(min(values)) + 1e-9)
        self.high = max(self.low + 1, math.ceil(math.log10(max(values)) - 1e-9))
        self.left, self.right = left, right

    def at(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.left + share * (self.right - self.left)

    def ticks(self):
        for exponent in range(self.low, self.high + 1):
            yield 10.0 ** exponent, f"{10.0 ** exponent:g}"


def is_ours(name):
    return name.startswith("fd2")


def dot_panel(to, left, right, top, title, subtitle, names, series):
    """A row a name; `series` is [(hollow, {name: value})]. Log axis, 1 marked."""
    values = [value for _, data in series for value in data.values() if value > 0]
    axis = LogAxis([*values, 1.0], left, right)
    bottom = top + HEAD + ROW * len(names)
    to.text(left, top + 16, title, 15, weight=600)
    to.text(left, top + 35, subtitle, 12, "quiet")
    for value, label in axis.ticks():
        x = axis.at(value)
        to.line(x, top + HEAD - 6, x, bottom, "one" if value == 1 else "grid")
        to.text(x, top + HEAD - 12, label, 11, "quiet", "middle")
    for row, name in enumerate(names):
        y = top + HEAD + ROW * row + ROW / 2
        seen = [(hollow, data[name]) for hollow, data in series if data.get(name, 0) > 0]
        if len(seen) == 2:
            to.line(axis.at(seen[0][1]), y, axis.at(seen[1][1]), y, "join")
        for hollow, value in reversed(seen):
            to.dot(axis.at(value), y, is_ours(name), hollow)


def relay_panels(to, relay, cat="cat"):
    def ratio(mode, key):
        data = relay.get(mode, {})
        if cat not in data:
            return {}
        base = data[cat][key]
        if min(base) <= 0:
            return {}
        return {name: median(ratios(one[key], base)) for name, one in data.items()}

    rates = [(False, ratio("4k", "bytes_per_second")), (True, ratio("line", "bytes_per_second"))]
    costs = [(False, ratio("4k", "cpu_seconds_per_gib")),
             (True, ratio("line", "cpu_seconds_per_gib"))]
    if not rates[0][1]:
        return
    names = sorted(rates[0][1], key=lambda name: -rates[0][1][name])
    top = to.height
    for row, name in enumerate(names):
        y = top + HEAD + ROW * row
        if is_ours(name):
            to.band(y)
        to.text(MARGIN + 8, y + ROW / 2 + 4.5, name, weight=600 if is_ours(name) else 400)
    middle = LABELS + (WIDTH - LABELS) / 2
    dot_panel(to, LABELS + 40, middle - 10, top, f"Throughput, × {cat}",
              "filled: 4 KiB writes; hollow: one write per line", names, rates)
    dot_panel(to, middle + 30, WIDTH - MARGIN - 12, top, f"The relay's CPU per byte, × {cat}",
              "less is better", names, costs)
    to.height = top + HEAD + ROW * len(names) + 34


def startup_panel(to, startup):
    rows = {name: (median(data["main"]) / 1e6, median(data["all"]) / 1e6)
            for name, data in startup.items() if data["main"]}
    rows = dict(sorted(rows.items(), key=lambda row: row[1]))
    if not rows:
        return
    top, left, right = to.height, LABELS + 40, WIDTH - MARGIN - 100
    scale = (right - left) / max(end for _, end in rows.values())
    to.text(left, top + 16, "Starting a command, ms", 15, weight=600)
    to.text(left, top + 35, "strong: until the command's main; pale: until all is over", 12,
            "quiet")
    first = top + HEAD - 20
    for row, (name, (main, end)) in enumerate(rows.items()):
        y = first + ROW * row
        if is_ours(name):
            to.band(y)
        to.text(MARGIN + 8, y + ROW / 2 + 4.5, name, weight=600 if is_ours(name) else 400)
        to.bar(left, y + 5, end * scale, ROW - 10, is_ours(name), soft=True)
        to.bar(left, y + 5, main * scale, ROW - 10, is_ours(name))
        to.text(left + end * scale + 8, y + ROW / 2 + 4.5, f"{main:.2f} / {end:.2f}", 12, "quiet")
    to.height = first + ROW * len(rows)


def head(to, title, machine):
    to.text(MARGIN, to.height + 8, title, 19, weight=600)
    to.text(MARGIN, to.height + 30,
            f"{machine['cpus']} × {machine['cpu']}, Linux {machine['kernel']}, {machine['date']}"
            + (" (a quick run: no figure to quote)" if machine["quick"] else ""), 12, "quiet")
    to.height += 56


def svg(machine, results):
    to = Picture("fd2 beside other relays and wrappers")
    head(to, "fd2 beside other relays and wrappers", machine)
    if results.get("relay"):
        relay_panels(to, results["relay"])
    if results.get("backends"):
        relay_panels(to, results["backends"], "cat, pipe")
    if results.get("startup"):
        startup_panel(to, results["startup"])
    return to.svg()
