"""Parity: a real rsync through a real ssh, whichever transport, flag and backend carry its stderr.

Every scenario runs twice: with plain ssh, and with fd2 around it. In both a recorder stands before
ssh and writes down, byte for byte, what ssh said on its stderr. What must hold exactly:

- the transferred tree is what it should be;
- captured = forwarded = what the recorder wrote down;
- nothing is surfaced where all was forwarded, and the tail, once, where nothing was;
- the exit status is that of plain ssh;
- the lines are those of plain ssh, as a multiset, after `normalised`.

With the flag off the async transport inherits: nothing is captured, and the rest holds all the same.
"""

import collections
import json
import os
import re
import shutil
import socket
import subprocess
import sys

import harness
from test_ssh_tools import checksums, make_tree

BACKENDS = ("pipe", "socketpair", "tcpshim", "tokio-like-async")

# rsync takes the status of a shell that could not connect only if it is there the moment the wire
# ends, and says 12 otherwise. Plain ssh loses that race now and then on a busy machine, and a run
# that lost it is repeated; one that always loses it is wrong.
RACES = 10

# What differs between two runs of the same conversation: numbers (ports, process ids, sizes, rates,
# times), the keys and cookies of a session, and names that mktemp made.
NUMBER = re.compile(rb"\b(0x)?[0-9a-f]*[0-9][0-9a-f]*\b")


# What a ControlMaster says of the client that leaves it comes before or after that client's end.
MASTERS_OWN = re.compile(rb"mux-control|mux_|control_persist")


def normalised(text):
    """The lines of `text` as a multiset, without what differs from run to run."""
    return collections.Counter(NUMBER.sub(b"N", line) for line in text.splitlines()
                               if not MASTERS_OWN.search(line))


class Matrix(harness.SshCase):
    def setUp(self):
        harness.needs_tool("rsync", "ssh-keygen")
        super().setUp()
        self.recorder = os.environ["FD2_PARITY_RECORDER"]
        self.embedder = os.environ["FD2_E2E_EMBEDDER"]
        make_tree(self.path("from"))
        self.runs = 0

    # one run

    def carrier(self, prefix, forward):
        """The words that stand before the remote shell; none for plain ssh."""
        if self.transport is None:
            return []
        keys = [f"features.ssh-socketpair-stderr={'true' if self.flag == 'on' else 'false'}",
                f"backends.sync={self.backend}", f"backends.async={self.backend}",
                "capture.tail=64MiB", f"forward.mode={forward}"]
        if self.transport == "sync":
            words = [self.fd2, "run", "--stats", prefix + ".stats.json", "--tail-out",
                     prefix + ".tail"]
            for key in keys:
                words += ["--set", key]
            return words + ["--"]
        return [self.embedder, "relay", "async", *keys, "--"]

    def run_rsync(self, words, ssh_options=(), forward="raw"):
        """`rsync -e SHELL WORDS`; what came of it as a dict."""
        self.runs += 1
        prefix = self.path(f"run{self.runs}")
        quoted = " ".join(f"'{word}'" for word in [
            *self.carrier(prefix, forward), self.recorder, prefix + ".said", "--", *self.ssh,
            *ssh_options])
        shell = self.script(f"shell{self.runs}",
                            f"echo $$ >'{prefix}.pid'\n"
                            f"export FD2_EMBEDDER_REPORT='{prefix}'\n"
                            f"exec {quoted} \"$@\" 2>'{prefix}.shown'\n")
        outcome = self.run_raw(["rsync", "-a", "-e", shell, *words], stderr=subprocess.PIPE)
        # An rsync that gives up does not wait for its remote shell.
        harness.wait_gone(int(self.content(prefix + ".pid")))
        result = {"status": outcome.raw, "rsync": outcome}
        for name in ("said", "shown", "tail"):
            result[name] = self.content(f"{prefix}.{name}")
        result["mark"] = int(self.content(prefix + ".said.mark") or b"-1")
        stats = self.content(prefix + ".stats.json")
        result["stats"] = json.loads(stats) if stats else None
        return result

    def content(self, path):
        try:
            with open(path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    # what must hold

    def check(self, plain, ours, held):
        self.assertEqual(plain["status"], ours["status"],
                         f"plain: {plain['rsync']}\nours: {ours['rsync']}")
        said = ours["said"]
        self.assertGreaterEqual(ours["mark"], 0, "the recorder did not see the end")
        if held:
            # A holder may talk on after ssh's end: what was carried ends somewhere behind it.
            self.assertGreaterEqual(len(ours["shown"]), ours["mark"])
            self.assertEqual(ours["shown"], said[:len(ours["shown"])])
        else:
            self.assertEqual(ours["shown"], said)
        if self.transport == "async" and self.flag == "off":
            self.assertEqual(ours["tail"] or b"", b"")
            self.assertEqual(ours["stats"]["backend"], "inherit")
        else:
            self.assertEqual(ours["tail"], ours["shown"])
            self.assertEqual(ours["stats"]["backend"], self.backend)
            self.assertEqual(ours["stats"]["bytes"], len(ours["shown"]))
            self.assertEqual(ours["stats"]["forwarded_bytes"], len(ours["shown"]))
            self.assertEqual(ours["stats"]["end"], "writers-remain" if held else "eof")
        self.assertEqual(normalised(plain["said"][:plain["mark"]]),
                         normalised(said[:ours["mark"]]))

    def check_surfaced(self, plain, ours):
        """Nothing was forwarded: the record is shown once, under a heading, if the shell failed."""
        self.assertEqual(plain["status"], ours["status"])
        if self.transport == "async" and self.flag == "off":
            self.assertEqual(ours["shown"], ours["said"])
            return
        shown, said = ours["shown"], ours["said"]
        if not said:
            self.assertEqual(shown, b"")
            return
        heading, _, rest = shown.partition(b"\n")
        self.assertRegex(heading, rb"^ssh process (exited with status \d+|was killed by signal "
                                  rb"SIG[A-Z0-9]+):$")
        self.assertEqual(rest, said if said.endswith(b"\n") else said + b"\n")

    # scenarios: each is (words, ssh options), made anew for each run

    def remote(self, name, text):
        """A program that stands for the remote rsync."""
        return ["--rsync-path", self.script(name, text)]

    def target(self, name):
        path = self.path(name)
        shutil.rmtree(path, ignore_errors=True)
        return path

    def push(self, extra=(), options=()):
        there = self.target("there")
        return ([*extra, self.path("from") + "/", f"{self.host}:{there}/"], options, there)

    def pull(self, extra=(), options=()):
        back = self.target("back")
        return ([*extra, f"{self.host}:{self.path('from')}/", back + "/"], options, back)

    def scenarios(self):
        """Name → (function of the run's arguments, expected status or None, held by others)."""
        real = f"exec {shutil.which('rsync')} \"$@\"\n"
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        stranger, hosts = self.path("stranger"), self.path("known_hosts")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
        with open(stranger + ".pub", encoding="ascii") as key, \
                open(hosts, "w", encoding="ascii") as file:
            file.write(f"* {' '.join(key.read().split()[:2])}\n")
        with open(self.server.config, encoding="utf-8") as file:
            other = self.write("other_config", re.sub(
                r"(?m)^(\s*IdentityFile\s).*$", rf"\g<1>{stranger}", file.read()))
        return {
            "push": (self.push, 0, False),
            "pull": (self.pull, 0, False),
            "delta": (self.delta, 0, False),
            "missing source": (lambda: ([f"{self.host}:{self.path('nowhere')}/",
                                         self.target("back") + "/"], (), None), 23, False),
            "unreachable port": (lambda: self.push(options=("-p", str(port))), 255, False),
            "rejected key": (lambda: self.push(options=("-F", other)), 255, False),
            "changed host key": (lambda: self.push(options=(
                "-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={hosts}")), 255,
                False),
            "remote killed": (lambda: self.push(self.remote("dies", "kill -9 $$\n")), 255, False),
            "10 MB of stderr": (lambda: self.push(self.remote(
                "talks", "i=0; while [ $i -lt 100 ]; do head -c 100000 /dev/zero | tr '\\0' 'x';"
                " echo $i; i=$((i+1)); done >&2\n" + real)), 0, False),
            "invalid UTF-8": (lambda: self.push(self.remote(
                "bytes", "printf 'a\\377\\376\\200\\n\\303(\\000\\r\\n' >&2\n" + real)), 0, False),
            "no last newline": (lambda: self.push(self.remote(
                "cut", "printf 'one\\nand no newline' >&2\n" + real)), 0, False),
            "control master": (lambda: self.push(options=(
                "-v", "-o", "ControlMaster=auto", "-o", f"ControlPath={self.path('master')}",
                "-o", "ControlPersist=60")), 0, True),
            "local command": (lambda: self.push(options=(
                "-o", "PermitLocalCommand=yes", "-o",
                f"LocalCommand={self.holder()}")), 0, True),
            "proxy command": (lambda: self.push(options=(
                "-o", "ProxyCommand=" + " ".join(self.ssh) + " -W [%h]:%p " + self.host)), 0,
                False),
            "rsync daemon": (self.daemon, 0, False),
            "timeout": (lambda: self.push(["--timeout=1", *self.remote(
                "stalls", "echo stalling >&2; exec sleep 1000\n")]), 30, False),
        }

    def delta(self):
        there = self.target("there")
        shutil.copytree(self.path("from"), there, symlinks=True)
        with open(os.path.join(there, "sub", "deep", "large"), "r+b") as file:
            file.seek(1024 * 1024)
            file.write(b"older in the middle")
        return (["--ignore-times", "--no-whole-file", self.path("from") + "/",
                 f"{self.host}:{there}/"], (), there)

    def daemon(self):
        there = self.target("there")
        os.mkdir(there)
        config = self.write("rsyncd.conf", f"[module]\npath = {there}\nread only = no\n"
                            f"munge symlinks = no\nuse chroot = no\nuid = {os.getuid()}\ngid = {os.getgid()}\n")
        return (["--rsync-path", f"rsync --config={config}", self.path("from") + "/",
                 f"{self.host}::module/"], (), there)

    def holder(self):
        """Holds ssh's stderr until the test's tear-down."""
        return self.script("holder", "sleep 1000 </dev/null >/dev/null &\n")

    def close_master(self):
        subprocess.run([*self.ssh, "-o", f"ControlPath={self.path('master')}", "-O", "exit",
                        self.host], env=self.env, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    # the row

    def one(self, make, expected, held):
        results = []
        for transport in (None, self.chosen[0]):
            self.transport = transport
            for _ in range(RACES):
                words, options, tree = make()
                ours = self.run_rsync(words, options)
                if expected != 255 or ours["rsync"].code != 12:
                    break
            if expected is not None:
                self.assertStatus(ours["rsync"], expected)
            if expected == 0:
                self.assertEqual(checksums(self.path("from")), checksums(tree))
            self.close_master()
            results.append(ours)
        self.check(*results, held)
        if expected == 255:
            for _ in range(RACES):
                words, options, _ = make()
                ours = self.run_rsync(words, options, forward="off")
                if ours["rsync"].code == 255:
                    break
            self.check_surfaced(results[0], ours)

    def row(self, transport, flag, backend):
        self.chosen = (transport, flag, backend)
        self.flag, self.backend = flag, backend
        cells = {}
        for name, (make, expected, held) in self.scenarios().items():
            try:
                self.one(make, expected, held)
                cells[name] = "ok"
            except AssertionError as why:
                cells[name] = str(why)
        directory = os.environ["FD2_PARITY_RESULTS"]
        os.makedirs(directory, exist_ok=True)
        path = os.path.join(directory, f"{transport}-{flag}-{backend}.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"transport": transport, "flag": flag, "backend": backend, "cells": cells},
                      file, indent=1)
        wrong = {name: why for name, why in cells.items() if why != "ok"}
        for name, why in wrong.items():
            print(f"--- {name}\n{why}", file=sys.stderr)
        self.assertFalse(wrong, f"{len(wrong)} of {len(cells)} scenarios: {', '.join(wrong)}")


def add_rows():
    for transport in ("sync", "async"):
        for flag in ("off", "on"):
            for backend in BACKENDS:
                name = f"test_{transport}_{flag}_{backend.replace('-', '_')}"
                setattr(Matrix, name, lambda self, cell=(transport, flag, backend):
                        self.row(*cell))


add_rows()

if __name__ == "__main__":
    harness.main()
