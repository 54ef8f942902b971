"""What scripts/lib does on a machine that is busy with itself. apt-get is the real one, in directories
of the test's own."""

import fcntl
import os
import shutil
from subprocess import PIPE, STDOUT

import harness

PACKAGES = os.path.join(harness.HERE, "..", "..", "scripts", "lib", "packages.sh")


class PackageManager(harness.Case):
    def setUp(self):
        super().setUp()
        if not shutil.which("apt-get"):
            self.skipTest("no apt-get here")
        for name in ("lists/partial", "cache/archives/partial", "etc", "dpkg"):
            os.makedirs(self.path("apt", name))
        self.write("apt/dpkg/status", "")
        self.env["APT_CONFIG"] = self.write("apt.conf", "\n".join([
            f'Dir::State "{self.path("apt")}";',
            f'Dir::State::lists "{self.path("apt", "lists")}";',
            f'Dir::State::status "{self.path("apt", "dpkg", "status")}";',
            f'Dir::Cache "{self.path("apt", "cache")}";',
            f'Dir::Etc "{self.path("apt", "etc")}";']))

    def apt(self, *words, seconds=600):
        return self.spawn(["bash", "-euc", 'source "$0"; as_root=(); _fd2_apt "$@"', PACKAGES, *words],
                          env=dict(self.env, FD2_APT_LOCK_SECONDS=str(seconds)),
                          stdout=PIPE, stderr=STDOUT)

    def hold(self, *name):
        """The lock, as apt and dpkg take it."""
        lock = open(self.path("apt", *name), "w", encoding="ascii")  # pylint: disable=R1732
        fcntl.lockf(lock, fcntl.LOCK_EX)
        self.addCleanup(lock.close)
        return lock

    def test_a_lock_is_waited_for_with_one_line_that_says_so(self):
        for lock, words in ((("lists", "lock"), ["update"]),
                            (("dpkg", "lock-frontend"), ["install"]),
                            (("cache", "archives", "lock"), ["clean"])):
            with self.subTest(lock):
                held = self.hold(*lock)
                process = self.apt(*words)
                said = process.stdout.readline()
                while said and b"Another package manager" not in said:
                    said = process.stdout.readline()
                self.assertIn(f"held by process {os.getpid()}".encode(), said)
                held.close()
                rest = process.stdout.read()
                self.assertEqual(process.wait(), 0, rest)
                self.assertNotIn(b"Another package manager", rest)

    def test_what_is_no_lock_fails_at_once(self):
        process = self.apt("install", "no-such-package-at-all")
        said = process.stdout.read()
        self.assertEqual(process.wait(), 100, said)
        self.assertIn(b"no-such-package-at-all", said)

    def test_a_lock_that_is_never_given_back_is_an_error_in_the_end(self):
        self.hold("lists", "lock")
        process = self.apt("update", seconds=0)
        said = process.stdout.read()
        self.assertEqual(process.wait(), 100)
        self.assertIn(b"Could not get lock", said)


if __name__ == "__main__":
    harness.main()
