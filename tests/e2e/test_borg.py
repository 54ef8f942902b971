"""An unmodified borg whose remote prints more at teardown than a pipe holds.

borg then waits for its remote shell and no longer reads that shell's stderr: the shell blocks in
its write, for ever. With fd2 between them borg ends by itself.
"""

from subprocess import DEVNULL

import harness

NOISE = 300 * 1000


class Borg(harness.SshCase):
    def setUp(self):
        harness.needs_tool("borg")
        super().setUp()
        self.env.update(BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes",
                        BORG_BASE_DIR=self.path("home"))
        self.write("data", "worth keeping\n")
        # The real `borg serve`, then much to say.
        self.script("noisy-borg",
                    f'borg "$@"; status=$?\nhead -c {NOISE} /dev/zero | tr "\\0" x >&2\n'
                    "exit $status\n")
        # A remote shell without a network: drops the host's name and runs the command here.
        self.script("here", 'shift\nexec sh -c "$*"\n')
        self.repository = f"ssh://{self.host}{self.path('repository')}"
        # The repository is made by a quiet remote, so that only what is shown can hang.
        self.assertStatus(self.borg("here", "init", "-e", "none", self.repository, noisy=False), 0)

    def words(self, command, *words, noisy=True):
        remote = ["--remote-path", self.path("bin", "noisy-borg")] if noisy else []
        return ["borg", command, *remote, *words]

    def borg(self, shell, command, *words, noisy=True):
        self.env["BORG_RSH"] = shell
        return self.run_raw(self.words(command, *words, noisy=noisy))

    def create(self, shell):
        return self.borg(shell, "create", f"{self.repository}::archive", self.path("data"))

    def test_without_fd2_borg_hangs(self):
        """Not "takes long": borg waits for a child that waits for borg to read."""
        self.env["BORG_RSH"] = "here"
        borg = self.spawn(self.words("create", f"{self.repository}::archive", self.path("data")),
                          stdout=DEVNULL, stderr=DEVNULL)
        harness.until(lambda: self.deadlocked(borg.pid),
                      "borg and its remote waiting for each other")
        self.assertIsNone(borg.poll())
        borg.kill()
        borg.wait()

    def deadlocked(self, borg):
        """borg sleeps in wait() for its remote; below it somebody is stuck writing to a pipe that
        borg alone can read."""
        if not harness.waits_for_child(borg):
            return False
        return any(harness.blocked_in_pipe_write(pid) and self.read_by_only(borg, pid)
                   for pid in harness.descendants(borg))

    def read_by_only(self, borg, writer):
        return (harness.object_behind(writer, 1) in self.pipes_of(borg)
                or harness.object_behind(writer, 2) in self.pipes_of(borg))

    def pipes_of(self, pid):
        return {link for fd in range(64)
                if (link := harness.object_behind(pid, fd)) and link.startswith("pipe:")}

    def test_with_fd2_borg_ends_by_itself(self):
        report = self.report()
        outcome = self.create(" ".join(self.fd2_run("here", report=report)))
        self.assertStatus(outcome, 0)
        self.assertGreaterEqual(report.stats["bytes"], NOISE)
        self.assertEqual(report.stats["exit"], {"code": 0})
        self.assertEqual(report.tail, b"x" * harness.TAIL_BYTES)
        self.assertArchiveWhole()

    def test_with_fd2_and_a_real_ssh_borg_ends_by_itself(self):
        report = self.report()
        outcome = self.create(" ".join(self.fd2_run(*self.ssh, report=report)))
        self.assertStatus(outcome, 0)
        self.assertEqual(report.stats["exit"], {"code": 0})
        self.assertArchiveWhole()

    def assertArchiveWhole(self):
        listed = self.borg("here", "list", "--short", f"{self.repository}::archive", noisy=False)
        self.assertStatus(listed, 0)
        self.assertIn(self.path("data").lstrip("/").encode(), listed.out)


if __name__ == "__main__":
    harness.main()
