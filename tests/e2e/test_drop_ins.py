"""`fd2.yaml.d/*.yaml` beside a configuration file: what configuration management writes."""

import json
import os

import harness


class DropIns(harness.Case):
    def setUp(self):
        super().setUp()
        os.makedirs(self.path("config", "fd2", "fd2.yaml.d"))
        self.main = self.path("config", "fd2", "fd2.yaml")

    def add(self, name, text, mode=0o644):
        return self.write(f"config/fd2/fd2.yaml.d/{name}", text, mode)

    def show(self, *words):
        return self.run_raw([self.fd2, "config", "show", *words])

    def origins(self):
        """The comments of `config show --origin` about files in the user's directory, without the
        directory; and where each value came from."""
        outcome = self.show("--origin")
        self.assertStatus(outcome, 0)
        directory = self.path("config", "fd2") + "/"
        lines = outcome.out.decode().splitlines()
        files = [line[2:].replace(directory, "") for line in lines
                 if line.startswith("# " + directory)]
        return files, json.loads(self.show("--origin", "--json").out)

    def test_they_are_read_after_the_file_in_the_order_of_their_names(self):
        self.write("config/fd2/fd2.yaml", "capture: {tail: 1KiB, max-line: 1KiB}\nsurface: never\n")
        second = self.add("20-b.yaml", "capture: {tail: 3KiB}\n")
        first = self.add("10-a.yaml", "capture: {tail: 2KiB, max-line: 2KiB}\n")
        self.add("9.yaml", "surface: always\n")  # by name, not by number
        files, values = self.origins()
        self.assertEqual(files, ["fd2.yaml: read", "fd2.yaml.d/10-a.yaml: read",
                                 "fd2.yaml.d/20-b.yaml: read", "fd2.yaml.d/9.yaml: read"])
        self.assertEqual((values["capture.tail"]["value"], values["capture.tail"]["name"]),
                         ("3KiB", second))
        self.assertEqual((values["capture.max-line"]["value"], values["capture.max-line"]["name"]),
                         ("2KiB", first))
        self.assertEqual(values["surface"]["value"], "always")
        self.assertEqual(self.run_raw([self.fd2, "config", "show", "capture.tail"], env=dict(
            self.env, FD2_CAPTURE_TAIL="9KiB")).out, b"9KiB\n")

    def test_they_need_no_main_file(self):
        path = self.add("10-a.yaml", "capture: {tail: 2KiB}\n")
        files, values = self.origins()
        self.assertEqual(files, ["fd2.yaml: not found", "fd2.yaml.d/10-a.yaml: read"])
        self.assertEqual(values["capture.tail"]["name"], path)
        outcome = self.run_raw(self.fd2_run("true", options=["--set", "log.console=debug"]))
        self.assertStatus(outcome, 0)

    def test_only_yaml_files_that_are_not_hidden_count(self):
        for name in (".hidden.yaml", "README", "a.yaml~", "b.yaml.dpkg-old"):
            self.add(name, "surface: sometimes\n")
        self.add("c.yml", "surface: sometimes\n")
        self.assertStatus(self.run_raw(self.fd2_run("true")), 0)
        outcome = self.run_raw([self.fd2, "config", "check"])
        self.assertStatus(outcome, 0)
        self.assertEqual(outcome.err.decode(), f"{self.main}.d/c.yml: warning: not read: the name "
                         "ends in .yml; rename it to end in .yaml\n")

    def test_a_mistake_is_treated_as_in_the_main_file(self):
        path = self.add("10-a.yaml", "capture:\n  tial: 1KiB\n")
        outcome = self.run_raw(self.fd2_run("true"))
        self.assertStatus(outcome, 125)
        self.assertEqual(outcome.err.decode(), f"fd2: {path}:2:3: error: capture.tial: unknown key; "
                         'did you mean "tail"?\n')
        outcome = self.run_raw([self.fd2, "config", "check"])
        self.assertStatus(outcome, 1)
        self.assertIn(f"{path}:2:3: error: ".encode(), outcome.err)

    def test_an_untrusted_one_is_refused(self):
        path = self.add("10-a.yaml", "surface: never\n", 0o666)
        outcome = self.run_raw(self.fd2_run("true"))
        self.assertStatus(outcome, 125)
        self.assertIn(f"{path}: error: refused: {path}: writable by others".encode(), outcome.err)
        os.chmod(path, 0o644)
        os.chmod(os.path.dirname(path), 0o777)
        outcome = self.run_raw(self.fd2_run("true"))
        self.assertStatus(outcome, 125)
        self.assertIn(f"refused: {os.path.dirname(path)}: writable by others".encode(), outcome.err)

    def test_a_check_looks_at_all_of_them(self):
        self.write("config/fd2/fd2.yaml", "surface: never\n")
        one, two = self.add("1.yaml", "surface: always\n"), self.add("2.yaml", "transport: sync\n")
        outcome = self.run_raw([self.fd2, "config", "check"])
        self.assertStatus(outcome, 0)
        self.assertEqual(outcome.out.decode(), f"{self.main}: ok\n{one}: ok\n{two}: ok\n")

    def test_a_link_leaves_out_the_one_with_the_mistake(self):
        os.mkdir(self.path("links"))
        os.symlink(self.fd2, self.path("links", "tool"))
        self.script("tool", "echo err >&2; exit 7\n")
        self.env["PATH"] = self.path("links") + ":" + self.env["PATH"]
        self.add("10-a.yaml", "forward: {mode: lines, prefix: 'p: '}\n")
        wrong = self.add("20-b.yaml", "forward: {mode: off}\nsurface: sometimes\n")
        outcome = self.run_raw(["tool"])
        self.assertStatus(outcome, 7)
        said = outcome.err.decode().splitlines()
        self.assertTrue(said[0].startswith(f"fd2: warning: {wrong}:2:10: surface: "), said)
        self.assertTrue(said[0].endswith("; this file is ignored"), said)
        self.assertEqual(said[1:], ["p: err"])
        self.add("30-c.yaml", "enabled: false\nsurface: sometimes\n")
        outcome = self.run_raw(["tool"])
        self.assertEqual((outcome.code, outcome.err), (7, b"err\n"))

    def test_a_named_file_has_none(self):
        self.add("10-a.yaml", "capture: {tail: 2KiB}\n")
        path = self.write("config/fd2/fd2.yaml", "surface: never\n")
        outcome = self.show("capture.tail", "--config", path)
        self.assertEqual(outcome.out, b"64KiB\n")

    def test_a_directory_that_is_none_or_cannot_be_read_is_an_error_or_a_warning(self):
        os.rmdir(self.path("config", "fd2", "fd2.yaml.d"))
        path = self.write("config/fd2/fd2.yaml.d", "")
        outcome = self.run_raw(self.fd2_run("true"))
        self.assertStatus(outcome, 125)
        self.assertEqual(outcome.err.decode(), f"fd2: {path}: error: is not a directory\n")
        outcome = self.run_raw([self.fd2, "config", "check"])
        self.assertStatus(outcome, 1)
        self.assertIn(f"{path}: error: is not a directory\n".encode(), outcome.err)
        os.unlink(path)
        os.mkdir(path, 0o700)
        outcome = self.run_raw([*self.for_nobody(), *self.fd2_run("true")])
        self.assertStatus(outcome, 0)
        self.assertEqual(outcome.err.decode(), f"fd2: {path}: warning: open: Permission denied "
                         "(EACCES); it is ignored\n")


class System(harness.Case):
    """/etc/fd2, in a mount namespace of the test's own that has another /etc."""

    def setUp(self):
        super().setUp()
        harness.needs_tool("unshare")
        if os.geteuid() != 0:
            self.skipTest("only root can mount")
        os.makedirs(self.path("etc", "fd2", "fd2.yaml.d"))
        self.inside = ["unshare", "--mount", "sh", "-c",
                       f'mount --bind {self.path("etc")} /etc && exec "$@"', "sh"]
        if self.run_raw([*self.inside, "true"]).code != 0:
            self.skipTest("nothing can be mounted here")

    def test_the_systems_come_before_the_users_files(self):
        self.write("etc/fd2/fd2.yaml", "capture: {tail: 1KiB, max-line: 1KiB}\n")
        self.write("etc/fd2/fd2.yaml.d/50.yaml",
                   "capture: {tail: 2KiB, max-line: 2KiB}\nsurface: never\n")
        os.mkdir(self.path("config", "fd2"))
        self.write("config/fd2/fd2.yaml", "capture: {tail: 3KiB}\n")
        outcome = self.run_raw([*self.inside, self.fd2, "config", "show", "--origin", "--json"])
        self.assertStatus(outcome, 0)
        values = json.loads(outcome.out)
        self.assertEqual([(values[key]["value"], os.path.basename(values[key]["name"]))
                          for key in ("capture.tail", "capture.max-line", "surface")],
                         [("3KiB", "fd2.yaml"), ("2KiB", "50.yaml"), ("never", "50.yaml")])


if __name__ == "__main__":
    harness.main()
