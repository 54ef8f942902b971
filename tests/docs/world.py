"""The world that the commands of the documents run in: what a reader has who tries them.

Home is a scratch directory. The working directory is a git clone with `tree/`, `src/`, `data/` and
`file` in it. `host` is a machine that ssh reaches: a private sshd whose remote commands start in
the same home, where a git repository (`repository`) and a borg one (`backup`) lie; it has the
commands `make` and `backup`. The ssh first on PATH knows that host and no other.
"""
import ctypes
import os
import shutil
import subprocess
import sys

import documents

sys.path.insert(0, os.path.join(documents.HERE, "..", "e2e"))

import harness  # noqa: E402
from private_sshd import PrivateSshd, Unavailable  # noqa: E402

NEEDED = ("ssh", "scp", "rsync", "git", "borg", "ansible", "bash",
          "pgrep")

# Remote commands. With a FIFO in its home `make` says that it has begun, and goes on until killed.
MAKE = """\
echo 'make: the last words' >&2
if [ -p ~/begun ]; then echo begun >~/begun; exec sleep 600; fi
"""

TEMPLATE = """\
mkdir here
git init -q --bare -b main repository
borg init -e none backup
cd here
git init -q -b main
mkdir tree src data tree/below
for name in tree/one tree/below/two src/three data/four file; do echo "in $name" >"$name"; done
git add file
git commit -q -m first
git push -q ../repository main
git remote add origin host:repository
"""


class World(documents.Scratch):
    def __enter__(self):
        for tool in NEEDED:
            if shutil.which(tool) is None:
                documents.skip(f"{tool} is not installed")
        if os.path.exists("/etc/fd2/fd2.yaml"):
            documents.skip("/etc/fd2/fd2.yaml would change what is printed")
        # What stays behind falls to us, and ends with us.
        ctypes.CDLL(None, use_errno=True).prctl(harness.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        super().__enter__()
        try:
            self._make()
        except Unavailable as why:
            self.__exit__()
            documents.skip(f"no private sshd: {why}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        harness.kill_descendants()
        super().__exit__()

    def _make(self):
        self.environment.update(
            BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes",
            BORG_RELOCATED_REPO_ACCESS_IS_OK="yes", GIT_CONFIG_NOSYSTEM="1",
            GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="a",
            GIT_COMMITTER_EMAIL="a@b")
        runtime = os.path.join(self.path, "runtime")
        os.mkdir(runtime, 0o700)
        self.environment["FD2_RUNTIME_DIR"] = runtime
        keys = os.path.join(self.path, "sshd")
        os.mkdir(keys, 0o700)
        server = PrivateSshd(keys, [f"PATH={self.environment['PATH']}"], home=self.home,
                             host="host")
        server.__enter__()
        config = os.path.join(self.path, "ssh_config")
        with open(config, "w", encoding="utf-8") as out:
            out.write(f"ControlPath {self.path}/%C\nInclude {server.config}\n")
        self.command("ssh", f'exec {shutil.which("ssh")} -F {config} "$@"\n')
        self.command("make", MAKE)
        self.command("backup", "echo 'backup: the last words' >&2\n")
        status, said = self.run("set -e\n" + TEMPLATE)
        if status != 0:
            raise AssertionError(f"the world cannot be made: status {status}\n{said}")
        self.template = os.path.join(self.path, "template")
        os.rename(self.home, self.template)
        self.here = os.path.join(self.home, "here")

    def command(self, name, text):
        path = os.path.join(self.path, "bin", name)
        with open(path, "w", encoding="utf-8") as out:
            out.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)

    def renew(self):
        """Everything as it was at first, for the next page."""
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self.template, self.home, symlinks=True)

    def begin(self, command):
        """Starts a command that runs `make` on the host, and returns when that has begun."""
        begun = os.path.join(self.home, "begun")
        os.mkfifo(begun)
        subprocess.Popen(["bash", "-c", command], cwd=self.here, env=self.environment,
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, start_new_session=True)
        with open(begun, encoding="ascii") as line:
            line.readline()
        os.unlink(begun)
