"""rsync in all that can become of it."""

import os
import re
import shutil
import socket
import subprocess

from parity import Scenario, Talk
from test_ssh_tools import checksums, make_tree


class RsyncScenarios:
    """Part of a `ParityCase`."""

    def rsync_scenarios(self):
        """Name → Scenario."""
        make_tree(self.path("from"))
        real = f"exec {shutil.which('rsync')} \"$@\"\n"
        failures = {
            "unreachable port": ("-p", str(self.closed_port())),
            "rejected key": ("-F", self.strangers_config()),
            "changed host key": ("-o", "StrictHostKeyChecking=yes",
                                 "-o", f"UserKnownHostsFile={self.wrong_hosts()}"),
        }
        remotes = {
            "10 MB of stderr": "i=0; while [ $i -lt 100 ]; do head -c 100000 /dev/zero |"
                               " tr '\\0' 'x'; echo $i; i=$((i+1)); done >&2\n" + real,
            "invalid UTF-8": "printf 'a\\377\\376\\200\\n\\303(\\000\\r\\n' >&2\n" + real,
            "no last newline": "printf 'one\\nand no newline' >&2\n" + real,
        }
        found = {
            "push": Scenario(self.push),
            "pull": Scenario(self.pull),
            "delta": Scenario(self.delta),
            "missing source": Scenario(self.missing, 23),
            **{name: Scenario(lambda options=options: self.push(options=options), 255)
               for name, options in failures.items()},
            "remote killed": Scenario(lambda: self.push(self.remote("kill -9 $$\n")), 255),
            **{name: Scenario(lambda text=text: self.push(self.remote(text)))
               for name, text in remotes.items()},
            # At the end a lot is on its way: some of it in the object, unread.
            "slow reader": Scenario(lambda: self.push(self.remote(
                f"{shutil.which('rsync')} \"$@\"\nhead -c 3000000 /dev/zero | tr '\\0' y >&2\n"))
                ._replace(slow=True)),
            "control master": Scenario(self.master, ends=("writers-remain",)),
            "local command": Scenario(lambda: self.push(options=(
                "-o", "PermitLocalCommand=yes", "-o", f"LocalCommand={self.holder()}")),
                ends=("writers-remain",)),
            # The proxy ends because ssh has gone: a moment later, or on a busy machine after fd2
            # has stopped lingering.
            "proxy command": Scenario(lambda: self.push(options=(
                "-o", f"ProxyCommand={' '.join(self.ssh)} -W [%h]:%p {self.host}")),
                ends=("eof", "writers-remain")),
            "rsync daemon": Scenario(self.daemon),
            # Longer than a busy machine takes to start the remote side.
            "timeout": Scenario(lambda: self.push(["--timeout=3", *self.remote(
                "echo stalling >&2; exec sleep 1000\n")]), 30),
        }
        return {f"rsync: {name}": scenario._replace(tools=("rsync",))
                for name, scenario in found.items()}

    # talks

    def rsync(self, words, options=(), tree=None):
        return Talk(lambda shell: ["rsync", "-a", "-e", shell, *words], options,
                    done=lambda: self.assertEqual(checksums(self.path("from")), checksums(tree)))

    def push(self, extra=(), options=()):
        there = self.target("there")
        return self.rsync([*extra, self.path("from") + "/", f"{self.host}:{there}/"], options,
                          there)

    def pull(self):
        back = self.target("back")
        return self.rsync([f"{self.host}:{self.path('from')}/", back + "/"], tree=back)

    def missing(self):
        return self.rsync([f"{self.host}:{self.path('nowhere')}/", self.target("back") + "/"])

    def delta(self):
        there = self.target("there")
        shutil.copytree(self.path("from"), there, symlinks=True)
        with open(os.path.join(there, "sub", "deep", "large"), "r+b") as file:
            file.seek(1024 * 1024)
            file.write(b"older in the middle")
        return self.rsync(["--ignore-times", "--no-whole-file", self.path("from") + "/",
                           f"{self.host}:{there}/"], tree=there)

    def master(self):
        path = self.path("master")
        self.close_master(path)  # of the run before
        return self.push(options=("-v", "-o", "ControlMaster=auto", "-o", f"ControlPath={path}",
                                  "-o", "ControlPersist=60"))

    def daemon(self):
        there = self.target("there")
        os.mkdir(there)
        # Only root may choose its user; a group makes others fail in setgroups.
        user = "uid = 0\ngid = 0\n" if os.getuid() == 0 else ""
        config = self.write("rsyncd.conf", f"""\
[module]
path = {there}
read only = no
munge symlinks = no
use chroot = no
{user}""")
        return self.rsync(["--rsync-path", f"rsync --config={config}", self.path("from") + "/",
                           f"{self.host}::module/"], tree=there)

    # what they need

    def target(self, name):
        path = self.path(name)
        shutil.rmtree(path, ignore_errors=True)
        return path

    def remote(self, text):
        """A program that stands for the remote rsync."""
        return ["--rsync-path", self.script("remote", text)]

    def holder(self):
        """Holds ssh's stderr until the test's tear-down."""
        return self.script("holder", "sleep 1000 </dev/null >/dev/null &\n")

    def closed_port(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            return closed.getsockname()[1]

    def stranger(self):
        """A key that nobody knows."""
        path = self.path("stranger")
        if not os.path.exists(path):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        return path

    def strangers_config(self):
        with open(self.server.config, encoding="utf-8") as file:
            return self.write("other_config", re.sub(
                r"(?m)^(\s*IdentityFile\s).*$", rf"\g<1>{self.stranger()}", file.read()))

    def wrong_hosts(self):
        with open(self.stranger() + ".pub", encoding="ascii") as key:
            return self.write("known_hosts", f"* {' '.join(key.read().split()[:2])}\n")
