"""Many channels in one process: memory, threads, wake-ups, CPU and delay, beside the least that an
event loop can be and beside a thread a channel."""

import json
import resource

from .backends import usable
from .children import output_of
from .numbers import median

OURS = "tokio-like-async/{}"
EPOLL = "epoll/{}"

# In every round, because a measure compares them.
COMPARED = [template.format(medium) for medium in ("socketpair", "pipe")
            for template in (OURS, EPOLL)]
# In the first rounds only, for scale.
BESIDE = ["tokio-like-async/tcp", "epoll/tcp", "libuv/socketpair", "socketpair", "pipe"]
FEW = 3
TOO_BUSY = 10_000  # µs


def known(setting, ways):
    have = set(usable(setting))
    return [way for way in ways if way in have or way.startswith(("epoll/", "libuv/"))]


def run(setting, way, count, *more):
    """What `many` tells, or None, and a note says why."""
    told = json.loads(output_of([
        setting.program("many"), f"--by={way}", f"--count={count}",
        f"--writer={setting.program('many_writer')}", f"--backends={setting.plugins}",
        f"--cpu={setting.relay_cpu}", f"--writer-cpu={setting.writer_cpu}", *more]))
    if "refused" in told:
        setting.note(f"{way} with {count} channels was left out: {told['refused']}")
        return None
    return told


def allowed(setting, wanted):
    """As many channels as may be open: up to two descriptors each in one process."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, (hard - 200) // 2)
    if most < wanted:
        setting.note(f"{most} channels instead of {wanted}: the hard limit of open files is {hard}")
    return most


def idle(setting, count):
    """{name: what `many` tells}: memory before the first line and behind the last, wake-ups."""
    ways = [(way, depth) for way in known(setting, [OURS.format("socketpair")])
            for depth in ("sink", "capture", "host")]
    ways += [(way, "capture") for way in known(setting, [
        OURS.format("pipe"), OURS.format("tcp"), "socketpair"])]
    ways += [(way, "sink") for way in known(setting, ["epoll/socketpair", "libuv/socketpair"])]
    out = {}
    for way, depth in ways:
        beside = {"sink": "", "capture": ", record", "host": ", record, host's handle"}[depth]
        told = run(setting, way, count, f"--depth={depth}", "--rounds=3",
                   f"--idle-ms={setting.choose(full=1000, quick=200)}")
        if told:
            out[way + beside] = told
    return out


def under_load(setting, count, rounds, compared, beside):
    """{way: {figure: [...]}}, an element a round; every channel gets 5 lines, one each 100 ms."""
    ways = known(setting, compared + beside)
    out = {way: {} for way in ways}
    for number in range(rounds):
        for way in setting.shuffled(ways):  # a copy: what is refused leaves
            told = run(setting, way, count, "--rounds=5")
            if not told:
                ways.remove(way)
                out.pop(way)
                continue
            told["lines_per_second"] = told["lines"] / told["seconds"]
            for figure in ("cpu_us_per_line", "p50_us", "p99_us", "open_us", "lines_per_second"):
                out[way].setdefault(figure, []).append(told[figure])
        if number + 1 == FEW:
            ways = [way for way in ways if way not in beside]
    for way, data in out.items():
        if median(data["lines_per_second"]) < 9 * count:
            setting.note(f"{way} with {count} channels: fewer lines were written than were to be, "
                         "so its delays look shorter than they were")
    # The least that a loop can be has no delays of its own.
    if median(out.get("epoll/socketpair", {}).get("p99_us", [0])) > TOO_BUSY:
        setting.note(f"the delays with {count} channels are the machine's: raw epoll had them too")
    return out


def measure_all(setting):
    sizes = {"few": setting.choose(full=1000, quick=200),
             "many": allowed(setting, setting.choose(full=5000, quick=500)),
             "most": allowed(setting, setting.choose(full=9900, quick=900))}
    rounds = setting.choose(full=7, quick=1)
    beside = setting.choose(full=BESIDE, quick=["socketpair"])
    thread = known(setting, ["socketpair"])
    return {
        "channels": sizes,
        "idle": idle(setting, sizes["many"]),
        "few": under_load(setting, sizes["few"], rounds, COMPARED, beside),
        "many": under_load(setting, sizes["many"], rounds, COMPARED, beside),
        "most": under_load(setting, sizes["most"], rounds,
                           [OURS.format("socketpair"), *thread],
                           ["epoll/socketpair", "libuv/socketpair"]),
    }
