"""How long a lone line is under way: child, relay, a pipe, its reader."""

import contextlib
import json

from .children import Child, Ends, Failed, read_all
from .numbers import percentile
from .relay import Candidate, fd2_run


def delays_of(setting, who, count):
    """Nanoseconds, one a line."""
    with Ends() as ends, contextlib.ExitStack() as children:
        start = lambda *args, **more: children.enter_context(Child(*args, **more))
        far_end, out = ends.pipe()
        told, to_tell = ends.pipe()
        far = start([setting.program("sink"), "--stamps", f"--cpu={setting.writer_cpu}"],
                    stdin=far_end, stdout=to_tell)
        ends.close(far_end, to_tell)
        writer = [setting.program("lone_lines"), f"--count={count}", f"--cpu={setting.writer_cpu}"]
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


def measure_all(setting):
    """{name: {"p50": [...], "p99": [...]}}, nanoseconds, an element a round."""
    who = [Candidate("cat", ("cat",)), fd2_run(setting),
           Candidate("epoll", (setting.program("epoll_relay"),))]
    out = {one.name: {"p50": [], "p99": []} for one in who}
    for _ in range(setting.choose(full=9, quick=3)):
        for one in setting.shuffled(who):
            delays = delays_of(setting, one, setting.choose(full=1000, quick=200))
            out[one.name]["p50"].append(percentile(delays, 0.50))
            out[one.name]["p99"].append(percentile(delays, 0.99))
    return out
