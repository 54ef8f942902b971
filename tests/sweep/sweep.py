"""Makes one thing go wrong in a run of fd2, at every place in turn, and judges what came of it.

A run is `fd2 run OPTIONS -- COMMAND`, where COMMAND writes a known pattern to its stderr and exits
with a known status. Whatever went wrong,

- the run ends, and not by a signal of fd2's own making;
- its status is the command's, or 125, 126 or 127 with a line that says why;
- nothing is left behind;
- the pattern is complete on our stderr, or a line says that it is not.

A usual run takes a tenth of the places, chosen by a seed that is printed; FD2_SWEEP_SEED repeats it,
and FD2_LONG=1 takes all.
"""

import os
import random
import re
import shlex
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import harness  # noqa: E402

STATUS = 7
BYTES = 64 * 40
PATTERN = harness.pattern(0, BYTES)
PATIENCE = 60  # seconds; only a hang takes as long
# A usual run stops here, and says so: on a machine under load a tenth may take too long.
BUDGET = float(os.environ.get("FD2_SWEEP_SECONDS", "40"))

# Lines that are not the command's: fd2's, the head of a surfaced tail, the loader's.
SAID = re.compile(rb"(?m)^(?:fd2: .*|.* exited with status \d+:|.*error while loading.*|"
                  rb".*thread-local data: ABORT|out of memory)\n?")

# What each call can fail with in the life of a healthy program. Left out: calls that cannot fail (the
# fcntls of ours), and those whose failure glibc answers by ending the process (futex).
ERRORS = {
    "accept4": ("EMFILE", "ENOBUFS", "ECONNABORTED"),
    "bind": ("EADDRINUSE", "EACCES"),
    "chmod": ("EPERM",),
    "clone": ("EAGAIN", "ENOMEM"),
    "clone3": ("EAGAIN", "ENOSYS"),
    "close_range": ("ENOSYS",),
    "connect": ("ECONNREFUSED", "EINTR"),
    "dup": ("EMFILE",),
    "dup2": ("EMFILE",),
    "dup3": ("EMFILE",),
    "epoll_create1": ("EMFILE", "ENOMEM"),
    "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "epoll_wait": ("EINTR",),
    "eventfd2": ("EMFILE", "ENFILE", "ENOMEM"),
    "fchmod": ("EPERM",),
    "flock": ("EINTR",),
    "fstat": ("ENOMEM",),
    "fsync": ("EIO",),
    "ftruncate": ("EIO", "EPERM"),
    "getdents64": ("ENOMEM",),
    "getpeername": ("ENOBUFS",),
    "getrandom": ("ENOSYS", "EAGAIN"),
    "getsockname": ("ENOBUFS",),
    "getsockopt": ("ENOBUFS",),
    "ioctl": ("ENOTTY", "ENOMEM"),
    "listen": ("EADDRINUSE",),
    "lseek": ("ESPIPE",),
    "madvise": ("ENOMEM",),
    "mmap": ("ENOMEM",),
    "mprotect": ("ENOMEM",),
    "newfstatat": ("EACCES", "ENOMEM"),
    "openat": ("EMFILE", "ENFILE", "EACCES", "ENOMEM"),
    "pidfd_open": ("EMFILE", "ENOSYS"),
    "pidfd_send_signal": ("EPERM", "ENOSYS"),
    "pipe2": ("EMFILE", "ENFILE"),
    "poll": ("EINTR", "ENOMEM"),
    "ppoll": ("EINTR", "ENOMEM"),
    "prctl": ("EPERM",),
    "prlimit64": ("EPERM",),
    "read": ("EINTR", "EIO", "ENOMEM"),
    "readlink": ("EACCES", "ENOENT"),
    "recvfrom": ("ENOBUFS", "EINTR"),
    "recvmsg": ("ENOBUFS", "EINTR"),
    "rename": ("ENOSPC", "EACCES"),
    "sendmsg": ("ENOBUFS", "EINTR"),
    "sendto": ("ENOBUFS", "EINTR"),
    "setsockopt": ("ENOBUFS", "EPERM"),
    "shutdown": ("ENOBUFS",),
    "signalfd4": ("EMFILE", "ENOMEM"),
    "socket": ("EMFILE", "EACCES", "EAFNOSUPPORT"),
    "socketpair": ("EMFILE", "EAFNOSUPPORT"),
    "splice": ("ENOMEM",),
    "statx": ("EACCES", "ENOMEM"),
    "timerfd_create": ("EMFILE", "ENODEV"),
    "unlink": ("EACCES",),
    "vfork": ("EAGAIN", "ENOMEM"),
    "wait4": ("EINTR",),
    "waitid": ("EINTR", "ENOMEM"),
    "write": ("EINTR", "EIO", "ENOSPC"),
    "writev": ("EINTR", "EIO", "ENOSPC"),
}


class Place:
    """Where something goes wrong; `text` is the words before `fd2` that make it so. `mute`: it may be
    our own stderr that cannot be written, and nobody can be told."""

    def __init__(self, words, environment=None, mute=False):
        self.words, self.environment, self.mute = words, environment or {}, mute

    @property
    def text(self):
        given = [f"{name}={value}" for name, value in self.environment.items()]
        return shlex.join([*(["env", *given] if given else []), *self.words])


class Case(harness.Case):
    """A case with a command whose stderr and status are known."""

    def setUp(self):
        super().setUp()
        # A trial is a program of its own, in the first run only: what is counted is this one's.
        self.env["FD2_PLUGINS_TRIAL"] = "never"
        self.command = [self.child, "write", str(BYTES), str(STATUS)]
        self.seed = int(os.environ.get("FD2_SWEEP_SEED") or
                        int.from_bytes(os.urandom(4), "little"))

    def traced(self, *options):
        """strace, of fd2 and its threads; the command is let go when it is executed."""
        return ["strace", "-f", "-b", "execve", "-qqq", "-o", self.path("trace"), *options]

    def recorded(self, argv):
        """The calls of a run without a fault, in order, as (thread, name, the rest)."""
        self.run_one(Place(self.traced()), argv)
        calls = []
        with open(self.path("trace"), encoding="utf-8", errors="replace") as trace:
            for line in trace:
                seen = re.match(r"(\d+) +(\w+)\((.*)", line)
                if seen:
                    calls.append(seen.groups())
        return calls

    def run_one(self, place, argv, stderr=subprocess.PIPE):
        process = subprocess.Popen(
            [*place.words, *argv], env=self.env | place.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=stderr)
        try:
            _, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            table = harness.process_table()
            harness.kill_descendants()
            raise AssertionError(f"hangs:\n{table}") from None
        code = process.returncode
        return harness.Outcome(-code if code < 0 else code << 8, b"", err)

    def judge(self, place, outcome, expected=(STATUS,)):
        """None, or what is wrong with it."""
        own = SAID.findall(outcome.err)
        rest = SAID.sub(b"", outcome.err)
        if outcome.signal is not None:
            return f"killed by signal {outcome.signal}"
        if outcome.code not in expected:
            if outcome.code not in (125, 126, 127):
                return f"status {outcome.code}"
            if not own:
                return f"status {outcome.code} without a word"
        elif rest != PATTERN and not own and not place.mute:
            return f"{len(rest)} of {BYTES} bytes, without a word"
        left = [pid for pid in harness.descendants() if harness.state_of(pid) not in ("Z", "")]
        if left:
            return f"left behind:\n{harness.process_table()}"
        return None

    def sample(self, places):
        """A tenth of the places, in the order of chance; with FD2_LONG=1 all."""
        if harness.LONG:
            return places
        rng = random.Random(self.seed)
        chosen = rng.sample(places, max(1, len(places) // 10)) if places else []
        print(f"FD2_SWEEP_SEED={self.seed}: {len(chosen)} of {len(places)} places")
        return chosen

    def check(self, places, argv, run=None, judge=None, everywhere=False):
        """Every chosen place in turn; fails with all that went wrong, and how to see it again."""
        wrong, done = [], 0
        begin = time.monotonic()
        chosen = places if everywhere else self.sample(places)
        for place in chosen:
            if not harness.LONG and time.monotonic() - begin > BUDGET:
                print(f"after {done} of {len(chosen)} the time was up")
                break
            done += 1
            outcome = None
            try:
                outcome = (run or self.run_one)(place, argv)
                why = (judge or self.judge)(place, outcome)
            except AssertionError as failed:
                why = str(failed)
            harness.kill_descendants()
            if why:
                said = outcome.err[-300:].decode(errors="replace") if outcome else ""
                wrong.append(f"{place.text} {shlex.join(argv)}\n  {why}\n  {said!r}")
        self.assertFalse(wrong, f"{len(wrong)} of {done} went wrong:\n" + "\n".join(wrong))
