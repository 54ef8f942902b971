"""Real conversations over the wire of libfd2, sync and async, by a program that embeds it."""

import os
import re

import harness
from test_ssh_tools import checksums, make_tree

FLAGS = ("features.ssh-socketpair-stderr=true", "features.ssh-socketpair-stderr=false")


class Library(harness.SshCase):
    def setUp(self):
        super().setUp()
        self.embedder = os.environ["FD2_E2E_EMBEDDER"]

    def relays(self):
        """The remote shell as tools want it: one string, for each transport and state of the flag."""
        for transport in ("sync", "async"):
            for flag in FLAGS:
                yield f"{transport}-{flag[-5:]}", " ".join(
                    [self.embedder, "relay", transport, flag, "--", *self.ssh])

    def test_rsync_talks_over_the_librarys_wire(self):
        harness.needs_tool("rsync")
        make_tree(self.path("from"))
        for name, shell in self.relays():
            there, back = self.path("there-" + name), self.path("back-" + name)
            pushed = self.run_raw(["rsync", "-a", "-e", shell, self.path("from") + "/",
                                   f"{self.host}:{there}/"])
            self.assertStatus(pushed, 0)
            self.assertEqual(checksums(self.path("from")), checksums(there))
            pulled = self.run_raw(["rsync", "-a", "-e", shell, f"{self.host}:{there}/",
                                   back + "/"])
            self.assertStatus(pulled, 0)
            self.assertEqual(checksums(there), checksums(back))
            missing = self.run_raw(["rsync", "-a", "-e", shell,
                                    f"{self.host}:{self.path('nowhere')}/", back + "/"])
            self.assertStatus(missing, 23)
            self.assertIn(self.path("nowhere").encode(), missing.err)

    def test_git_talks_over_the_librarys_wire(self):
        harness.needs_tool("git")
        self.env.update(GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="a",
                        GIT_COMMITTER_EMAIL="a@b")
        work, origin = self.path("work"), self.path("origin.git")
        make_tree(work)
        for words in (["git", "init", "-q", "--bare", origin], ["git", "init", "-q", work],
                      ["git", "-C", work, "add", "-A"],
                      ["git", "-C", work, "commit", "-q", "-m", "first"]):
            self.assertStatus(self.run_raw(words), 0)
        head = self.run_raw(["git", "-C", work, "rev-parse", "HEAD"]).out
        for name, shell in self.relays():
            self.env["GIT_SSH_COMMAND"] = shell
            branch = "of-" + name
            pushed = self.run_raw(["git", "-C", work, "push", "-q", f"{self.host}:{origin}",
                                   f"HEAD:refs/heads/{branch}"])
            self.assertStatus(pushed, 0)
            clone = self.path("clone-" + name)
            cloned = self.run_raw(["git", "clone", "-q", "-b", branch, f"{self.host}:{origin}",
                                   clone])
            self.assertStatus(cloned, 0)
            self.assertEqual(self.run_raw(["git", "-C", clone, "rev-parse", "HEAD"]).out, head)
            absent = self.run_raw(["git", "clone", "-q", f"{self.host}:{self.path('no.git')}",
                                   self.path("never")])
            self.assertStatus(absent, 128)
            self.assertIn(b"no.git", absent.err)

    def test_a_thread_serves_many_ssh_connections(self):
        """1 000 of them with --long."""
        count = 1000 if harness.LONG else 40
        outcome = self.run_raw([self.embedder, "many", str(count), "8", FLAGS[0],
                                "forward.mode=off", "surface=never", "--", *self.ssh, self.host])
        self.assertStatus(outcome, 0)
        last = outcome.out.decode().splitlines()[-1]
        self.assertRegex(last, re.escape(f"good={count} threads=1") + "$")


if __name__ == "__main__":
    harness.main()
