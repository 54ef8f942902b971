"""Mercurial and sshfs, with fd2 around their ssh and without: they say and do the same.

rsync, git, scp, sftp, borg and Ansible are the parity matrix's (tests/parity).
"""

import os
import subprocess

import harness

BACKENDS = ("socketpair", "pipe", "tcpshim", "tokio-like-async", "pty")
BARE = "without"


class Tools(harness.SshCase):
    def remote_shells(self):
        """Each way of calling ssh, with a directory of its own for what the tool makes."""
        for way in (BARE, *BACKENDS):
            directory = self.path(way)
            os.mkdir(directory)
            words = list(self.ssh) if way == BARE else self.fd2_run(
                *self.ssh, options=["--backend", way, "--set", "fallback.inherit=false"])
            yield way, directory, " ".join(words)

    def tried(self, words, directory, status=0):
        """What it printed, with the directory's name left out."""
        outcome = self.run_raw(words, cwd=directory)
        self.assertStatus(outcome, status)
        return [text.replace(directory.encode(), b"DIR") for text in (outcome.out, outcome.err)]

    def assertSameAsBare(self, seen):
        for way in BACKENDS:
            with self.subTest(way):
                self.assertEqual(seen[way], seen[BARE])

    def test_mercurial_clones_pushes_and_says_what_the_remote_said(self):
        harness.needs_tool("hg")
        self.env.update(HGPLAIN="1", HGUSER="tester", HGRCPATH="")
        seen = {}
        for way, directory, shell in self.remote_shells():
            hg = ["hg", "--config", f"ui.ssh={shell}"]
            there, here = f"{directory}/there", f"{directory}/here"
            url = f"ssh://{self.host}/{there}"
            said = []
            for words in (["hg", "init", there], [*hg, "clone", url, here]):
                said += self.tried(words, directory)
            # A hook of the remote's that talks on both of its outputs, and refuses once.
            self.write(f"{there}/.hg/hgrc",
                       "[hooks]\npretxnchangegroup.talk = echo out; echo err >&2; "
                       "test -f .hg/open || { touch .hg/open; echo not yet >&2; exit 1; }\n")
            self.write(f"{here}/file", "content\n" * 1000)
            said += self.tried(["hg", "-R", here, "commit", "-A", "-m", "one", "-d", "0 0",
                                f"{here}/file"], directory)
            said += self.tried([*hg, "-R", here, "push"], directory, 255)
            said += self.tried([*hg, "-R", here, "push"], directory)
            said += self.tried([*hg, "-R", here, "incoming"], directory, 1)
            said += self.tried([*hg, "clone", f"{url}/nowhere", "nowhere"], directory, 255)
            said += self.tried(["hg", "-R", there, "log"], directory)
            seen[way] = said
        self.assertIn(b"remote: not yet", b"".join(seen[BARE]))
        self.assertSameAsBare(seen)

    def test_sshfs_mounts_reads_writes_and_goes(self):
        harness.needs_tool("sshfs", "fusermount3")
        if not os.access("/dev/fuse", os.R_OK | os.W_OK):
            self.skipTest("/dev/fuse cannot be opened")
        seen = {}
        for way, directory, shell in self.remote_shells():
            there, mounted = f"{directory}/there", f"{directory}/mounted"
            os.mkdir(there)
            os.mkdir(mounted)
            self.write(f"{there}/file", "there\n")
            words = ["sshfs", "-o", f"ssh_command={shell}", f"{self.host}:{there}", mounted]
            said = self.tried(words, directory)
            try:
                said += self.tried(["cat", f"{mounted}/file"], directory)
                said += self.tried(["cp", self.fd2, f"{mounted}/copy"], directory)
                said += self.tried(["cmp", self.fd2, f"{there}/copy"], directory)
                said += self.tried(["ls", mounted], directory)
            finally:
                subprocess.run(["fusermount3", "-u", mounted], check=True)
            said += self.tried(["sshfs", "-o", f"ssh_command={shell}",
                                f"{self.host}:{directory}/nowhere", mounted], directory, 1)
            seen[way] = said
        self.assertSameAsBare(seen)


if __name__ == "__main__":
    harness.main()
