"""What a release is made of: the source archive, and what scripts/release refuses."""

import hashlib
import os
import re
import shutil
import tarfile

from common import ROOT, Case, harness

# Of the commits that are made here.
IDENTITY = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (
    ("NAME", "nobody"), ("EMAIL", "nobody@example.org"), ("DATE", "2026-01-02T03:04:05+0000"))}
VERSION = "7.8.9"


class Repository(Case):
    """With a repository of the tree as it is, at a version of its own."""

    # What else is in it than the files at the top.
    directories = ("cmake", "docs", "examples", "scripts")

    def setUp(self):
        harness.needs_tool("git")
        super().setUp()
        self.env.update(IDENTITY, GIT_CONFIG_GLOBAL="/dev/null")
        self.clone = self.path("clone")
        os.mkdir(self.clone)
        for name in os.listdir(ROOT):
            source, target = os.path.join(ROOT, name), os.path.join(self.clone, name)
            if name in self.directories:
                shutil.copytree(source, target, symlinks=True,
                                ignore=shutil.ignore_patterns("__pycache__"))
            elif os.path.isfile(source) and name != ".git":
                shutil.copy(source, target)
        self.git("init", "-q", "-b", "main")
        for name in ("CMakeLists.txt", "CHANGELOG.md"):
            self.edit(name, r"(?m)^(project\(fd2 VERSION |## )[0-9.]+", rf"\g<1>{VERSION}")
        self.edit("CHANGELOG.md", rf"## {VERSION}, .*", f"## {VERSION}, 2026-01-02")
        for directory in ("cmake", "docs", "examples"):
            self.edit_below(directory, r"(find_package\(fd2 )[0-9.]+", rf"\g<1>7.8")
            self.edit_below(directory, r'("version": ")[0-9.]+', rf"\g<1>{VERSION}")
        self.commit()

    def git(self, *words, at=None):
        return self.say("git", "-c", "core.fsync=none", "-C", at or self.clone, *words)

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "a version")

    def edit(self, name, pattern, text, count=1):
        path = os.path.join(self.clone, name)
        with open(path, encoding="utf-8") as file:
            before = file.read()
        after = re.sub(pattern, text, before, count=count)
        with open(path, "w", encoding="utf-8") as file:
            file.write(after)
        return after != before

    def edit_below(self, directory, pattern, text):
        for top, _, files in os.walk(os.path.join(self.clone, directory)):
            for name in files:
                self.edit(os.path.join(top, name), pattern, text, count=0)


class SourceArchive(Repository):
    directories = (*Repository.directories, "abi", "config", "host", "kit", "plugins")

    def archive(self, clone, out, umask, zone):
        """Made in another clone, in another place and time zone, under another umask."""
        self.git("clone", "-q", self.clone, self.path(clone), at="/")
        # As a user's own configuration may be.
        self.git("config", "tar.umask", umask, at=self.path(clone))
        self.git("config", "core.autocrlf", "true", at=self.path(clone))
        path = self.path(out)
        outcome = self.run_raw(
            ["sh", "-c", f'umask {umask}; exec "$@"', "-",
             os.path.join(self.path(clone), "scripts", "archive"), "--out", path],
            env={**self.env, "TZ": zone})
        self.assertStatus(outcome, 0)
        self.assertEqual(outcome.out.decode(), f"{path}/fd2-{VERSION}.tar.gz\n")
        return f"{path}/fd2-{VERSION}.tar.gz"

    def test_two_clones_make_the_same_source_archive_and_it_configures(self):
        first = self.archive("one", "out one", "077", "Pacific/Kiritimati")
        second = self.archive("two", "out two", "000", "America/St_Johns")
        with open(first, "rb") as one, open(second, "rb") as two:
            content = one.read()
            self.assertEqual(hashlib.sha256(content).hexdigest(),
                             hashlib.sha256(two.read()).hexdigest())
        with open(first + ".sha256", encoding="utf-8") as file:
            self.assertEqual(file.read(), f"{hashlib.sha256(content).hexdigest()}  "
                                          f"fd2-{VERSION}.tar.gz\n")
        with tarfile.open(first) as archive:
            members = archive.getmembers()
            archive.extractall(self.path("unpacked"))
        self.assertEqual({(each.uid, each.gid, each.mtime) for each in members},
                         {(0, 0, 1767323045)})
        self.assertEqual({each.mode for each in members if each.isfile()}, {0o644, 0o755})
        self.assertEqual({each.name.split("/")[0] for each in members}, {f"fd2-{VERSION}"})
        source = self.path("unpacked", f"fd2-{VERSION}")
        self.say(os.environ["CMAKE"], "-G", "Ninja", "-S", source, "-B", self.path("build"),
                 "-DFD2_TESTS=OFF", f"-DCMAKE_CXX_COMPILER={os.environ['CXX']}",
                 f"-DCMAKE_C_COMPILER={os.environ['CC']}")
        with open(self.path("build", "fd2.pc"), encoding="utf-8") as file:
            self.assertIn(f"Version: {VERSION}\n", file.read())


class Release(Repository):
    def release(self, *words, code=0):
        return self.say(os.path.join(self.clone, "scripts", "release"), *words, code=code)

    def assertRefused(self, what, next_step):
        said = self.release("--dry-run", VERSION, code=1)
        self.assertRegex(said, rf"refused: [^\n]*{what}[^\n]*\n +[^\n]*{next_step}")
        return said

    def test_a_release_that_is_ready_says_what_would_be_done_and_does_nothing(self):
        said = self.release("--dry-run", VERSION)
        self.assertIn(f"{VERSION} is ready", said)
        for step in ("+ scripts/test\n", "+ scripts/archive --out build/release-7.8.9 ",
                     "+ scripts/package --try\n", f'git tag -s -m "fd2 {VERSION}" v{VERSION} ',
                     f"git push origin v{VERSION}\n"):
            self.assertIn(step, said)
        self.assertEqual(self.git("tag"), "")
        self.assertFalse(os.path.exists(os.path.join(self.clone, "build")))
        self.assertEqual(self.git("status", "--porcelain"), "")

    def stand_in(self, name, text):
        """For a script that would take minutes."""
        path = os.path.join(self.clone, "scripts", name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + text)

    def test_a_release_leaves_what_is_published_and_publishes_nothing(self):
        self.stand_in("test", "echo tested\n")
        self.stand_in("package", '[ "$*" = --try ] || exit 64\n'
                      "mkdir -p build/debian; echo package > build/debian/fd2_1_all.deb\n")
        self.commit()
        said = self.release(VERSION)
        self.assertIn("+ scripts/test\ntested\n", said)
        out = os.path.join(self.clone, "build", f"release-{VERSION}")
        self.assertEqual(sorted(os.listdir(out)),
                         ["SHA256SUMS", f"fd2-{VERSION}.tar.gz", "fd2_1_all.deb"])
        self.say("sh", "-c", 'cd "$1" && sha256sum --check --strict SHA256SUMS', "-", out)
        self.assertEqual(self.git("tag"), "")

        self.stand_in("test", "exit 1\n")
        self.commit()
        self.assertNotIn("To publish", self.release(VERSION, code=1))

    def test_what_is_not_committed_is_refused(self):
        self.edit("README.md", "fd2", "fd3")
        self.assertRefused("uncommitted changes", "git status")

    def test_a_changelog_without_the_version_or_its_date_is_refused(self):
        self.edit("CHANGELOG.md", rf"## {VERSION}, .*", f"## {VERSION}, unreleased")
        self.commit()
        self.assertRefused(f"has no date for {VERSION}", f"write: ## {VERSION}, 2")
        self.edit("CHANGELOG.md", rf"## {VERSION}, .*", "## 7.8.8, 2026-01-01")
        self.commit()
        self.assertRefused("first heading of CHANGELOG.md", f"it must be: ## {VERSION}, 2")

    def test_every_place_that_states_another_version_is_refused_and_all_at_once(self):
        places = {
            "CMakeLists.txt": (r"(fd2 VERSION )[0-9.]+", r"\g<1>7.8.8"),
            "cmake/fd2-config.cmake.in": (r"(find_package\(fd2 )[0-9.]+", r"\g<1>7.7"),
            "docs/stats.md": (r'("version": ")[0-9.]+', r"\g<1>7.8.0"),
            "examples/fan-out/CMakeLists.txt": (r"(find_package\(fd2 )[0-9.]+", r"\g<1>7.9"),
            "docs/man/fd2.1": (r"(?m)^(\.Os fd2)$", r"\g<1> 7.8.8")}
        for name, (pattern, text) in places.items():
            self.assertTrue(self.edit(name, pattern, text), name)
        self.commit()
        said = self.release("--dry-run", VERSION, code=1)
        for name in places:
            self.assertRegex(said, rf"refused: {re.escape(name)}:\d+ says [0-9.]+, not 7\.8")
        self.assertIn(f"Not ready: {len(places)} to fix.", said)

    def test_a_version_that_has_a_tag_or_is_none_is_refused(self):
        self.git("tag", f"v{VERSION}")
        self.assertRefused(f"tag v{VERSION} already exists", "next version")
        for word in ("7.8", "v7.8.9", "7.8.9-rc1", "07.8.9"):
            self.assertIn("is not a version", self.release("--dry-run", word, code=1))
        self.release(code=64)
        self.release("--dry-run", VERSION, "7.8.10", code=64)


if __name__ == "__main__":
    harness.main()
