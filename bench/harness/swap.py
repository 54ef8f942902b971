"""How long the reading of a running command pauses while its channel moves, as `fd2 swap` reports it."""

import json
import os
import time

from .children import HANG, Child, Failed, output_of
from .numbers import percentile

PAIRS = (("pipe", "tokio-like-async"), ("socketpair", "tokio-like-async"))


def moves(setting, one, other, number):
    """Microseconds, an element a move; the command floods its stderr all the time."""
    runtime = os.path.join(setting.scratch, "runtime")
    os.makedirs(runtime, mode=0o700, exist_ok=True)
    os.environ["FD2_RUNTIME_DIR"] = runtime
    flood = f"exec taskset -c {setting.writer_cpu} yes >&2"
    run = [setting.fd2, "run", "--forward", "off", "--backend", one, "--set",
           "swap.running=hand-over", "--", "sh", "-c", flood]
    with Child(run, cpu=setting.relay_cpu) as host:
        pid = str(host.process.pid)
        until = time.monotonic() + HANG
        while not os.path.exists(os.path.join(runtime, pid)):
            if time.monotonic() > until:
                raise Failed("fd2 run: no control socket")
            time.sleep(0.01)
        seen = []
        for turn in range(number):
            to = one if turn % 2 else other
            told = json.loads(output_of([setting.fd2, "swap", "--json", "--to", to, pid]))
            moved = told["hosts"][0]["moved"]
            if not moved:
                raise Failed(f"fd2 swap --to {to}: {told['hosts'][0]['kept']}")
            seen.append(moved[0]["pause_us"])
        return seen


def measure_all(setting):
    """{"one, other": {"pause_p50_us": [...], "pause_p99_us": [...]}}, an element a round."""
    out = {f"{one}, {other}": {"pause_p50_us": [], "pause_p99_us": []} for one, other in PAIRS}
    for _ in range(setting.choose(full=5, quick=1)):
        for one, other in setting.shuffled(PAIRS):
            seen = moves(setting, one, other, setting.choose(full=200, quick=20))
            out[f"{one}, {other}"]["pause_p50_us"].append(percentile(seen, 0.5))
            out[f"{one}, {other}"]["pause_p99_us"].append(percentile(seen, 0.99))
    return out
