"""The tools people put around ssh, unmodified, with fd2 in between: rsync, git, scp."""

import hashlib
import os
import random
import subprocess

import harness


def checksums(root):
    """Relative path → kind and content of everything below `root`."""
    sums = {}
    for directory, _, files in os.walk(root):
        sums[os.path.relpath(directory, root) + "/"] = "directory"
        for name in files:
            path = os.path.join(directory, name)
            if os.path.islink(path):
                sums[os.path.relpath(path, root)] = "link to " + os.readlink(path)
                continue
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            sums[os.path.relpath(path, root)] = digest
    return sums


def make_tree(root, seed=1):
    """Empty to 3 MiB, names with blanks and other alphabets, a link, an empty directory."""
    rng = random.Random(seed)
    for name, size in (("empty", 0), ("small", 100), ("with blank", 5000), ("sub/ünïcödé", 70000),
                       ("sub/deep/large", 3 * 1024 * 1024)):
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(rng.randbytes(size))
    os.mkdir(os.path.join(root, "hollow"))
    os.symlink("small", os.path.join(root, "link"))


class Rsync(harness.SshCase):
    def setUp(self):
        harness.needs_tool("rsync")
        super().setUp()
        make_tree(self.path("from"))

    def rsync(self, *words, report=None):
        """`rsync -e 'fd2 run -- ssh'`; the log of the wrapped ssh stays on rsync's stderr."""
        shell = " ".join(self.fd2_run(*self.ssh, report=report))
        return self.run_raw(["rsync", "-a", "--stats", "-e", shell, *words])

    def test_rsync_pushes_and_pulls_a_tree(self):
        report = self.report()
        pushed = self.rsync(self.path("from") + "/", f"{self.host}:{self.path('there')}/",
                            report=report)
        self.assertStatus(pushed, 0)
        self.assertEqual(checksums(self.path("from")), checksums(self.path("there")))
        self.assertEqual(report.stats["exit"], {"code": 0})
        pulled = self.rsync(f"{self.host}:{self.path('there')}/", self.path("back") + "/")
        self.assertStatus(pulled, 0)
        self.assertEqual(checksums(self.path("from")), checksums(self.path("back")))

    def test_rsync_sends_only_the_difference(self):
        there = f"{self.host}:{self.path('there')}/"
        self.assertStatus(self.rsync(self.path("from") + "/", there), 0)
        with open(self.path("from", "sub", "deep", "large"), "r+b") as file:
            file.seek(1024 * 1024)
            file.write(b"changed in the middle")
        # Same size, and perhaps the same second: compare contents, send differences.
        second = self.rsync("--ignore-times", "--no-whole-file", self.path("from") + "/", there)
        self.assertStatus(second, 0)
        self.assertEqual(checksums(self.path("from")), checksums(self.path("there")))
        literal = [line for line in second.out.splitlines() if line.startswith(b"Literal data")]
        self.assertLess(int(literal[0].split()[2].replace(b",", b"")), 64 * 1024)

    def test_rsyncs_own_failure_keeps_its_status_and_its_words(self):
        """A source that is not there: rsync exits with 23, and why is on stderr and in the tail."""
        report = self.report()
        missing = self.path("no-such-directory")
        plain = self.run_raw(["rsync", "-a", "-e", " ".join(self.ssh),
                              f"{self.host}:{missing}/", self.path("back") + "/"])
        wrapped = self.rsync(f"{self.host}:{missing}/", self.path("back") + "/", report=report)
        self.assertStatus(plain, 23)
        self.assertStatus(wrapped, 23)
        self.assertIn(missing.encode(), plain.err)
        self.assertIn(missing.encode(), wrapped.err)
        self.assertIn(missing.encode(), report.tail)

    def test_a_remote_shells_last_words_are_captured(self):
        """What the remote says on *its* stderr passes through ssh's stderr, hence through fd2."""
        self.script("rsync-that-dies", "echo 'disk on fire' >&2\nexit 3\n")
        report = self.report()
        outcome = self.rsync("--rsync-path", self.path("bin", "rsync-that-dies"),
                             self.path("from") + "/", f"{self.host}:{self.path('there')}/",
                             report=report)
        self.assertStatus(outcome, 12)  # rsync: error in the protocol data stream
        self.assertIn(b"disk on fire", outcome.err)
        # rsync may signal its shell before that has seen the end: then the status is a signal's.
        self.assertIn("exit", report.stats)
        self.assertIn(b"disk on fire\n", report.tail)


class Git(harness.SshCase):
    def setUp(self):
        harness.needs_tool("git")
        super().setUp()
        self.origin = self.path("origin.git")
        self.env.update(GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="a",
                        GIT_COMMITTER_EMAIL="a@b")
        work = self.path("work")
        for words in (["git", "init", "-q", "--bare", self.origin],
                      ["git", "init", "-q", work],
                      ["git", "-C", work, "commit", "-q", "--allow-empty", "-m", "first"],
                      ["git", "-C", work, "push", "-q", self.origin, "HEAD:refs/heads/main"]):
            self.assertStatus(self.run_raw(words), 0)
        self.head = self.run_raw(["git", "-C", work, "rev-parse", "HEAD"]).out

    def clone(self, **environment):
        self.env.update(environment)
        outcome = self.run_raw(["git", "clone", "-q", "-b", "main",
                                f"{self.host}:{self.origin}", self.path("clone")])
        self.assertStatus(outcome, 0)
        cloned = self.run_raw(["git", "-C", self.path("clone"), "rev-parse", "HEAD"])
        self.assertEqual(cloned.out, self.head)

    def link(self):
        """`fd2 link`, and before the real ssh on PATH a script that gives it our configuration."""
        self.script("ssh", f"echo \"$@\" >>'{self.path('ssh.log')}'\n"
                           f"exec /usr/bin/ssh -F '{self.server.config}' \"$@\"\n")
        self.assertStatus(self.run_raw([self.fd2, "link", self.path("links")]), 0)
        return self.path("links", "ssh")

    def test_git_clones_through_git_ssh_command(self):
        self.clone(GIT_SSH_COMMAND=" ".join(self.fd2_run(*self.ssh)))

    def test_git_clones_through_a_link_as_git_ssh(self):
        self.clone(GIT_SSH=self.link())
        self.assertTrue(os.path.exists(self.path("ssh.log")), "the ssh on PATH was not used")

    def test_git_clones_with_the_link_first_on_path(self):
        """The link must find the *next* ssh on PATH, not itself."""
        link = self.link()
        self.clone(PATH=f"{os.path.dirname(link)}:{self.env['PATH']}")
        self.assertTrue(os.path.exists(self.path("ssh.log")), "the ssh on PATH was not used")

    def test_scp_copies_through_a_link(self):
        harness.needs_tool("scp")
        link = self.link()
        source = self.write("source", "copied\n")
        outcome = self.run_raw(["scp", "-q", "-S", link, source,
                                f"{self.host}:{self.path('target')}"])
        self.assertStatus(outcome, 0)
        with open(self.path("target"), encoding="ascii") as file:
            self.assertEqual(file.read(), "copied\n")


class Ssh(harness.SshCase):
    def test_ssh_itself_keeps_its_statuses_and_streams(self):
        for code in (0, 1, 42, 255):
            command = [*self.ssh, self.host, f"echo out; echo err >&2; exit {code}"]
            plain, wrapped = self.run_raw(command), self.run_raw(self.fd2_run(*command))
            self.assertStatus(plain, code)
            self.assertStatus(wrapped, code)
            self.assertEqual((plain.out, plain.err), (wrapped.out, wrapped.err))

    def test_a_refused_connection_says_so(self):
        self.server.stop()
        report = self.report()
        outcome = self.run_raw(self.fd2_run(*self.ssh, self.host, "true", report=report),
                               stderr=subprocess.PIPE)
        self.assertStatus(outcome, 255)
        self.assertIn(b"Connection refused", outcome.err)
        self.assertEqual(report.tail, outcome.err)


if __name__ == "__main__":
    harness.main()
