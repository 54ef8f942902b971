"""Whose configuration files count, and what a mistake in one costs."""

import os

import harness


class Trust(harness.Case):
    """A file is used only if root or we own it and nobody else can write it."""

    def assertRefused(self, path, component, mend, config=None):
        config = config or ["--config", path]
        outcome = self.run_raw(self.fd2_run("touch", self.path("ran"), options=config))
        self.assertStatus(outcome, 125)
        self.assertEqual(outcome.err.decode().count("\n"), 1, str(outcome))
        self.assertIn(f"fd2: {path}: error: refused: {component}: ", outcome.err.decode())
        self.assertIn(f"; run: {mend} {component}\n", outcome.err.decode())
        self.assertFalse(os.path.exists(self.path("ran")))

    def test_a_file_that_others_can_write_is_refused_with_the_chmod(self):
        path = self.write("fd2.yaml", "transport: sync\n")
        for mode in (0o664, 0o646, 0o666):
            os.chmod(path, mode)
            self.assertRefused(path, path, "chmod go-w")
        for mode in (0o644, 0o600, 0o444):
            os.chmod(path, mode)
            self.assertStatus(self.run_raw(self.fd2_run("true", options=["--config", path])), 0)

    def test_a_directory_above_that_others_can_write_is_refused_unless_it_is_sticky(self):
        above = self.path("above")
        os.makedirs(self.path("above", "below"))
        path = self.write("above/below/fd2.yaml", "transport: sync\n")
        os.chmod(above, 0o777)
        self.assertRefused(path, above, "chmod go-w")
        os.chmod(above, 0o1777)
        self.assertStatus(self.run_raw(self.fd2_run("true", options=["--config", path])), 0)

    def test_a_file_of_another_user_is_refused(self):
        if os.geteuid() != 0:
            self.skipTest("only root can give a file away")
        path = self.write("fd2.yaml", "transport: sync\n")
        os.chown(path, 1, -1)
        self.assertRefused(path, path, "chown root")

    def test_a_file_that_cannot_be_read_is_left_out_and_said(self):
        """Written under umask 077, say, or another user's after su: git warns of its own, too."""
        os.mkdir(self.path("config", "fd2"))
        path = self.write("config/fd2/fd2.yaml", "surface: never\n")
        os.chmod(path, 0o600)
        words = self.for_nobody()
        for options, said in (
                ([], f"fd2: {path}: warning: open: Permission denied (EACCES); it is ignored\n"),
                (["--set", "log.console=off"], "")):
            outcome = self.run_raw([*words, *self.fd2_run("sh", "-c", "exit 7", options=options)])
            self.assertStatus(outcome, 7)
            self.assertEqual(outcome.err.decode(), said)

    def test_the_file_behind_a_link_is_the_one_that_is_asked(self):
        path = self.write("real.yaml", "transport: sync\n", 0o666)
        os.symlink(path, self.path("link.yaml"))
        link = self.path("link.yaml")
        outcome = self.run_raw(self.fd2_run("true", options=["--config", link]))
        self.assertStatus(outcome, 125)
        self.assertIn(f"refused: {path}: writable by others".encode(), outcome.err)

    def test_the_users_own_file_and_the_one_of_a_variable_are_asked_too(self):
        os.mkdir(self.path("config", "fd2"))
        path = self.write("config/fd2/fd2.yaml", "transport: sync\n", 0o666)
        self.assertRefused(path, path, "chmod go-w", ["--tail", "1KiB"])
        os.unlink(path)
        path = self.write("other.yaml", "transport: sync\n", 0o666)
        self.env["FD2_CONFIG"] = path
        self.assertRefused(path, path, "chmod go-w", ["--tail", "1KiB"])


class Check(harness.Case):
    def test_a_check_reads_what_would_be_refused_and_says_so(self):
        path = self.write("fd2.yaml", "transport: sync\n", 0o666)
        outcome = self.run_raw([self.fd2, "config", "check", path])
        self.assertStatus(outcome, 0)
        self.assertIn(f"{path}: warning: would be refused when it is used: ".encode(), outcome.err)
        self.assertIn(f"run: chmod go-w {path}".encode(), outcome.err)

    def test_a_check_wants_a_file_and_takes_no_word_for_none(self):
        for name in ("none", "-", "absent.yaml"):
            outcome = self.run_raw([self.fd2, "config", "check", name], cwd=self.dir)
            self.assertStatus(outcome, 1)
            self.assertEqual(outcome.err.decode(),
                             f"{name}: error: does not exist; name an existing file\n")

    def test_a_check_does_not_advise_to_change_a_device(self):
        os.mkfifo(self.path("fifo"))
        os.chmod(self.path("fifo"), 0o666)
        for path, what in (("/dev/null", "a device"), (self.path("fifo"), "a FIFO")):
            outcome = self.run_raw([self.fd2, "config", "check", path])
            self.assertStatus(outcome, 1)
            self.assertEqual(outcome.err.decode(), f"{path}: error: is {what}, not a regular file; "
                             "name a regular file\n")

    def test_a_relative_directory_for_plugins_is_the_callers_everywhere(self):
        os.symlink(self.env["FD2_PLUGIN_PATH"], self.path("rel"))
        del self.env["FD2_PLUGIN_PATH"]
        show = [self.fd2, "config", "show", "plugins.path"]
        for options, variables in ((["--plugin-path", "rel"], {}), (["--set", "plugins.path=rel"], {}),
                                   ([], {"FD2_PLUGIN_PATH": "rel"})):
            outcome = self.run_raw([*show, *options], cwd=self.dir, env=dict(self.env, **variables))
            self.assertStatus(outcome, 0)
            self.assertEqual(outcome.out.decode(), f"[{self.path('rel')}]\n")
        path = self.write("fd2.yaml", "plugins: {path: [rel]}\n")
        outcome = self.run_raw([*show, "--config", path], cwd=self.dir)
        self.assertStatus(outcome, 1)
        self.assertIn(b'plugins.path[0]: "rel" is not an absolute path', outcome.err)

    def test_a_check_runs_no_code_that_the_file_names(self):
        harness.needs_tool("cc")
        os.mkdir(self.path("theirs"))
        ran = self.path("ran")
        source = self.write("mine.c", "#include <fcntl.h>\n__attribute__((constructor)) void f(void)"
                            f'{{ open("{ran}", O_CREAT | O_WRONLY, 0644); }}\n')
        for name in ("mine", "pipe"):
            built = self.run_raw(["cc", "-shared", "-fPIC", "-o",
                                  self.path("theirs", f"{name}.so"), source])
            self.assertStatus(built, 0)
        for named in ("{mine: {size: 1MiB}}", "{pipe: {capacity: 1MiB}}"):
            path = self.write("fd2.yaml", f"plugins: {{path: [{self.path('theirs')}]}}\n"
                              f"backends: {{sync: [mine, pipe]}}\noptions: {named}\n")
            outcome = self.run_raw([self.fd2, "config", "check", path])
            self.assertStatus(outcome, 0)
            self.assertIn(b": not checked: ", outcome.err)
            self.assertFalse(os.path.exists(ran), str(outcome))
        # It is code that runs where it is loaded:
        del self.env["FD2_PLUGIN_PATH"]
        outcome = self.run_raw(self.fd2_run("true", options=["--explain", "--config", path]))
        self.assertTrue(os.path.exists(ran), str(outcome))


class CalledByAnothersName(harness.Case):
    """Through a link nobody has asked for fd2: what it finds by itself cannot take ssh away."""

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("links"))
        os.symlink(self.fd2, self.path("links", "tool"))
        self.script("tool", "echo out; echo err >&2; exit 7\n")
        os.mkdir(self.path("config", "fd2"))
        self.env["PATH"] = self.path("links") + ":" + self.env["PATH"]

    def through_link(self, **more):
        return self.run_raw(["tool"], **more)

    def assertRuns(self, warning, outcome=None):
        outcome = outcome or self.through_link()
        self.assertStatus(outcome, 7)
        self.assertEqual(outcome.out, b"out\n")
        lines = outcome.err.decode().splitlines()
        self.assertEqual(len(lines), 2, str(outcome))
        self.assertEqual(lines[1], "err")
        self.assertTrue(lines[0].startswith("fd2: warning: "), str(outcome))
        self.assertIn(warning, lines[0])
        return lines[0]

    def test_a_mistake_in_the_users_file_costs_one_warning(self):
        path = self.path("config", "fd2", "fd2.yaml")
        for text, warning in (
                ("capture: {tial: 1KiB}\nsurfaec: never\n", 'did you mean "tail"?'),
                ("capture: {tail: 100}\n", '"100" has no unit'),
                ("a: [b\n", "unclosed"), ("backends: {sync: [Not A Name]}\n", "Not A Name"),
                ("\xff\n", ""), ("x" * 70000, "is larger than")):
            with self.subTest(text=text[:40]):
                with open(path, "w", encoding="latin-1") as file:
                    file.write(text)
                said = self.assertRuns(warning)
                self.assertIn(f"{path}:", said)
                self.assertTrue(said.endswith("; this file is ignored"), said)
                # By its own name fd2 is as strict as ssh is with its files.
                outcome = self.run_raw(self.fd2_run("true"))
                self.assertStatus(outcome, 125)

    def test_a_file_that_cannot_be_read_or_trusted_costs_one_warning(self):
        path = self.path("config", "fd2", "fd2.yaml")
        os.mkdir(path)
        self.assertRuns("is a directory")
        os.rmdir(path)
        os.mkfifo(path)
        self.assertRuns("is a FIFO")
        os.unlink(path)
        self.write(path, "transport: sync\n", 0o666)
        self.assertRuns("writable by others")

    def test_the_rest_of_the_configuration_counts(self):
        self.write("config/fd2/fd2.yaml", "forward: {mode: off}\nsurface: sometimes\n")
        self.env["FD2_FORWARD_MODE"] = "lines"
        self.env["FD2_FORWARD_PREFIX"] = "p: "
        outcome = self.through_link()
        self.assertStatus(outcome, 7)
        self.assertEqual(outcome.err.splitlines()[1:], [b"p: err"])

    def test_an_option_that_a_backend_refuses_costs_one_warning(self):
        self.write("config/fd2/fd2.yaml", "backends: {sync: [pipe]}\n"
                   "options: {pipe: {capacity: much}}\n")
        said = self.assertRuns("options.pipe.capacity")
        self.assertIn(self.path("config", "fd2", "fd2.yaml") + ":2:", said)
        self.assertStatus(self.run_raw(self.fd2_run("true")), 125)

    def test_with_the_console_off_nothing_is_said(self):
        self.write("config/fd2/fd2.yaml", "surface: sometimes\n")
        self.env["FD2_LOG_CONSOLE"] = "off"
        outcome = self.through_link()
        self.assertStatus(outcome, 7)
        self.assertEqual(outcome.err, b"err\n")

    def test_what_is_named_explicitly_stays_strict(self):
        self.env["FD2_CONFIG"] = self.write("named.yaml", "surface: sometimes\n")
        self.assertStatus(self.through_link(), 125)
        self.env["FD2_CONFIG"] = self.path("absent.yaml")
        self.assertStatus(self.through_link(), 125)
        del self.env["FD2_CONFIG"]
        self.env["FD2_SURFACE"] = "sometimes"
        self.assertStatus(self.through_link(), 125)

    def test_a_log_that_cannot_be_opened_costs_one_error_line(self):
        path = self.write("config/fd2/fd2.yaml", "log:\n  file: /nowhere/fd2.log\n")
        outcome = self.through_link()
        self.assertStatus(outcome, 7)
        self.assertEqual(outcome.err.decode(),
                         "fd2: error: log.file: open: /nowhere/fd2.log: No such file or directory "
                         f"(ENOENT) (set by {path}:2:9); the run continues without it\nerr\n")
        self.write("config/fd2/fd2.yaml", "log: {file: /nowhere/fd2.log, required: true}\n")
        self.assertStatus(self.through_link(), 125)


if __name__ == "__main__":
    harness.main()
