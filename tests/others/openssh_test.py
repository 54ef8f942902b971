"""OpenSSH's own regression tests, with and without fd2 around every ssh.

Debian's package openssh-tests brings them; they are told which ssh to use. Each runs as it is and
then through a link made by `fd2 link`, once with each backend, and must end and print the same. All
runs of a test go on at the same time, each apart from the machine and from the others (apart.py).

Those that take long run with `scripts/test --long` only.
"""

import os
import pwd
import shutil
import subprocess
import sys

import harness

SUITE = "/usr/lib/openssh/regress"
APART = os.path.join(os.path.dirname(os.path.abspath(__file__)), "apart.py")
BACKENDS = ("socketpair", "pipe", "tcpshim", "tokio-like-async", "pty")
BARE = "without fd2"
SFTP_SERVER = "/usr/lib/openssh/sftp-server"

# Tells on which object it was given its stderr, then is ssh (or another program of that name).
WITNESS = """#!/bin/sh
readlink /proc/self/fd/2 >>{calls} || true
exec {program} "$@"
"""


class Run:
    """One test of theirs with one way of calling ssh."""

    def __init__(self, way, directory, process):
        self.way, self.directory, self.process = way, directory, process
        self.status = self.printed = None

    def wait(self):
        self.status = self.process.wait()
        with open(f"{self.directory}/printed", encoding="utf-8", errors="replace") as file:
            self.printed = (file.read().replace(f"{self.directory}/tools", "TOOLS")
                            .replace(f"{self.directory}/real", "TOOLS")
                            .replace(self.directory, "DIR"))

    @property
    def calls(self):
        try:
            with open(f"{self.directory}/calls", encoding="utf-8") as file:
                return file.read().split()
        except FileNotFoundError:
            return []

    def __str__(self):
        return f"{self.way}: exit status {self.status}\n{self.printed}\n{self.logs()}"

    def logs(self):
        """The end of what their tests keep of a failure."""
        text = ""
        for name in ("failed-regress.log", "failed-ssh.log", "failed-sshd.log"):
            path = f"{self.directory}/regress/{name}"
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as file:
                    text += f"--- {name}\n{file.read()[-3000:]}\n"
        return text


class OpenSsh(harness.Case):
    def setUp(self):
        harness.needs_tool("unshare", "ssh", "sshd", "sftp", "scp")
        if not os.path.exists(f"{SUITE}/test-exec.sh"):
            self.skipTest("the package openssh-tests is not installed")
        super().setUp()
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)  # also when we skip below
        self.readable_for_others()
        taken = [account.pw_uid for account in pwd.getpwall()]
        self.uid = next(uid for uid in range(64200, 65000) if uid not in taken)
        self.regress = self.path("regress")
        shutil.copytree(SUITE, self.regress, ignore=shutil.ignore_patterns("unittests"))
        # Its keys are made once, not for each run: test-exec.sh keeps those that are there.
        self.write("regress/keys.sh", 'tid="keys"\n')
        keys = self.start("keys", BARE)
        keys.wait()
        if keys.status == harness.SKIPPED and keys.printed.startswith("SKIP: "):
            self.skipTest(keys.printed.removeprefix("SKIP: ").strip())
        self.assertEqual(keys.status, 0, f"their tests cannot be set up: {keys}")
        shutil.rmtree(self.regress)
        shutil.move(f"{keys.directory}/regress", self.regress)

    def start(self, test, way):
        """Starts a test of theirs, with ssh called in the given way."""
        directory = self.path(f"{test}-{way.replace(' ', '-')}")
        for path in (directory, f"{directory}/tools", f"{directory}/real"):
            os.mkdir(path)
        shutil.copytree(self.regress, f"{directory}/regress")
        for name, program in (("ssh", shutil.which("ssh")), ("sftp-server", SFTP_SERVER)):
            text = WITNESS.format(calls=f"{directory}/calls", program=program)
            self.write(f"{directory}/real/{name}", text, 0o755)
        ssh, sftp_server = f"{directory}/real/ssh", f"{directory}/real/sftp-server"
        if way != BARE:
            ssh, sftp_server = self.through_fd2(directory, way, sftp_server)
        environment = dict(
            self.env, TEST_SHELL="sh", BUILDDIR=f"{directory}/regress", TEST_SSH_SSH=ssh,
            TEST_SSH_SFTPSERVER=sftp_server, TEST_SSH_UNSAFE_PERMISSIONS="1",
            TEST_SSH_PORT="4242", FD2_CONFIG=f"{directory}/fd2.yaml",
            TIME_STYLE="+",  # scp's lists files: the minute differs now and then
            PATH=f"{directory}/real:{self.env['PATH']}")
        words = [sys.executable, APART]
        if os.geteuid() == 0:  # sshd as root is another program than theirs is written for
            words += ["--uid", str(self.uid)]
            subprocess.run(["chown", "-R", f"{self.uid}:{self.uid}", directory], check=True)
        words += [f"{directory}/home", "sh", f"{directory}/regress/test-exec.sh",
                  f"{directory}/regress", f"{directory}/regress/{test}.sh"]
        with open(f"{directory}/printed", "wb") as printed:
            process = self.spawn(words, env=environment, stdout=printed, stderr=printed)
        return Run(way, directory, process)

    def through_fd2(self, directory, backend, sftp_server):
        """Ways to ssh and to the sftp server through fd2, with this backend or not at all."""
        self.write(f"{directory}/fd2.yaml", f"backends: {{sync: [{backend}]}}\n"
                                            "fallback: {inherit: false}\nrequire-unless-ssh: []\n")
        linked = self.run_raw([self.fd2, "link", f"{directory}/tools"])
        self.assertStatus(linked, 0)
        wrapper = self.write(f"{directory}/tools/sftp-server",
                             f'#!/bin/sh\nexec {self.fd2} run --config {directory}/fd2.yaml '
                             f'--plugin-path {self.env["FD2_PLUGIN_PATH"]} -- {sftp_server} "$@"\n',
                             0o755)
        return f"{directory}/tools/ssh", wrapper

    def same(self, *tests):
        for test in tests:
            with self.subTest(test):
                self.same_verdict(test)

    def same_if_long(self, *tests):
        if harness.LONG:
            self.same(*tests)

    def same_verdict(self, test):
        runs = [self.start(test, way) for way in (BARE, *BACKENDS)]
        for run in runs:
            run.wait()
        bare, *carried = runs
        self.assertEqual(bare.status, 0, f"it fails on its own already: {bare}")
        for run in carried:
            self.assertEqual((run.status, run.printed), (bare.status, bare.printed),
                             f"{test}, {run}")
            # What it was told to call was called (some ask again until a server is up, so how
            # often may differ), and its stderr was the backend's each time.
            self.assertNotEqual(run.calls, [], f"{test}, {run.way}: nothing was called")
            # (A terminal of root's has no place in /dev/pts.)
            kind = {"pipe": "pipe:", "pty": "/"}.get(run.way, "socket:")
            self.assertEqual([call for call in run.calls if not call.startswith(kind)], [],
                             f"{test}, {run.way}: not on the backend's object")
        print(f"{test}: {len(bare.calls)} calls, the same over {', '.join(BACKENDS)}")

    def test_connecting_and_ending(self):
        self.same("connect", "broken-pipe", "exit-status-signal")
        self.same_if_long("exit-status", "connect-uri", "envpass", "forcecommand")

    def test_stderr(self):
        self.same("stderr-after-eof", "banner")
        self.same_if_long("stderr-data", "localcommand")

    def test_transfers(self):
        self.same("yes-head", "transfer", "sftp-uri")
        self.same_if_long("sftp", "scp", "scp-uri", "scp3")

    def test_one_connection_for_many(self):
        self.same("proxy-connect")
        self.same_if_long("multiplex", "forwarding", "dynamic-forward", "reconfigure",
                          "channel-timeout")


if __name__ == "__main__":
    harness.main()
