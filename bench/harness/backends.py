"""The backends beside each other: as relays, in opening and closing, handing over, and in what they
hold."""

import json
import os

from .children import Failed, output_of
from .numbers import percentile
from .relay import Candidate, check_carried, fd2_run, measure

MEDIA = ("pipe", "socketpair", "tcp")

# As `bench/rooms` spells them: (backend, its medium option or ""), the kernel object.
BACKENDS = {
    "pipe": ("pipe", "", "pipe"),
    "socketpair": ("socketpair", "", "socketpair"),
    "tcpshim": ("tcpshim", "", "tcp"),
    "tokio-like-async/pipe": ("tokio-like-async", "pipe", "pipe"),
    "tokio-like-async/socketpair": ("tokio-like-async", "socketpair", "socketpair"),
    "tokio-like-async/tcp": ("tokio-like-async", "tcp", "tcp"),
}


def medium_of(name):
    """The kernel object behind "cat, tcp", "fd2 run, tcpshim" or "splice"."""
    chosen = name.partition(", ")[2]
    return BACKENDS[chosen][2] if chosen in BACKENDS else chosen or "pipe"


def usable(setting):
    """Those whose plugin is there; a note says which is not."""
    out = []
    for name, (backend, _, _) in BACKENDS.items():
        if os.path.exists(os.path.join(setting.plugins, f"{backend}.so")):
            out.append(name)
        else:
            setting.note(f"{backend} was left out: it is not in {setting.plugins}")
    return out


def relays(setting):
    """{mode: {name: data}}: cat over each medium, and each backend under `fd2 run`."""
    who = [Candidate(f"cat, {medium}", ("cat",), medium=medium) for medium in MEDIA]
    for name in usable(setting):
        backend, medium, _ = BACKENDS[name]
        one = fd2_run(setting, f"fd2 run, {name}", backend, medium)
        check_carried(setting, one)
        who.append(one)
    return {"4k": measure(setting, who, 4096, seconds=0.15),
            "line": measure(setting, who, 80, seconds=0.15)}


def open_and_close(setting):
    """{way: {"open": [...], "close": [...]}}, nanoseconds, an element a round."""
    return json.loads(output_of([
        setting.program("close_cost"), f"--backends={setting.plugins}",
        f"--rounds={setting.choose(full=9, quick=3)}",
        f"--samples={setting.choose(full=50, quick=15)}", "--", *usable(setting)]))


def capacity(setting):
    """{backend: {size of a write: bytes}}. The kernel's own arithmetic: once is enough, and what a
    backend with a choice of objects makes holds what the object's own backend makes."""
    names = [name for name in usable(setting) if not BACKENDS[name][1]]
    return json.loads(output_of([setting.program("capacity"), f"--backends={setting.plugins}",
                                 "--", *names]))


def handover(setting):
    """{"one, other": {"calls_p50_us": [...], ..., "pause_p99_us": [...]}}, an element a round."""
    have = usable(setting)
    pairs = [(one, other) for one in have for other in have
             if BACKENDS[one][2] == BACKENDS[other][2] and one < other]
    out = {pair: {} for pair in pairs}
    for _ in range(setting.choose(full=7, quick=2)):
        for one, other in setting.shuffled(pairs):
            seen = json.loads(output_of([
                setting.program("handover"), f"--backends={setting.plugins}", f"--from={one}",
                f"--to={other}", f"--moves={setting.choose(full=400, quick=100)}",
                f"--cpu={setting.relay_cpu}", f"--writer-cpu={setting.writer_cpu}"]))
            for what in ("calls", "pause"):
                for name, share in (("p50", 0.5), ("p99", 0.99)):
                    out[one, other].setdefault(f"{what}_{name}_us", []).append(
                        percentile(seen[f"{what}_us"], share))
    if not pairs:
        raise Failed("no two backends of the same kind")
    return {f"{one}, {other}": data for (one, other), data in out.items()}
