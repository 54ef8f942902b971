"""What the tests of the documents share: pages, their fenced blocks, a place to run commands."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts", "lib"))

from pages import ROOT, fences, man_pages, pages, read, without_fences  # noqa: E402, F401

SKIPPED = 77
LIMIT = 300  # seconds; only ends what hangs, on a busy machine too


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def verdict(problems, done):
    """The exit status: prints the problems, or what was done."""
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems; {done}")
    return 1 if problems else 0


def fd2():
    """The command under test."""
    command = os.environ.get("FD2_COMMAND")
    if not command or not os.access(command, os.X_OK):
        skip("FD2_COMMAND names no command")
    return os.path.abspath(command)


def blocks(text, language):
    """(line number, text) of each fenced block marked with exactly `language`."""
    return [(line, block) for line, marked, block in fences(text) if marked == language]


class Scratch:
    """An empty directory that is home, with `fd2` on PATH; commands have no terminal."""

    def __enter__(self):
        command = fd2()  # may skip: nothing is to be left behind then
        self.path = tempfile.mkdtemp(prefix="fd2-docs-")
        self.home = os.path.join(self.path, "home")
        self.here = self.home  # where commands run
        commands = os.path.join(self.path, "bin")
        os.mkdir(self.home)
        os.mkdir(commands)
        os.symlink(command, os.path.join(commands, "fd2"))
        self.environment = {
            "HOME": self.home, "XDG_STATE_HOME": self.home + "/.local/state", "PATH": commands + ":/usr/bin:/bin:/usr/sbin:/sbin",
            "LC_ALL": "C.UTF-8", "TMPDIR": self.path}
        if "FD2_PLUGIN_PATH" in os.environ:
            self.environment["FD2_PLUGIN_PATH"] = os.environ["FD2_PLUGIN_PATH"]
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def run(self, command, before=0):
        """(status, stdout and stderr in one) of a line for bash; `$?` is `before` at its start."""
        said = os.path.join(self.path, "said")
        with open(said, "wb") as truncated:
            truncated.close()
        # A file, because what stays behind in the background would keep a pipe open.
        with open(said, "ab") as out:
            child = subprocess.Popen(["bash", "-c", f"(exit {before})\n{command}"], cwd=self.here,
                                     env=self.environment, stdin=subprocess.DEVNULL, stdout=out,
                                     stderr=out, start_new_session=True)
            try:
                status = child.wait(LIMIT)
            except subprocess.TimeoutExpired:
                status = "none: it hangs"
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
        with open(said, encoding="utf-8", errors="replace") as out:
            return status, out.read()
