"""What the end-to-end tests share: `fd2` as a stranger would run it, watched from outside.

A test file holds unittest cases and ends with `harness.main()`; CTest runs each test method as a
process of its own (`python3 FILE METHOD`). Every such process

- is a subreaper: whatever a test leaves behind falls to it and is killed at the end, so no test can
  leave a process on the machine, and a test can wait for its grandchildren;
- has a hang detector: a test that is not done after FD2_HANG_SECONDS (default 120) fails, with a
  table of its processes and what each is blocked in. It is no clock: it says nothing about speed;
- sees no configuration of the user's: HOME and the XDG directories are empty ones of its own.

From the environment: FD2_COMMAND (the fd2 to test), FD2_PLUGIN_PATH (handed through),
FD2_E2E_CHILD (the helper built from child.cpp), FD2_LONG=1 (`scripts/test --long`).
Exit status 77 means skipped, with a line `SKIP: reason`.
"""

import ctypes
import fcntl
import json
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts", "lib"))

from private_sshd import PrivateSshd, Unavailable  # noqa: E402

SKIPPED = 77
HANG_SECONDS = int(os.environ.get("FD2_HANG_SECONDS", "120"))
LONG = os.environ.get("FD2_LONG") == "1"
TAIL_BYTES = 64 * 1024  # capture.tail's default
PR_SET_CHILD_SUBREAPER = 36


class Hang(BaseException):
    """The hang detector fired. Not an Exception: no `except Exception` in a test may swallow it."""


# --- descriptors ------------------------------------------------------------------------------


def flags_of(fd):
    """Status flags of the open file description behind `fd`, which all its sharers see."""
    return fcntl.fcntl(fd, fcntl.F_GETFL)


def flags_seen_by_kernel(pid, fd):
    """The same from outside, for a descriptor of another process."""
    with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as info:
        for line in info:
            if line.startswith("flags:"):
                return int(line.split()[1], 8) & ~os.O_CLOEXEC
    raise AssertionError(f"no flags line for descriptor {fd} of process {pid}")


def object_behind(pid, fd):
    """`pipe:[123]`, `/dev/pts/3`, ...; None when the descriptor or the process is gone."""
    try:
        return os.readlink(f"/proc/{pid}/fd/{fd}")
    except OSError:
        return None


def read_all(fd):
    """Until end of file (or until a terminal hangs up)."""
    pieces = []
    while True:
        try:
            piece = os.read(fd, 1 << 16)
        except OSError:  # EIO: the last holder of the terminal's other side went away
            break
        if not piece:
            break
        pieces.append(piece)
    return b"".join(pieces)


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


def fill(fd):
    """Fills a pipe or socket until it takes nothing more; its flags are as before."""
    flags = flags_of(fd)
    fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    put = 0
    try:
        for size in (1 << 16, 1):
            try:
                while True:
                    put += os.write(fd, b"#" * size)
            except BlockingIOError:
                pass
    finally:
        fcntl.fcntl(fd, fcntl.F_SETFL, flags)
    return put


def object_behind_exe(pid):
    """The program that a process runs; None when it is gone."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return None


# --- processes --------------------------------------------------------------------------------


def describe_status(raw):
    """A raw wait status in words."""
    if os.WIFSIGNALED(raw):
        core = ", core dumped" if os.WCOREDUMP(raw) else ""
        return f"killed by signal {os.WTERMSIG(raw)}{core}"
    if os.WIFEXITED(raw):
        return f"exited with {os.WEXITSTATUS(raw)}"
    return f"raw wait status {raw:#x}"


def wait_raw(pid):
    """Reaps `pid`; its raw wait status."""
    return os.waitpid(pid, 0)[1]


def _read_proc(pid, name):
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def state_of(pid):
    """R, S, D, T, Z, ... or '' when the process is gone."""
    stat = _read_proc(pid, "stat")
    return stat.rpartition(")")[2].split()[0] if stat else ""


def parent_of(pid):
    stat = _read_proc(pid, "stat")
    return int(stat.rpartition(")")[2].split()[1]) if stat else 0


def command_of(pid):
    return _read_proc(pid, "cmdline").replace("\0", " ").strip()


def descendants(root=None):
    """Pids below `root` (default: this process), parents before children, zombies included."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            children.setdefault(parent_of(entry), []).append(int(entry))
    found, queue = [], [root or os.getpid()]
    while queue:
        for child in children.get(queue.pop(0), []):
            found.append(child)
            queue.append(child)
    return found


def blocked_in_pipe_write(pid):
    """Whether the process sleeps in a write to a full pipe (`pipe_write`, `anon_pipe_write`)."""
    return "pipe_write" in _read_proc(pid, "wchan")


def blocked_in_write_to_stderr(pid):
    """Whether the process sleeps in a write to its fd 2, whatever kind of object that is."""
    call = _read_proc(pid, "syscall").split()
    return call[:2] == ["1", "0x2"] or call[:2] == ["64", "0x2"]  # write on x86-64; on arm64


def waits_for_child(pid):
    return "do_wait" in _read_proc(pid, "wchan")


def process_table():
    """What the processes below this one are doing; printed when something hangs."""
    lines = []
    for pid in descendants():
        call = _read_proc(pid, "syscall").strip() or "?"
        lines.append(f"  pid {pid} parent {parent_of(pid)} state {state_of(pid)} "
                     f"in {_read_proc(pid, 'wchan') or '?'} (syscall {call}) "
                     f"fd 2 {object_behind(pid, 2)}: {command_of(pid)[:120]}")
    return "\n".join(lines) or "  (no process left)"


def until(condition, what, seconds=60):
    """Waits for something of which the kernel sends no event (a foreign process's state in /proc).

    Only for observing; no fd2 behaviour may depend on how long it takes.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"never came: {what}\n{process_table()}")
        time.sleep(0.01)


def wait_gone(pid):
    """Returns when process `pid`, anybody's child, has exited."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        select.select([handle], [], [])
    finally:
        os.close(handle)


def kill_descendants():
    """Ends and reaps everything below this process. Returns what was still alive, in words."""
    alive = []
    while True:
        below = descendants()
        if not below:
            return alive
        for pid in below:
            if state_of(pid) not in ("Z", ""):
                alive.append(f"{pid} {command_of(pid)[:100]}")
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while True:
                os.waitpid(-1, 0)
        except ChildProcessError:
            pass


# --- what `e2e_child write` writes --------------------------------------------------------------

PATTERN_LINE = 64


def pattern(begin, end, lines=True):
    """The bytes [begin, end) of the pattern; see child.cpp."""
    ending = b"\n" if lines else b"."
    first = begin // PATTERN_LINE
    text = b"".join(b"%063d%s" % (number, ending)
                    for number in range(first, (end + PATTERN_LINE - 1) // PATTERN_LINE))
    return text[begin - first * PATTERN_LINE:end - first * PATTERN_LINE]


# --- running fd2 ------------------------------------------------------------------------------


class Outcome:
    """How a process ended and what it said."""

    def __init__(self, raw, out, err):
        self.raw, self.out, self.err = raw, out, err

    @property
    def code(self):
        return os.WEXITSTATUS(self.raw) if os.WIFEXITED(self.raw) else None

    @property
    def signal(self):
        return os.WTERMSIG(self.raw) if os.WIFSIGNALED(self.raw) else None

    def __str__(self):
        return (f"{describe_status(self.raw)}\n--- stdout\n{_shown(self.out)}\n"
                f"--- stderr\n{_shown(self.err)}")


def _shown(data):
    if data is None:
        return "(not captured)"
    text = data[:2000].decode(errors="replace")
    return text + (f"... ({len(data)} bytes)" if len(data) > 2000 else "")


class Report:
    """What `--stats FILE --tail-out FILE` left behind; made before the run, read after it."""

    def __init__(self, directory, name="run"):
        self._stats = os.path.join(directory, f"{name}.stats.json")
        self._tail = os.path.join(directory, f"{name}.tail")
        for path in (self._stats, self._tail):
            if os.path.exists(path):
                os.unlink(path)

    @property
    def options(self):
        return ["--stats", self._stats, "--tail-out", self._tail]

    @property
    def stats(self):
        with open(self._stats, encoding="utf-8") as file:
            return json.load(file)

    @property
    def tail(self):
        with open(self._tail, "rb") as file:
            return file.read()


def needs_tool(*names):
    """Skips the test unless the programs are there (Debian keeps some in sbin)."""
    for name in names:
        if shutil.which(name) is None and shutil.which(name, path="/usr/sbin:/sbin") is None:
            raise unittest.SkipTest(f"{name} is not installed")


class Case(unittest.TestCase):
    """Base of all end-to-end tests: a directory, an environment, and fd2 by name."""

    maxDiff = 2000

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="fd2-e2e-")
        os.chmod(self.dir, 0o755)  # some tests become another user, who must get at what is in it
        for name in ("bin", "home", "config"):
            os.mkdir(os.path.join(self.dir, name))
        os.mkdir(os.path.join(self.dir, "runtime"), 0o700)
        command = os.environ.get("FD2_COMMAND", "")
        if not os.access(command, os.X_OK):
            self.fail(f"FD2_COMMAND={command!r} is no program: is fd2 built?")
        # Called by this name, so that a blank in the checkout's path does not split `rsync -e`.
        self.fd2 = os.path.join(self.dir, "bin", "fd2")
        os.symlink(os.path.abspath(command), self.fd2)
        self.child = os.environ.get("FD2_E2E_CHILD", "")
        self.env = self._environment()

    def tearDown(self):
        self.left_over = kill_descendants()
        shutil.rmtree(self.dir, ignore_errors=True)

    def _environment(self):
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("FD2_", "SSH_", "GIT_", "BORG_", "RSYNC_", "XDG_", "TMUX"))}
        kept.pop("DISPLAY", None)
        # Without directories that cannot be searched: they turn "not found" into "not permitted".
        path = os.environ.get("PATH", "/usr/bin:/bin").split(":") + ["/usr/sbin", "/sbin"]
        path = [f"{self.dir}/bin"] + [each for each in path if os.access(each, os.X_OK)]
        kept.update(
            PATH=":".join(path),
            HOME=f"{self.dir}/home", XDG_CONFIG_HOME=f"{self.dir}/config",
            XDG_STATE_HOME=f"{self.dir}/state", FD2_RUNTIME_DIR=f"{self.dir}/runtime",
            LC_ALL="C", GIT_CONFIG_NOSYSTEM="1")
        if "FD2_PLUGIN_PATH" in os.environ:
            kept["FD2_PLUGIN_PATH"] = os.environ["FD2_PLUGIN_PATH"]
        return kept

    # paths and files

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def script(self, name, text):
        """An executable sh script in the test's own bin directory, which is first on PATH."""
        return self.write(os.path.join("bin", name), "#!/bin/sh\n" + text, 0o755)

    def for_nobody(self, alone=False):
        """Words that run what follows as another user, who can get at all that fd2 needs.

        `alone`: as a user who has no other processes, for tests of RLIMIT_NPROC. The kernel counts
        the processes of a user, and other tests run as nobody at the same time.
        """
        if os.geteuid() != 0:
            self.skipTest("only root can become another user")
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError:
            self.skipTest("there is no user nobody")
        needs_tool("setpriv")
        self.readable_for_others()
        user = 2_000_000 + os.getpid() if alone else nobody.pw_uid
        os.chown(self.dir, user, nobody.pw_gid)
        return ["setpriv", f"--reuid={user}", f"--regid={nobody.pw_gid}",
                "--clear-groups"]

    def readable_for_others(self):
        """Copies fd2 and what belongs to it into the test's directory.

        The checkout may lie in a home that other users cannot enter.
        """
        os.unlink(self.fd2)
        shutil.copy(os.environ["FD2_COMMAND"], self.fd2)
        if os.path.exists(self.child):
            self.child = shutil.copy(self.child, self.path("bin", "e2e_child"))
        if "FD2_PLUGIN_PATH" in self.env:
            shutil.copytree(self.env["FD2_PLUGIN_PATH"], self.path("plugins"),
                            ignore=lambda directory, names: [
                                name for name in names
                                if not (name.endswith(".so") or
                                        os.path.isdir(os.path.join(directory, name)))])
            self.env["FD2_PLUGIN_PATH"] = self.path("plugins")

    # processes

    def spawn(self, argv, **options):
        options.setdefault("env", self.env)
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen([str(word) for word in argv], **options)

    def run_raw(self, argv, **options):
        """Runs to the end; stdout and stderr captured unless given otherwise."""
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        process = self.spawn(argv, **options)
        out, err = process.communicate()
        code = process.returncode
        # Popen folds the raw status; none of what is folded away can occur without WUNTRACED but
        # the core bit, for which tests use `raw_status`.
        return Outcome(-code if code < 0 else code << 8, out, err)

    def raw_status(self, argv, **options):
        """The raw wait status, core bit included."""
        options.setdefault("env", self.env)
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.DEVNULL)
        process = subprocess.Popen([str(word) for word in argv], **options)
        raw = wait_raw(process.pid)
        process.returncode = 0  # reaped here: Popen must not look for it
        return raw

    def fd2_run(self, *command, report=None, options=()):
        """The words of `fd2 run [options] -- command`."""
        extra = report.options if report else []
        return [self.fd2, "run", *extra, *options, "--", *command]

    def report(self, name="run"):
        return Report(self.dir, name)

    def config(self, text, name="fd2.yaml"):
        """Options that make fd2 read this YAML instead of any other file."""
        return ["--config", self.write(name, text)]

    # assertions

    def assertStatus(self, outcome, code):
        self.assertEqual(outcome.code, code, f"expected exit status {code}, but {outcome}")

    def assertNothingLeft(self):
        """Nothing that the test started is still alive (zombies of our own making are reaped)."""
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return
        self.fail("still alive:\n" + process_table())

    def assertFlagsUnchanged(self, fd, before):
        after = flags_of(fd)
        self.assertEqual(after, before,
                         f"flags of the shared description: {before:#o} before, {after:#o} now")


class SshCase(Case):
    """A case with a private sshd; `self.ssh` are the words that reach it."""

    def setUp(self):
        needs_tool("ssh", "sshd", "ssh-keygen")
        super().setUp()
        os.mkdir(self.path("ssh"), 0o700)
        # A home of the test's own: the account's start-up files are none of its business.
        self.server = PrivateSshd(self.path("ssh"), [f"PATH={self.env['PATH']}",
                                                     f"HOME={self.env['HOME']}"])
        try:
            self.server.__enter__()
        except Unavailable as why:
            self.skipTest(f"no private sshd: {why}")
        self.addCleanup(self.server.stop)
        self.host = self.server.host
        self.ssh = ["ssh", "-F", self.server.config]


# --- main -------------------------------------------------------------------------------------


def _on_alarm(*_):
    raise Hang(f"not done after {HANG_SECONDS} s:\n{process_table()}")


def main():
    """Runs the test methods named on the command line, or all of the calling file."""
    sys.stdout.reconfigure(line_buffering=True)
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.umask(0o022)  # configuration files that a group can write are refused
    signal.signal(signal.SIGALRM, _on_alarm)
    module = sys.modules["__main__"]
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    wanted = set(sys.argv[1:])
    tests = [test for group in suite for test in group
             if not wanted or test._testMethodName in wanted]
    if not tests:
        print(f"no such test: {' '.join(wanted)}")
        return sys.exit(2)
    skipped, failed = [], []
    for test in tests:
        _run_one(test, skipped, failed)
    if failed:
        sys.exit(1)
    sys.exit(SKIPPED if len(skipped) == len(tests) else 0)


def _run_one(test, skipped, failed):
    result = unittest.TestResult()
    # Fires again soon after the first time: a subtest or a clean-up may hang as its elder did.
    signal.setitimer(signal.ITIMER_REAL, HANG_SECONDS * (30 if LONG else 1), 10)
    try:
        test.run(result)
    except Hang as hang:
        result.failures.append((test, str(hang)))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        kill_descendants()
    name = test._testMethodName
    for which, text in result.failures + result.errors:
        part = getattr(which, "_subDescription", str)()  # of which subtest
        print(f"FAILED: {name} {part}".rstrip() + f"\n{text}")
        failed.append(name)
    for _, reason in result.skipped:
        print(f"SKIP: {reason}")
        skipped.append(name)
    if result.wasSuccessful() and not result.skipped:
        print(f"ok: {name}")
