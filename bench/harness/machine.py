"""The machine the figures come from: they are worth nothing without it."""

import datetime
import os
import platform
import subprocess


def siblings(cpu):
    """The CPUs that share a core with this one, itself included."""
    path = f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
    out = {cpu}
    try:
        with open(path, encoding="ascii") as file:
            for part in file.read().strip().split(","):
                first, _, last = part.partition("-")
                out.update(range(int(first), int(last or first) + 1))
    except (OSError, ValueError):
        pass  # no word about it: every CPU is taken for a core
    return out


def two_cpus():
    """(writer's, relay's): two cores if there are, else two threads of one, else one CPU."""
    allowed = sorted(os.sched_getaffinity(0))
    writer = allowed[0]
    others = [cpu for cpu in allowed if cpu not in siblings(writer)] or allowed[1:] or allowed
    return writer, others[0]


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def revision(root):
    """The commit that was measured, with a + if the tree differs from it."""
    git = ["git", "-c", f"safe.directory={root}", "-C", root]
    try:
        head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True,
                              text=True, check=True).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True,
                                 check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+" if changed else "")


def describe(root):
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "revision": revision(root),
        "cpu": cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "load": os.getloadavg()[0],
    }


def is_busy():
    """Whether others keep the machine busy; then the figures are about them as well."""
    return os.getloadavg()[0] > 0.5 * len(os.sched_getaffinity(0))
