"""The steps of scripts/demo. Each prints what it runs and what came of it; the table comes last."""

import ctypes
import hashlib
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from private_sshd import PrivateSshd, Unavailable

PERSIST_SECONDS = 5  # how long the ControlMaster of the comparison stays: the hang that is shown
PR_SET_CHILD_SUBREAPER = 36
COMMAND = os.path.abspath(os.environ.get("FD2_COMMAND", "fd2"))


def checksum(root):
    """One digest over the names and contents of all files below `root`."""
    total = hashlib.sha256()
    for directory, directories, files in os.walk(root):
        directories.sort()
        for name in sorted(files):
            path = os.path.join(directory, name)
            total.update(os.path.relpath(path, root).encode() + b"\0")
            with open(path, "rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def make_tree(root, files=200):
    """Some hundred files, 4 MB in all; always the same."""
    rng = random.Random(2)
    for number in range(files):
        directory = os.path.join(root, f"{number % 7}")
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, f"file {number}"), "wb") as file:
            file.write(rng.randbytes(rng.randrange(40_000)))


class Demo:
    def __init__(self, directory, server):
        self.directory, self.server = directory, server
        self.rows = []
        self.fd2 = os.path.join(directory, "fd2")  # a blank in the checkout's path splits rsync -e
        os.symlink(os.path.abspath(os.environ.pop("FD2_COMMAND")), self.fd2)
        self.ssh = ["ssh", "-F", server.config]
        for name in list(os.environ):
            if name.startswith(("RSYNC_", "SSH_")):
                del os.environ[name]

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def row(self, what, good, seen, seconds):
        self.rows.append((what, good, seen, seconds))
        print(f"  → {seen}\n")

    def show(self, command):
        words = " ".join(f"'{word}'" if " " in word else word for word in command)
        print("  $ " + words.replace(self.directory, "$D"))

    def run(self, command):
        """Runs it, shown as one would type it; (status, stderr, seconds)."""
        self.show(command)
        begin = time.monotonic()
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, check=False)
        for line in done.stderr.decode(errors="replace").splitlines()[-4:]:
            print("    " + line.replace(self.directory, "$D"))
        return done.returncode, done.stderr, time.monotonic() - begin

    def wrapped_shell(self, *options):
        return " ".join([self.fd2, "run", *options, "--", *self.ssh])

    def remote(self, *parts):
        return f"{self.server.host}:{self.path(*parts)}/"

    def push_and_pull(self):
        make_tree(self.path("tree"))
        wanted = checksum(self.path("tree"))
        for title, source, target, result in (
                ("push", self.path("tree") + "/", self.remote("pushed"), "pushed"),
                ("pull", self.remote("pushed"), self.path("pulled") + "/", "pulled")):
            print(f"{title} a tree with rsync")
            status, _, seconds = self.run(["rsync", "-a", "-e", self.wrapped_shell(), source,
                                           target])
            same = os.path.isdir(self.path(result)) and checksum(self.path(result)) == wanted
            self.row(f"rsync {title}", status == 0 and same,
                     f"exit status {status}, checksums {'equal' if same else 'DIFFERENT'}", seconds)

    def failure(self):
        print("a failure: the directory to fetch does not exist")
        stats, tail = self.path("stats.json"), self.path("tail")
        status, _, seconds = self.run(
            ["rsync", "-a", "-e", self.wrapped_shell("--stats", stats, "--tail-out", tail),
             self.remote("missing"), self.path("nothing") + "/"])
        with open(tail, encoding="utf-8", errors="replace") as file:
            kept = file.read()
        with open(stats, encoding="utf-8") as file:
            report = json.load(file)
        print("  saved by fd2 (--tail-out, --stats): the stderr of ssh and the remote side; what the\n"
              "  local rsync prints itself does not pass through fd2")
        print("    " + kept.strip().replace(self.directory, "$D").replace("\n", "\n    "))
        print(f"    bytes {report['bytes']}, end {report['end']}, "
              f"exit {json.dumps(report['exit'])}")
        good = status == 23 and "missing" in kept and report["bytes"] == len(kept.encode())
        self.row("rsync failure", good,
                 f"exit status {status}, {len(kept)} bytes saved (not the local rsync's own)", seconds)

    def master_options(self, name, seconds):
        return ["-v", "-o", "ControlMaster=auto", "-o", f"ControlPersist={seconds}",
                "-o", f"ControlPath={self.path(name)}", self.server.host, "true"]

    def until_end_of_file(self, command):
        """As a program does that collects a child's stderr: reads to the end, then waits.

        (status, seconds to the child's exit, seconds to the end of file)
        """
        self.show(command)
        begin = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE)
        exited = None
        handle = os.pidfd_open(child.pid)
        watched = [handle, child.stderr.fileno()]
        while child.stderr.fileno() in watched:
            for ready in select.select(watched, [], [])[0]:
                if ready == handle:
                    exited = time.monotonic() - begin
                    watched.remove(handle)
                elif not os.read(ready, 1 << 16):
                    watched.remove(ready)
        ended = time.monotonic() - begin
        os.close(handle)
        child.stderr.close()
        status = child.wait()
        return status, ended if exited is None else exited, ended

    def control_master(self):
        print("ssh -v with a ControlMaster, and a caller that reads stderr to EOF")
        plain = [*self.ssh, *self.master_options("plain", PERSIST_SECONDS)]
        status, exited, ended = self.until_end_of_file(plain)
        self.row("plain ssh -v, master", status == 0,
                 f"ssh exited after {exited:.1f} s, its caller continued after {ended:.1f} s", ended)
        wrapped = [self.fd2, "run", "--", *self.ssh, *self.master_options("wrapped", 60)]
        status, _, ended = self.until_end_of_file(wrapped)
        alive = subprocess.run([*self.ssh, "-o", f"ControlPath={self.path('wrapped')}", "-O",
                                "check", self.server.host], stderr=subprocess.PIPE, check=False)
        self.row("fd2 run, same ssh", status == 0 and alive.returncode == 0,
                 f"the caller continued after {ended:.1f} s, the master is "
                 f"{'still running' if alive.returncode == 0 else 'GONE'}", ended)

    def stop_masters(self):
        for name in ("plain", "wrapped"):
            if os.path.exists(self.path(name)):
                subprocess.run([*self.ssh, "-o", f"ControlPath={self.path(name)}", "-O", "exit",
                                self.server.host], stderr=subprocess.DEVNULL, check=False)

    def table(self):
        width = max(len(row[0]) for row in self.rows)
        print(f"{'step':<{width}}  {'':<6}  {'seconds':>7}  what was seen")
        for what, good, seen, seconds in self.rows:
            print(f"{what:<{width}}  {'ok' if good else 'FAILED':<6}  {seconds:>7.1f}  {seen}")
        return all(row[1] for row in self.rows)


def what_next():
    """The demo is over; the first commands of one's own."""
    fd2 = os.path.dirname(os.path.relpath(COMMAND))
    print(f"""
What next:
  PATH=$PWD/{fd2}:$PATH             put fd2 on PATH for the commands below
  fd2 doctor                                check this machine, with suggested fixes
  fd2 run --explain -- ssh HOST uptime      with one of your hosts
  rsync -a -e 'fd2 run -- ssh' DIR/ HOST:DIR/
  scripts/package                           Debian packages, to install it for good
Read on: README.md, then docs/README.md""")


def end_leftovers():
    """A ControlMaster that would not go by itself: as a subreaper we inherit it, and end it."""
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as children:
        for pid in map(int, children.read().split()):
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)


def on_signal(number, _):
    sys.exit(128 + number)  # unwinds through every `with` and `finally`


def main():
    sys.stdout.reconfigure(line_buffering=True)
    if not os.access(os.environ["FD2_COMMAND"], os.X_OK):
        sys.exit(f"{os.environ['FD2_COMMAND']} is not an executable: did the build succeed?")
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, on_signal)
    directory = tempfile.mkdtemp(prefix="fd2-demo-")
    try:
        with PrivateSshd(directory) as server:
            print(f"a private sshd listens on 127.0.0.1:{server.port}; $D is {directory}\n")
            demo = Demo(directory, server)
            try:
                demo.push_and_pull()
                demo.failure()
                demo.control_master()
            finally:
                demo.stop_masters()
        good = demo.table()
        if good:
            what_next()
    except Unavailable as why:
        sys.exit(f"cannot run a private sshd here: {why}")
    finally:
        end_leftovers()
        shutil.rmtree(directory, ignore_errors=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
