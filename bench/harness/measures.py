"""What is to be reached: each measure with its gate and its goal, and how it is computed."""

import dataclasses
from collections.abc import Callable

from .numbers import median, ratios, spread


@dataclasses.dataclass(frozen=True)
class Measure:
    number: str
    what: str
    gate: float
    goal: float
    compute: Callable  # (results) -> one value a round
    more_is_better: bool = True
    unit: str = ""
    digits: int = 2

    def meets(self, value, bound):
        """By the figure as it is printed: a difference that is not shown decides nothing."""
        seen = round(value, self.digits)
        return seen >= bound if self.more_is_better else seen <= bound

    def show(self, value):
        return f"{value:.{self.digits}f}{self.unit and ' ' + self.unit}"

    def bound(self, value):
        digits = 0 if value == int(value) and self.unit else self.digits
        return ("≥ " if self.more_is_better else "≤ ") + (
            f"{value:.{digits}f}{self.unit and ' ' + self.unit}")


def relay_ratio(mode, key, one, other):
    return lambda r: ratios(r["relay"][mode][one][key], r["relay"][mode][other][key])


def rate(mode, one="fd2 run", other="cat"):
    return relay_ratio(mode, "bytes_per_second", one, other)


def cpu(mode, one="fd2 run", other="cat"):
    return relay_ratio(mode, "cpu_seconds_per_gib", one, other)


def added_milliseconds(results):
    seconds = results["rsync"]
    return [1e3 * (with_it - without) for with_it, without
            in zip(seconds["fd2 run"], seconds["no wrapper"], strict=True)]


def microseconds(values):
    return [one / 1e3 for one in values]


MEASURES = (
    Measure("1", "relay, 4 KiB writes, to /dev/null: throughput / cat's", 0.75, 0.95, rate("4k")),
    Measure("2", "the same with a live subscriber to lines", 0.6, 0.8,
            rate("4k", "fd2, live subscriber")),
    Measure("3", "the same as 1, to a pipe", 1.0, 1.2, rate("4k to a pipe")),
    Measure("4", "relay, a write a line: throughput / cat's", 1.1, 1.25, rate("line")),
    Measure("4", "relay, a write a line: CPU / cat's", 0.3, 0.2, cpu("line"), False),
    Measure("5", "relay, 4 KiB writes: throughput / the reference's thread's", 30, 60,
            rate("4k", other="reference's thread"), digits=0),
    Measure("5", "relay, 4 KiB writes: throughput / the seed's tokio loop's", 200, 600,
            rate("4k", other="seed's tokio loop"), digits=0),
    Measure("6", "relay, 4 KiB writes, socketpair: throughput / cat's on one", 0.8, 0.95,
            rate("4k, socketpair", "fd2 run, socketpair")),
    Measure("7", "relay, 4 KiB writes: CPU / cat's", 1.6, 1.2, cpu("4k"), False),
    Measure("12", "a lone line, median delay / cat's", 1.2, 1.0,
            lambda r: ratios(r["latency"]["fd2 run"]["p50"], r["latency"]["cat"]["p50"]), False),
    Measure("12", "a lone line, 99th percentile / cat's", 1.2, 0.8,
            lambda r: ratios(r["latency"]["fd2 run"]["p99"], r["latency"]["cat"]["p99"]), False),
    Measure("13", "start to the command's main / a static C relay's", 2.0, 1.4,
            lambda r: ratios(r["startup"]["fd2 run"]["main"],
                             r["startup"]["static C relay"]["main"]), False),
    Measure("14", "fd2 run -- /bin/true in all / bash -c '/bin/true; exit'", 1.0, 0.7,
            lambda r: ratios(r["startup"]["fd2 run -- /bin/true"]["all"],
                             r["startup"]["bash -c '/bin/true; exit'"]["all"]), False),
    Measure("15", "rsync of three files: added", 5, 2, added_milliseconds, False, "ms", 1),
    Measure("16", "spawn from a host of 1 GiB / from a small one", 4, 2,
            lambda r: ratios(r["spawn"]["fd2"]["large"], r["spawn"]["fd2"]["small"]), False),
    Measure("18", "throughput of the wire / without fd2", 1.00, 1.00,
            lambda r: ratios(r["wire"]["fd2 run"], r["wire"]["no wrapper"])),
    Measure("19", "close of an idle channel, the other end held", 200, 50,
            lambda r: microseconds(r["close"]["fd2"]), False, "µs", 0),
)

NOT_YET = (
    ("6", "relay over TCP: its backend comes later"),
    ("8 to 11", "thousands of channels on one loop: the asynchronous transport comes later"),
    ("17", "no byte lost at the exit: shown by the tests (scripts/test --long), not by a clock"),
    ("20", "pause of a hand-over: it comes later"),
)


@dataclasses.dataclass
class Outcome:
    measure: Measure
    value: float | None  # None: not measured
    low: float = 0
    high: float = 0

    @property
    def verdict(self):
        if self.value is None:
            return "not measured"
        if self.measure.meets(self.value, self.measure.goal):
            return "goal met"
        return "gate met" if self.measure.meets(self.value, self.measure.gate) else "MISSED"


def judge(results):
    out = []
    for one in MEASURES:
        try:
            values = one.compute(results)
        except (KeyError, ZeroDivisionError):
            # Its candidate was left out, and a note says why; or a run was too short for the
            # kernel's clock of CPU time.
            out.append(Outcome(one, None))
            continue
        out.append(Outcome(one, median(values), *spread(values)))
    return out
