"""What a wrapper around the remote shell adds to a small rsync run. The remote shell is a stand-in
that runs the command here, so that nothing but the wrapper differs."""

import os
import shutil
import subprocess
import time

from .children import Failed


def quoted(*words):
    """As rsync -e splits it: quotes are known to it, backslashes are not."""
    return " ".join(f"'{word}'" for word in words)


def measure_all(setting):
    """{name: seconds, an element a round}."""
    if not shutil.which("rsync"):
        setting.note("rsync was left out: it is not installed")
        return {}
    shell = setting.program("local_rsh")
    who = {
        "no wrapper": quoted(shell),
        "static C relay": quoted(setting.program("static_wrapper"), shell),
        "fd2 run": quoted(setting.fd2, "run", "--", shell),
    }
    if setting.beside:
        who["the other fd2 run"] = quoted(setting.beside, "run", "--", shell)
    source = os.path.join(setting.scratch, "source")
    target = os.path.join(setting.scratch, "target")
    os.makedirs(source, exist_ok=True)
    for number in range(3):
        with open(os.path.join(source, f"file {number}"), "wb") as file:
            file.write(bytes([number]) * 4096)
    out = {name: [] for name in who}
    for _ in range(setting.choose(full=25, quick=5)):
        for name in setting.shuffled(who):
            shutil.rmtree(target, ignore_errors=True)
            begin = time.perf_counter()
            done = subprocess.run(["rsync", "-a", "-e", who[name], f"{source}/", f"here:{target}/"],
                                  stdin=subprocess.DEVNULL, capture_output=True, check=False)
            out[name].append(time.perf_counter() - begin)
            if done.returncode != 0 or len(os.listdir(target)) != 3:
                raise Failed(f"rsync, {name}: {done.stderr.decode(errors='replace').strip()}")
    return out
