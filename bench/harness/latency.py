"""How long a lone line is under way: child, relay, a pipe, its reader."""

import contextlib
import dataclasses
import json
import os

from .children import Child, Ends, Failed, read_all
from .numbers import percentile
from .relay import Candidate, fd2_run


def delays_of(setting, who, count, first=()):
    """Nanoseconds, one a line. The child and the reader are started through the words `first`."""
    with Ends() as ends, contextlib.ExitStack() as children:
        start = lambda *args, **more: children.enter_context(Child(*args, **more))
        far_end, out = ends.pipe()
        told, to_tell = ends.pipe()
        far = start([*first, setting.program("sink"), "--stamps", f"--cpu={setting.writer_cpu}"],
                    stdin=far_end, stdout=to_tell)
        ends.close(far_end, to_tell)
        writer = [*first, setting.program("lone_lines"), f"--count={count}",
                  f"--cpu={setting.writer_cpu}"]
        if who.kind == "wrapper":
            relay = start([*who.argv, *writer], cpu=setting.relay_cpu, stderr=out)
        else:
            source, to_relay = ends.pipe()
            relay = start(who.argv, cpu=setting.relay_cpu, stdin=source, stdout=out)
            start(writer, stderr=to_relay)
            ends.close(source, to_relay)
        ends.close(out)
        report = json.loads(read_all(told))
        relay.end()
        far.end()
        if len(report["delays_ns"]) != count:
            raise Failed(f"{who.name}: {count} lines were written, "
                         f"{len(report['delays_ns'])} arrived")
        return report["delays_ns"]


def rounds(setting, who, count, number, first=()):
    """{name: {"p50": [...], "p99": [...]}}, nanoseconds, an element a round."""
    out = {one.name: {"p50": [], "p99": []} for one in who}
    for _ in range(number):
        for one in setting.shuffled(who):
            delays = delays_of(setting, one, count, first)
            out[one.name]["p50"].append(percentile(delays, 0.50))
            out[one.name]["p99"].append(percentile(delays, 0.99))
    return out


def measure_all(setting):
    who = [Candidate("cat", ("cat",)), fd2_run(setting),
           Candidate("epoll", (setting.program("epoll_relay"),))]
    return rounds(setting, who, setting.choose(full=1000, quick=200),
                  setting.choose(full=9, quick=3))


def on_a_busy_machine(setting):
    """The same while every CPU has two others to run, with the usual slice and with a short one for
    the relay. Child and reader have priority (as root), so that only the relay waits for a CPU."""
    ours = fd2_run(setting)
    cat = Candidate("cat", ("cat",))
    short = (setting.program("short_slice"),)
    who = [cat, ours, *(dataclasses.replace(one, name=f"{one.name}, short slice",
                                            argv=(*short, *one.argv)) for one in (cat, ours))]
    first = ("nice", "-n", "-20") if os.geteuid() == 0 else ()
    with contextlib.ExitStack() as others:
        for _ in range(2 * len(os.sched_getaffinity(0))):
            others.enter_context(Child(["sh", "-c", "while :; do :; done"]))
        return rounds(setting, who, setting.choose(full=500, quick=100),
                      setting.choose(full=9, quick=2), first)
