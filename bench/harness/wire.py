"""The wire is not ours: a command's stdout under `fd2 run` and without it."""

import contextlib
import json

from .children import Child, Ends, Failed, read_all
from .relay import BLOCK


def rate_of(setting, wrapper, amount):
    with Ends() as ends, contextlib.ExitStack() as children:
        report, to_report = ends.pipe()
        far_end, wire = ends.pipe()
        counted, to_count = ends.pipe()
        far = children.enter_context(
            Child([setting.program("sink"), f"--cpu={setting.relay_cpu}"], stdin=far_end,
                  stdout=to_count))
        writer = [setting.program("writer"), "--fd=1", f"--bytes={amount}", "--size=4096",
                  f"--cpu={setting.writer_cpu}", f"--report-fd={to_report}"]
        near = children.enter_context(
            Child([*wrapper, *writer], cpu=setting.relay_cpu, stdout=wire, keep=(to_report,)))
        ends.close(far_end, wire, to_count, to_report)
        near.end()
        far.end()
        told = json.loads(read_all(report))
        if json.loads(read_all(counted))["bytes"] != told["total"]:
            raise Failed("the wire lost bytes")
        return told["bytes"] / told["seconds"]


def measure_all(setting):
    """{name: bytes a second, an element a round}."""
    who = {"no wrapper": [], "fd2 run": [setting.fd2, "run", "--"]}
    amount = setting.choose(full=40_000, quick=8_000) * BLOCK
    out = {name: [] for name in who}
    for _ in range(setting.choose(full=9, quick=3)):
        for name in setting.shuffled(who):
            out[name].append(rate_of(setting, who[name], amount))
    return out
