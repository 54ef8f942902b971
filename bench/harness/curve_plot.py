"""The cost curve as a picture: a row for each way to write, throughput left and CPU right."""

import math

from .curve import GATES, points
from .numbers import median
from .plot import MARGIN, WIDTH, Picture, head

PLOT = 150  # the height of one plot
ROW = PLOT + 66
BACKENDS = {"fd2 run, pipe": ("ours", False), "fd2 run, socketpair": ("ours", True),
            "splice": ("theirs", False)}


class Axis:
    """A logarithmic one, by powers of two."""

    def __init__(self, low, high, start, end):
        self.low, self.high, self.start, self.end = low, high, start, end

    def at(self, value):
        share = (math.log2(value) - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0), 1) * (self.end - self.start)

    def ticks(self, step):
        return [2.0 ** power for power in range(self.low, self.high + 1, step)]


def size_label(size):
    return f"{size:.0f}" if size < 1024 else f"{size / 1024:.0f} Ki" if size < 1 << 20 else "1 Mi"


def chart(to, left, right, top, curve, way, key):
    x, y = Axis(0, 20, left, right), Axis(-3, 3, top + PLOT, top)
    for size in x.ticks(4):
        to.line(x.at(size), top, x.at(size), top + PLOT)
        to.text(x.at(size), top + PLOT + 16, size_label(size), 11, "quiet", "middle")
    for value in y.ticks(1):
        to.line(left, y.at(value), right, y.at(value), "one" if value == 1 else "grid")
        to.text(left - 6, y.at(value) + 4, f"{value:g}", 11, "quiet", "end")
    to.line(left, y.at(GATES[key]), right, y.at(GATES[key]), "gate")
    for name, (whose, dashed) in BACKENDS.items():
        line = [(x.at(size), y.at(max(median(seen), 1e-3)))
                for where, size, who, seen in points(curve, key, name=name)
                if where == way and who == name]
        to.path(line, whose, dashed)


def svg(machine, curve):
    to = Picture("the cost curve of fd2 beside cat")
    head(to, "Every size of a write, beside cat on the same kind of object", machine)
    to.text(MARGIN, to.height, "orange: fd2 run over a pipe (solid), a socket pair (dashed); blue: "
            "splice; green: the gate; bytes a write from left to right", 12, "quiet")
    to.height += 24
    middle = WIDTH / 2
    for way in curve:
        top = to.height + 30
        for left, right, key, what in (
                (MARGIN + 30, middle - 20, "bytes_per_second", "throughput, × cat"),
                (middle + 40, WIDTH - MARGIN, "cpu_seconds_per_gib",
                 "CPU, × cat (less is better)")):
            to.text(left, top - 10, f"{what}, to {way}", 13, weight=600)
            chart(to, left, right, top, curve, way, key)
        to.height += ROW
    return to.svg()
