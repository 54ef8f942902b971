"""fd2 as a part of another project: add_subdirectory and FetchContent."""

import os
import shutil

from common import HERE, ROOT, Case, harness


class Subproject(Case):
    def setUp(self):
        super().setUp()
        # Backends are loaded from below nothing that others may write: not from a scratch directory.
        self.place = f"{os.environ['FD2_PACKAGE_PLACE']}-{self._testMethodName}"
        shutil.rmtree(self.place, ignore_errors=True)
        os.makedirs(self.place)
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)

    def part_of(self, how, build_it):
        cmake = os.environ["CMAKE"]
        build = os.path.join(self.place, "build")
        self.say(cmake, "-G", "Ninja", "-S", os.path.join(HERE, "subproject"), "-B", build,
                 "-DCMAKE_UNITY_BUILD=ON", "-DCMAKE_UNITY_BUILD_BATCH_SIZE=0",
                 f"-DFD2={ROOT}", f"-DHOW={how}", f"-DCMAKE_CXX_COMPILER={os.environ['CXX']}",
                 f"-DCMAKE_C_COMPILER={os.environ['CC']}")
        with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as file:
            cache = file.read()
        self.assertIn("\nCMAKE_BUILD_TYPE:STRING=\n", cache)
        self.assertIn("\nFD2_TESTS:BOOL=OFF\n", cache)
        # `all` is the project's own: two programs, the library, what that loads.
        wanted = self.say("ninja", "-C", build, "-n", "-v")
        self.assertIn("socketpair.so", wanted)
        for unwanted in ("/tests/support/", "/examples/", "/host/cli/"):
            self.assertNotIn(unwanted, wanted)
        if not build_it:
            return
        self.say(cmake, "--build", build)
        for program in ("tiny", "tiny-async"):
            self.assertEqual(self.say(os.path.join(build, program)),
                             "words\nstatus 3 over socketpair: words\n")
        self.assertIn("Total Tests: 0", self.say("ctest", "--test-dir", build, "-N"))
        prefix = os.path.join(self.place, "prefix")
        self.say(cmake, "--install", build, "--prefix", prefix)
        installed = [os.path.relpath(os.path.join(place, name), prefix)
                     for place, _, names in os.walk(prefix) for name in names]
        self.assertEqual(installed, ["bin/tiny"])

    def test_a_project_that_adds_the_directory_keeps_what_is_its_own(self):
        self.part_of("add_subdirectory", True)

    def test_a_project_that_fetches_the_content_keeps_what_is_its_own(self):
        self.part_of("FetchContent", False)  # the same directory in the end: it plans the same build

    def test_the_tests_are_left_out_where_testing_is_off(self):
        build = os.path.join(self.place, "build")
        self.say(os.environ["CMAKE"], "-G", "Ninja", "-S", ROOT, "-B", build,
                 "-DBUILD_TESTING=OFF", f"-DCMAKE_CXX_COMPILER={os.environ['CXX']}",
                 f"-DCMAKE_C_COMPILER={os.environ['CC']}")
        self.assertIn("Total Tests: 0", self.say("ctest", "--test-dir", build, "-N"))
        self.assertNotIn("test_library", self.say("ninja", "-C", build, "-t", "targets"))


if __name__ == "__main__":
    harness.main()
