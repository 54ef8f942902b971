"""The installed and moved tree as other projects meet it: CMake, pkg-config, plugins, symbols."""

import json
import os
import re
import shutil

from common import BACKENDS, FAKE_SHELL, HERE, ROOT, Case, harness
import hardening
import headers
import installed

EXPORTS = os.path.join(HERE, "exports.txt")


class Package(Case):
    def setUp(self):
        super().setUp()
        self.prefix = installed.prefix()
        self.library = os.path.join(self.prefix, "lib")
        for directory, _, files in os.walk(self.prefix):
            if "libfd2.so" in files:
                self.library = directory

    def compiler(self, language):
        return os.environ[language]

    def configure(self, source, *options, prefix=None, code=0):
        """Out of tree, as a stranger: nothing but the prefix is told."""
        build = self.path("build-" + os.path.basename(source))
        said = self.say(os.environ["CMAKE"], "-S", source, "-B", build,
                        f"-DCMAKE_PREFIX_PATH={prefix or self.prefix}",
                        f"-DCMAKE_C_COMPILER={self.compiler('CC')}",
                        f"-DCMAKE_CXX_COMPILER={self.compiler('CXX')}",
                        "-DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF", *options, code=code)
        return build, said

    def example(self, name, *options, prefix=None):
        build, _ = self.configure(os.path.join(ROOT, "examples", name), *options, prefix=prefix)
        self.say(os.environ["CMAKE"], "--build", build)
        return build

    def fake_shell(self):
        return self.write("rsh", FAKE_SHELL, 0o755)

    # what is in the tree

    def test_nothing_in_the_tree_names_the_place_it_was_installed_to(self):
        first = os.path.join(os.path.dirname(os.path.dirname(self.prefix)), "first").encode()
        for directory, _, files in os.walk(self.prefix):
            for name in files:
                with open(os.path.join(directory, name), "rb") as file:
                    self.assertFalse(first in file.read(), f"{directory}/{name}")

    def test_everything_in_the_tree_that_runs_is_hardened(self):
        files = hardening.binaries_below(self.prefix)
        self.assertEqual(len(files), 3 + len(BACKENDS), files)
        for file in files:
            self.assertEqual(hardening.lacks(file), [], file)

    def test_the_command_asks_the_processor_nothing_when_it_starts(self):
        # Linked in, these ask at every start, which takes 140 us in a virtual machine.
        askers = {"__cpu_indicator_init": "libgcc, for __builtin_cpu_supports",
                  "dump_data_char_avx2": "Boost.Log's hex dumper"}
        symbols = self.say("nm", "-C", os.path.join(self.prefix, "bin", "fd2"))
        self.assertIn(" main\n", symbols, "stripped: there is nothing to see")
        self.assertEqual([asker for asker in askers if asker in symbols], [], askers)

    def test_the_moved_command_uses_the_backends_of_its_tree(self):
        command = os.path.join(self.prefix, "bin", "fd2")
        rows = json.loads(self.say(command, "plugins", "--json"))["plugins"]
        here = {row["backend"]: row["file"] for row in rows if row["usable"]}
        for backend in BACKENDS:
            self.assertEqual(here.get(backend),
                             os.path.join(self.library, "fd2", "backends", backend + ".so"))

    def test_the_shells_find_the_completion_where_they_look_for_it(self):
        command = os.path.join(self.prefix, "bin", "fd2")
        for shell, name in (("bash", "bash-completion/completions/fd2"),
                            ("zsh", "zsh/site-functions/_fd2"),
                            ("fish", "fish/vendor_completions.d/fd2.fish")):
            with open(os.path.join(self.prefix, "share", name), encoding="utf-8") as file:
                self.assertEqual(file.read(), self.say(command, "completion", shell))

    def test_every_header_stands_on_its_own_and_those_of_the_sync_transport_without_boost(self):
        include = os.path.join(self.prefix, "include")
        names = sorted(os.listdir(os.path.join(include, "fd2")))
        self.assertIn("fd2.hpp", names)
        self.assertIn("abi.h", names)
        tried = [name for name in names if name.endswith(".hpp") and name != "async.hpp"]
        for name in tried:
            source = self.write("one.cpp", f"#include <fd2/{name}>\n")
            options = [] if name == "plugin.hpp" else ["-pedantic"]
            needed = self.say(self.compiler("CXX"), "-std=c++20", "-Wall", "-Wextra", "-Werror",
                              *options, "-D_GNU_SOURCE", f"-I{include}", "-M", source)
            self.assertEqual([word for word in needed.split() if "/boost/" in word], [], name)
            self.say(self.compiler("CXX"), "-std=c++20", "-Wall", "-Wextra", "-Werror", *options,
                     "-Wno-unused-function", "-D_GNU_SOURCE", f"-I{include}", "-fsyntax-only",
                     source)

    # CMake

    def test_a_program_of_the_sync_transport_builds_and_runs_without_boost(self):
        build = self.example("remote-runner", "-DCMAKE_DISABLE_FIND_PACKAGE_Boost=ON")
        said = self.say(os.path.join(build, "remote-runner"), "--rsh", self.fake_shell(),
                        "there", "sh", "-c", 'echo "in $THERE"; echo words >&2; exit 7', code=7)
        # An inherited stderr would come first.
        self.assertEqual(said, "in there\nremote-runner: there: status 7\nwords\n")

    def test_a_program_of_the_async_transport_builds_and_runs(self):
        build = self.example("fan-out")
        outcome = self.run_raw([os.path.join(build, "fan-out"), "--rsh", self.fake_shell(), "a,b",
                                "sh", "-c", 'echo "words from $THERE" >&2'])
        self.assertStatus(outcome, 0)
        for host in "ab":
            self.assertIn(f"{host}: words from {host}\n", outcome.err.decode())

    def test_the_other_examples_find_the_package(self):
        for name in ("line-logger", "async-forms"):
            self.configure(os.path.join(ROOT, "examples", name))

    def test_the_lines_of_the_documentation_find_the_package(self):
        with open(os.path.join(ROOT, "docs", "embedding.md"), encoding="utf-8") as page:
            blocks = re.findall(r"^```cmake\n(.*?)^```", page.read(), re.S | re.M)
        lines = [block for block in blocks if "find_package(fd2" in block]
        self.assertEqual(len(lines), 1)
        os.mkdir(self.path("mine"))
        self.write("mine/main.cpp", "int main() {}\n")
        self.write("mine/CMakeLists.txt", f"""
cmake_minimum_required(VERSION 3.25)
project(mine LANGUAGES CXX)
add_executable(my-program main.cpp)
add_executable(my-async-program main.cpp)
{lines[0]}""")
        self.configure(self.path("mine"))

    def test_the_async_component_says_that_boost_is_missing(self):
        _, said = self.configure(os.path.join(ROOT, "examples", "fan-out"),
                                 "-DCMAKE_DISABLE_FIND_PACKAGE_Boost=ON", code=1)
        self.assertIn("Boost", said)

    def test_a_plugin_in_c_builds_installs_and_carries(self):
        prefix = self.path("copy")  # others look at the tree meanwhile
        shutil.copytree(self.prefix, prefix, symlinks=True)
        build = self.example("backend-c", prefix=prefix)
        self.say(os.environ["CMAKE"], "--install", build, "--prefix", prefix)
        shown = self.say("nm", "-D", "--defined-only", os.path.join(build, "c-pipe.so"))
        self.assertEqual([line.split()[-1] for line in shown.splitlines()],
                         ["fd2_backend_entry_v1"])
        report = self.report()
        self.say(os.path.join(prefix, "bin", "fd2"), "run", "--backend", "c-pipe",
                 *report.options, "--", "sh", "-c", "echo words >&2")
        self.assertEqual(report.tail, b"words\n")
        self.assertEqual(report.stats["backend"], "c-pipe")

    def test_a_new_backend_builds_and_conforms(self):
        for language in ("c", "c++"):
            mine = self.path("mine-" + ("c" if language == "c" else "cpp"))
            said = self.say(os.path.join(self.prefix, "bin", "fd2"), "new-backend", mine,
                            "--language", language)
            self.assertIn("ctest --test-dir", said)
            self.assertIn(f"/build -DCMAKE_PREFIX_PATH={self.prefix}\n", said)
            build, _ = self.configure(mine)
            self.say(os.environ["CMAKE"], "--build", build)
            said = self.say("ctest", "--test-dir", build, "--output-on-failure")
            self.assertIn("100% tests passed, 0 tests failed out of 1", said)

    def test_the_version_file_accepts_the_same_minor_version_only(self):
        found = []
        for directory, _, files in os.walk(self.prefix):
            found += [os.path.join(directory, f) for f in files if f == "fd2-config-version.cmake"]
        self.assertEqual(len(found), 1)
        for wanted, fits in (("0.1", True), ("0.1.0", True), ("0.0", False), ("0.2", False),
                             ("1.0", False)):
            major, minor = wanted.split(".")[:2]
            script = self.write("ask.cmake", f"""
set(PACKAGE_FIND_VERSION {wanted})
set(PACKAGE_FIND_VERSION_MAJOR {major})
set(PACKAGE_FIND_VERSION_MINOR {minor})
include({found[0]})
message("${{PACKAGE_VERSION_COMPATIBLE}}")
""")
            said = self.say(os.environ["CMAKE"], "-P", script).strip()
            self.assertEqual(said == "TRUE", fits, f"{wanted}: {said!r}")

    # pkg-config

    def test_a_program_builds_with_pkg_config_and_the_plain_compiler(self):
        harness.needs_tool("pkg-config")
        where = {"PKG_CONFIG_PATH": os.path.join(self.library, "pkgconfig")}
        self.assertEqual(self.say("pkg-config", "--print-requires", "--print-requires-private",
                                  "fd2", **where), "")
        flags = self.say("pkg-config", "--cflags", "--libs", "fd2", **where).split()
        backends = self.say("pkg-config", "--variable=backenddir", "fd2", **where).strip()
        self.assertTrue(os.path.exists(os.path.join(backends, "pipe.so")), backends)
        program = self.path("embed")
        self.say(self.compiler("CXX"), "-std=c++20", "-Wall", "-Wextra", "-Werror", "-o", program,
                 os.path.join(HERE, "embed.cpp"), *flags)
        said = self.run_raw([program], env={**self.env, "LD_LIBRARY_PATH": self.library})
        self.assertStatus(said, 0)
        version = self.say("pkg-config", "--modversion", "fd2", **where).strip()
        self.assertEqual(said.out.decode(),
                         f"{version}: there and back; status 3; socketpair by words\n")

    # symbols

    def exported(self):
        shown = self.say("nm", "-DC", "--defined-only", os.path.join(self.library, "libfd2.so"))
        # Without the address and the kind, which differ by compiler.
        return sorted({line.split(" ", 2)[2] for line in shown.splitlines()})

    def test_the_library_exports_what_the_list_says(self):
        names = self.exported()
        new = self.path("exports.txt")
        self.write("exports.txt", "\n".join(names) + "\n")
        with open(EXPORTS, encoding="utf-8") as file:
            listed = file.read().splitlines()
        gone = [f"  - {name}" for name in listed if name not in names]
        come = [f"  + {name}" for name in names if name not in listed]
        if gone or come or listed != names:
            if os.environ.get("FD2_UPDATE_EXPORTS") == "1":
                shutil.copy(new, EXPORTS)
                return
            self.fail("libfd2.so does not export what tests/package/exports.txt lists:\n" +
                      "\n".join(gone + come) +
                      "\nPrograms break when a name goes: that needs another minor version, and so "
                      "another soname. If it is meant, this writes the list anew:\n"
                      "    FD2_UPDATE_EXPORTS=1 ctest -R 'package: the library exports what'")

    def test_the_library_exports_nothing_of_anybody_else(self):
        kinds = ("typeinfo for ", "typeinfo name for ", "vtable for ")
        for name in self.exported():
            for kind in kinds:
                name = name.removeprefix(kind)
            self.assertTrue(name.startswith("fd2::"), name)

    def test_every_function_that_the_headers_promise_is_there(self):
        names = {name.replace("[abi:cxx11]", "").split("(")[0] for name in self.exported()}
        include = os.path.join(self.prefix, "include", "fd2")
        count = 0
        for file in sorted(os.listdir(include)):
            if not file.endswith(".hpp") or file in ("plugin.hpp", "async.hpp"):
                continue
            with open(os.path.join(include, file), encoding="utf-8") as text:
                for name in headers.promised(text.read()):
                    count += 1
                    self.assertTrue(name in names, f"{file}: {name} is not in libfd2.so")
        self.assertGreater(count, 90)


if __name__ == "__main__":
    harness.main()
