"""The Debian packages: what is in them, and a clean Debian in which they are all there is."""

import gzip
import json
import os
import re
import shutil
import unittest

from common import BACKENDS, FAKE_SHELL, HERE, ROOT, Case, harness
import debian
import hardening

COMPLETIONS = ("bash-completion/completions/fd2", "zsh/vendor-completions/_fd2",
               "fish/vendor_completions.d/fd2.fish")


def names_in(*parts, suffix):
    """Names of the files below a directory of the sources, relative to it."""
    top = os.path.join(ROOT, *parts)
    return [os.path.relpath(os.path.join(directory, name), top)
            for directory, _, files in os.walk(top) for name in files if name.endswith(suffix)]


def version():
    with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as file:
        return re.search(r"^project\(fd2 VERSION (\S+)", file.read(), re.M)[1]


class WithPackages(Case):
    def setUp(self):
        super().setUp()
        self.packages = debian.packages()
        if not self.packages and shutil.which("dpkg-shlibdeps") is None:
            self.skipTest("dpkg-shlibdeps is not installed")
        self.assertEqual(sorted(self.packages), ["fd2", "libfd2-dev"])
        self.version = version()


class Packages(WithPackages):
    def field(self, package, name):
        return self.say("dpkg-deb", "-f", self.packages[package], name).strip()

    def listed(self, package):
        """Mode and owner by path, relative to the root; directories end with a slash."""
        rows = (line.split(None, 5) for line in
                self.say("dpkg-deb", "-c", self.packages[package]).splitlines())
        return {row[5].split(" -> ")[0].removeprefix("./"): (row[0], row[1]) for row in rows}

    def triplet(self):
        return self.say("dpkg-architecture", "-qDEB_HOST_MULTIARCH").strip()

    def own_files(self, package, but):
        return {path for path in self.listed(package)
                if path and not path.endswith("/") and not path.startswith(but)}

    def test_everything_in_the_packages_that_runs_is_hardened(self):
        for name, path in self.packages.items():
            self.say("dpkg-deb", "-x", path, self.path(name))
        files = hardening.binaries_below(self.path("fd2"))
        self.assertEqual(len(files), 3 + len(BACKENDS), files)
        for file in files:
            self.assertEqual(hardening.lacks(file), [], file)
        self.assertEqual(hardening.binaries_below(self.path("libfd2-dev")), [])

    def test_fd2_has_the_command_the_library_and_what_one_reads(self):
        library = f"usr/lib/{self.triplet()}"
        documents = "usr/share/doc/fd2"
        minor = self.version.rpartition(".")[0]
        self.assertEqual(self.own_files("fd2", (f"{documents}/docs/", f"{documents}/config/")), {
            "usr/bin/fd2", "usr/libexec/fd2/fd2-conform",
            f"{library}/libfd2.so.{self.version}", f"{library}/libfd2.so.{minor}",
            *(f"{library}/fd2/backends/{name}.so" for name in BACKENDS),
            *(f"usr/share/man/man{name[-1]}/{name}.gz"
              for name in names_in("docs", "man", suffix=(".1", ".5"))),
            *(f"usr/share/{name}" for name in COMPLETIONS),
            *(f"{documents}/{name}" for name in ("README.md", "copyright", "changelog.gz",
                                                 "changelog.Debian.gz")),
            "usr/share/lintian/overrides/fd2"})
        listed = self.listed("fd2")
        for page in names_in("docs", suffix=(".md", ".json")):
            self.assertIn(f"{documents}/docs/{page}", listed)

    def test_libfd2_dev_has_what_one_builds_with(self):
        library = f"usr/lib/{self.triplet()}"
        documents = "usr/share/doc/libfd2-dev"
        package = f"{library}/cmake/fd2"
        self.assertEqual(
            self.own_files("libfd2-dev", (f"{documents}/examples/", f"{package}/fd2-targets")), {
                f"{library}/libfd2.so", f"{library}/pkgconfig/fd2.pc",
                *(f"{package}/{name}" for name in ("fd2-config.cmake", "fd2-config-version.cmake",
                                                   "fd2-backend.cmake", "fd2-backend.map")),
                *(f"usr/include/fd2/{name}" for name in
                  names_in("host", "include", "fd2", suffix=".hpp") +
                  names_in("host", "base", "include", "fd2", suffix=".hpp") +
                  names_in("abi", "include", "fd2", suffix=(".h", ".hpp")) +
                  names_in("kit", "include", "fd2", suffix=(".h", ".hpp"))),
                *(f"{documents}/{name}" for name in ("copyright", "changelog.gz",
                                                     "changelog.Debian.gz"))})
        self.assertIn(f"{documents}/examples/remote-runner/main.cpp", self.listed("libfd2-dev"))

    def test_everything_belongs_to_root_and_only_root_may_write_it(self):
        for package in self.packages:
            for path, (mode, owner) in self.listed(package).items():
                with self.subTest(path=path):
                    self.assertEqual(owner, "root/root")
                    programs = path.startswith(("usr/bin/", "usr/libexec/"))
                    self.assertIn(mode, {
                        "d": {"drwxr-xr-x"}, "l": {"lrwxrwxrwx"},
                        "-": {"-rwxr-xr-x"} if programs else {"-rw-r--r--"}}[mode[0]])

    def test_the_fields_say_what_is_needed_and_no_more(self):
        for package in self.packages:
            found = self.field(package, "Version")
            self.assertRegex(found, rf"^{re.escape(self.version)}(~dev)?-0fd2$")
            self.assertEqual(self.field(package, "Priority"), "optional")
            self.assertIn("The fd2 project", self.field(package, "Maintainer"))
        needed = re.sub(r" \([^)]*\)", "", self.field("fd2", "Depends")).split(", ")
        self.assertEqual(sorted(needed), ["libc6", "libgcc-s1", "libmd0", "libstdc++6",
                                          "libyaml-cpp0.7"])
        self.assertEqual(
            self.field("libfd2-dev", "Depends"),
            f"fd2 (= {self.field('fd2', 'Version')}), libboost1.81-dev | libboost-dev (>= 1.81)")
        self.assertEqual((self.field("fd2", "Section"), self.field("libfd2-dev", "Section")),
                         ("utils", "libdevel"))

    def test_ldconfig_is_triggered_and_nothing_is_a_conffile(self):
        control = self.path("control")
        self.say("dpkg-deb", "-e", self.packages["fd2"], control)
        self.assertEqual(sorted(os.listdir(control)), ["control", "md5sums", "shlibs", "triggers"])
        with open(os.path.join(control, "triggers"), encoding="utf-8") as file:
            self.assertEqual(file.read().split(), ["activate-noawait", "ldconfig"])

    def test_packages_of_programs_will_depend_on_the_versions_with_their_soname(self):
        control = self.path("control")
        self.say("dpkg-deb", "-e", self.packages["fd2"], control)
        major, minor, _ = self.version.split(".")
        self.assertEqual(major, "0", "from 1.0 on the soname is the major version: change this")
        with open(os.path.join(control, "shlibs"), encoding="utf-8") as file:
            self.assertEqual(file.read(), f"libfd2 0.{minor} fd2 (>= {self.version}~), "
                                          f"fd2 (<< 0.{int(minor) + 1}~)\n")

    def test_lintian_has_no_complaint(self):
        harness.needs_tool("lintian")
        self.say("lintian", "--allow-root", "--fail-on", "error,warning", *self.packages.values())


class InACleanDebian(WithPackages):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("root"))
        self.root = None
        try:
            self.root = debian.Root(self.path("root"))
        except debian.Unavailable as why:
            self.skipTest(str(why))
        self.addCleanup(self.root.close)  # when the rest of this fails
        os.mkdir(self.root.path("packages"))
        for path in self.packages.values():
            shutil.copy(path, self.root.path("packages"))

    def tearDown(self):
        # Below self.dir everything is removed, so nothing may be mounted there by then.
        if self.root is not None:
            self.root.close()
        super().tearDown()

    def in_root(self, *words):
        status, said = self.root.run(*words)
        self.assertEqual(status, 0, f"{' '.join(words)}\n{said}")
        return said

    def install(self, *more):
        """apt, with the packages of the dependencies from the mirror."""
        self.in_root("apt-get", "install", "-y", "-q", "--no-install-recommends",
                     *("/packages/" + os.path.basename(path) if path.endswith(".deb") else path
                       for path in more))

    def test_fd2_carries_rsync_over_ssh_and_goes_without_a_trace(self):
        before = self.root.files()
        self.install(self.packages["fd2"])
        for tool in ("cc", "g++", "cmake", "python3"):
            self.assertFalse(os.path.exists(self.root.path("usr/bin", tool)), tool)
        self.assertTrue(self.root.files() > before)

        self.root.enter()
        self.env = dict(debian.ENVIRONMENT)
        self.try_what_is_installed()
        self.try_rsync()
        self.root.leave()

        # Without a conffile there is nothing for a purge to do after that, and dpkg may be asked.
        self.in_root("apt-get", "remove", "-y", "-q", "fd2")
        self.assertEqual([path for path in self.root.files() - before if "fd2" in path], [])
        self.in_root("dpkg", "--purge", "fd2")
        self.in_root("apt-get", "autoremove", "--purge", "-y", "-q")
        self.assertEqual(self.root.files(), before)

    def try_what_is_installed(self):
        self.assertTrue(self.say("fd2", "version").startswith(f"fd2 {self.version} "))
        rows = json.loads(self.say("fd2", "plugins", "--json"))["plugins"]
        self.assertEqual({row["backend"]: row["usable"] for row in rows},
                         {name: True for name in BACKENDS})
        for row in rows:
            self.assertRegex(row["file"], r"^/usr/lib/[^/]+/fd2/backends/")
        pages = [path for path in self.say("dpkg", "-L", "fd2").splitlines()
                 if path.startswith("/usr/share/man/") and path.endswith(".gz")]
        self.assertGreater(len(pages), 2)
        for page in pages:
            with gzip.open(page, "rt", encoding="utf-8") as file:
                self.assertIn(".Sh NAME", file.read(), page)

    def try_rsync(self):
        os.makedirs("/tmp/from/sub")
        for name in ("one", "sub/two"):
            with open(f"/tmp/from/{name}", "w", encoding="utf-8") as file:
                file.write(name * 1000)
        os.mkdir("/tmp/ssh", 0o700)
        with harness.PrivateSshd("/tmp/ssh") as server:
            report = harness.Report("/tmp")
            shell = " ".join(["fd2", "run", *report.options, "--", "ssh", "-F", server.config])
            self.say("rsync", "-a", "-e", shell, "/tmp/from/", f"{server.host}:/tmp/to/")
            with open("/tmp/to/sub/two", encoding="utf-8") as file:
                self.assertEqual(file.read(), "sub/two" * 1000)
            failed = self.run_raw(["rsync", "-a", "-e", shell, f"{server.host}:/none", "/tmp/to/"])
            self.assertStatus(failed, 23)
            self.assertIn(b'rsync: [sender] link_stat "/none" failed', report.tail)
            self.assertIn(report.tail, failed.err)
            self.assertEqual(report.stats["backend"], "socketpair")

    @unittest.skipUnless(harness.LONG, "takes a compiler's 250 MB from the mirror: FD2_LONG=1 only")
    def test_programs_build_with_libfd2_dev(self):
        self.install(*self.packages.values(), "g++", "cmake", "make", "pkg-config")
        shutil.copy(os.path.join(HERE, "embed.cpp"), self.root.path("tmp"))
        with open(self.root.path("tmp/rsh"), "w", encoding="utf-8") as file:
            file.write(FAKE_SHELL)
        os.chmod(self.root.path("tmp/rsh"), 0o755)
        for name in ("remote-runner", "fan-out", "backend-c", "backend-cpp"):
            self.in_root("cmake", "-S", f"/usr/share/doc/libfd2-dev/examples/{name}",
                         "-B", f"/tmp/{name}")
            self.in_root("cmake", "--build", f"/tmp/{name}")
        said = self.in_root("/tmp/remote-runner/remote-runner", "--rsh", "/tmp/rsh", "there",
                            "sh", "-c", 'echo "in $THERE"')
        self.assertEqual(said, "in there\n")
        self.assertIn("words from a", self.in_root(
            "/tmp/fan-out/fan-out", "--rsh", "/tmp/rsh", "a", "sh", "-c",
            'echo "words from $THERE" >&2'))
        self.in_root("sh", "-c", "g++ -std=c++20 -o /tmp/embed /tmp/embed.cpp "
                     "$(pkg-config --cflags --libs fd2)")
        self.assertEqual(self.in_root("sh", "-c", "/tmp/embed 2>/dev/null"),
                         f"{self.version}: there and back; status 3; socketpair by words\n")


if __name__ == "__main__":
    harness.main()
