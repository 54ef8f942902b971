"""What is to be reached: each measure with its gate and its goal, and how it is computed."""

import dataclasses
from collections.abc import Callable

from . import curve, swap
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
    where: Callable | None = None  # (results) -> at which point the value was measured

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


def backend_rate(backend, medium):
    return lambda r: ratios(r["backends"]["4k"][f"fd2 run, {backend}"]["bytes_per_second"],
                            r["backends"]["4k"][f"cat, {medium}"]["bytes_per_second"])


def beside_epoll(size, medium, figure):
    return lambda r: ratios(r["many"][size][f"tokio-like-async/{medium}"][figure],
                            r["many"][size][f"epoll/{medium}"][figure])


def close_of(backend):
    return lambda r: [one / 1e3 for one in r["close"][backend]["close"]]


def pause_between(one, other):
    return lambda r: [us / 1e3 for us in r["handover"][f"{one}, {other}"]["pause_p99_us"]]


def worst_of_curve(number, what, gate, goal, key, **which):
    more_is_better = key == "bytes_per_second"

    def worst(results):
        return curve.worst(results["curve"], key, more_is_better, **which)

    return Measure(number, what, gate, goal, lambda r: worst(r)[3], more_is_better,
                   where=lambda r: curve.name_of(worst(r)))


ASYNC = "tokio-like-async/socketpair"


MEASURES = (
    Measure("1", "relay, 4 KiB writes, to /dev/null: throughput / cat's", 0.75, 0.95, rate("4k")),
    Measure("2", "the same with a live subscriber to lines", 0.6, 0.8,
            rate("4k", "fd2, live subscriber")),
    Measure("3", "the same as 1, to a pipe", 1.0, 1.2, rate("4k to a pipe")),
    Measure("4", "relay, one write per line: throughput / cat's", 1.1, 1.25, rate("line")),
    Measure("4", "relay, one write per line: CPU / cat's", 0.3, 0.2, cpu("line"), False),
    Measure("5", "relay, 4 KiB writes: throughput / the original thread's", 30, 60,
            rate("4k", other="original thread"), digits=0),
    Measure("5", "relay, 4 KiB writes: throughput / the tokio loop's", 200, 600,
            rate("4k", other="tokio loop"), digits=0),
    *(Measure("6", f"relay, 4 KiB writes, {backend}: throughput / cat's on {medium}", 0.8, 0.95,
              backend_rate(backend, medium))
      for backend, medium in (("socketpair", "socketpair"), ("tcpshim", "tcp"),
                              ("tokio-like-async/socketpair", "socketpair"),
                              ("tokio-like-async/tcp", "tcp"))),
    Measure("7", "relay, 4 KiB writes: CPU / cat's", 1.6, 1.2, cpu("4k"), False),
    Measure("8", "5 000 idle channels, each with its record: user memory of one", 1024, 600,
            lambda r: [r["many"]["idle"][f"{ASYNC}, record"]["idle_bytes"]], False, "B", 0),
    Measure("9", "the same: threads of all", 2, 1,
            lambda r: [r["many"]["idle"][f"{ASYNC}, record"]["threads"]], False, digits=0),
    Measure("9", "the same: wake-ups a second of all", 0, 0,
            lambda r: [r["many"]["idle"][f"{ASYNC}, record"]["idle_wakeups_per_second"]], False),
    Measure("10", "5 000 channels, socketpair: CPU a line / raw epoll's", 1.3, 1.15,
            beside_epoll("many", "socketpair", "cpu_us_per_line"), False),
    Measure("10", "5 000 channels, pipe: CPU a line / raw epoll's", 1.3, 1.15,
            beside_epoll("many", "pipe", "cpu_us_per_line"), False),
    Measure("11", "1 000 channels, socketpair: median delay / raw epoll's", 1.5, 1.1,
            beside_epoll("few", "socketpair", "p50_us"), False),
    Measure("11", "1 000 channels, socketpair: 99th percentile / raw epoll's", 2, 1.5,
            beside_epoll("few", "socketpair", "p99_us"), False),
    Measure("11", "9 900 channels, socketpair: 99th percentile / a thread a channel's", 1 / 50,
            1 / 100, lambda r: ratios(r["many"]["most"][ASYNC]["p99_us"],
                                      r["many"]["most"]["socketpair"]["p99_us"]), False, digits=3),
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
    *(Measure("19", f"close of an idle channel, the other end held, {backend}", 200, 50,
              close_of(backend), False, "µs", 0)
      for backend in ("pipe", "socketpair", "tcpshim", "tokio-like-async/socketpair")),
    *(Measure("20", f"hand-over under a flood, {medium}: pause, 99th percentile", 5, 1,
              pause_between(one, other), False, "ms")
      for medium, one, other in (("pipe", "pipe", "tokio-like-async/pipe"),
                                 ("socketpair", "socketpair", "tokio-like-async/socketpair"),
                                 ("tcp", "tcpshim", "tokio-like-async/tcp"))),
    *(Measure("21", f"fd2 swap under a flood, from {one}: pause, 99th percentile", 5, 1,
              lambda r, pair=f"{one}, {other}": [us / 1e3 for us in r["swap"][pair]["pause_p99_us"]],
              False, "ms")
      for one, other in swap.PAIRS),
    *(worst_of_curve("22", f"the curve's worst point: {what} / cat's on the same object",
                     curve.GATES[key], goal, key)
      for what, key, goal in (("throughput", "bytes_per_second", 1.0),
                              ("CPU", "cpu_seconds_per_gib", 1.1))),
    worst_of_curve("23", "the default's worst point: throughput / cat's on a pipe", 0.95, 1.0,
                   "bytes_per_second", name=f"fd2 run, {curve.DEFAULT}", other="cat, pipe"),
)

# What no clock can show.
ELSEWHERE = (
    ("17", "no byte lost at the exit: shown by the tests (scripts/test --long)"),
)


@dataclasses.dataclass
class Outcome:
    measure: Measure
    value: float | None  # None: not measured
    low: float = 0
    high: float = 0
    where: str = ""

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
        except (KeyError, ValueError, ZeroDivisionError):
            # Its candidate was left out, and a note says why; or a run was too short for the
            # kernel's clock of CPU time.
            out.append(Outcome(one, None))
            continue
        out.append(Outcome(one, median(values), *spread(values),
                           one.where(results) if one.where else ""))
    return out
