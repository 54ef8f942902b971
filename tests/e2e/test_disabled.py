"""`enabled: false`: the command in fd2's own place, as if fd2 were not there."""

import os
import signal
import subprocess

import harness

SAYS_PID = "echo $$; echo err >&2; exit 7"


class Disabled(harness.Case):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("config", "fd2"))
        self.file = self.path("config", "fd2", "fd2.yaml")

    def disable(self, more=""):
        return self.write("config/fd2/fd2.yaml", "enabled: false\n" + more)

    def assertBecomes(self, words, said=b"err\n", **more):
        """The process that was started is the command: it has the pid, and no child."""
        process = self.spawn(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        out, err = process.communicate()
        self.assertEqual((out, err, process.returncode), (b"%d\n" % process.pid, said, 7))

    def assertRunsBelow(self, words, **more):
        """fd2 is there: the command is a child of the process that was started."""
        process = self.spawn(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        out, _ = process.communicate()
        self.assertEqual(process.returncode, 7)
        self.assertNotEqual(int(out), process.pid)

    def words(self, *options):
        return self.fd2_run("sh", "-c", SAYS_PID, options=options)

    # what disables it

    def test_a_file_disables_every_run(self):
        self.assertRunsBelow(self.words())
        self.disable()
        self.assertBecomes(self.words())
        self.assertBecomes(self.words("--config", self.file))

    def test_a_variable_disables_a_run_unless_it_is_0_or_empty(self):
        for word in ("1", "true", "yes", "on"):
            self.assertBecomes(self.words(), env=dict(self.env, FD2_DISABLE=word))
        for word in ("0", "false", "no", "off", ""):
            self.assertRunsBelow(self.words(), env=dict(self.env, FD2_DISABLE=word))
        outcome = self.run_raw(self.words(), env=dict(self.env, FD2_DISABLE="maybe"))
        self.assertStatus(outcome, 125)
        self.assertEqual(outcome.err.decode(), 'fd2: FD2_DISABLE: error: enabled: "maybe" is not a '
                         "boolean; write 1, or 0 to enable fd2\n")

    def test_later_layers_win(self):
        enable = ("--set", "enabled=true")
        self.disable()
        for variables in ({"FD2_DISABLE": "0"}, {"FD2_ENABLED": "true"}):
            self.assertRunsBelow(self.words(), env=dict(self.env, **variables))
        self.assertBecomes(self.words(), env=dict(self.env, FD2_DISABLE=""))
        self.assertRunsBelow(self.words(*enable))
        self.assertRunsBelow(self.words(*enable), env=dict(self.env, FD2_DISABLE="1"))
        # Of the two variables the one with a name of its own.
        for on, off, becomes in (("true", "1", True), ("false", "0", False)):
            env = dict(self.env, FD2_ENABLED=on, FD2_DISABLE=off)
            (self.assertBecomes if becomes else self.assertRunsBelow)(self.words(), env=env)
        self.write("config/fd2/fd2.yaml", "enabled: true\n")
        self.assertBecomes(self.words(), env=dict(self.env, FD2_DISABLE="1"))
        self.assertBecomes(self.words("--set", "enabled=false"))

    # what the command is then

    def test_it_is_born_with_the_same(self):
        """Descriptors, mask, ignored signals, with any of 0, 1, 2 closed, and more of them open."""
        def start(closed):
            for fd in closed:
                os.close(fd)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2, signal.SIGCHLD])

        self.disable()
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, read_end)
        self.addCleanup(os.close, write_end)
        for closed in ((), (0,), (1,), (2,), (0, 1, 2)):
            born = []
            for name, words in (("bare", [self.child, "fds", self.path("bare")]),
                                ("fd2", self.fd2_run(self.child, "fds", self.path("fd2")))):
                raw = self.raw_status(words, preexec_fn=lambda: start(closed),
                                      restore_signals=False, pass_fds=[write_end])
                self.assertEqual(raw, 0)
                with open(self.path(name), encoding="utf-8") as file:
                    born.append(file.read())
            self.assertEqual(born[1], born[0], f"closed {closed}")
            self.assertIn("ignored", born[0])
        outcomes = [self.run_raw(words).out for words in (["env", "-0"], self.fd2_run("env", "-0"))]
        self.assertEqual(*outcomes)

    def test_it_ends_the_same(self):
        self.disable()
        for command in (["true"], ["sh", "-c", "exit 255"], ["sh", "-c", "kill -TERM $$"],
                        ["sh", "-c", "ulimit -c 0; kill -SEGV $$"]):
            self.assertEqual(self.raw_status(self.fd2_run(*command)), self.raw_status(command))

    def test_a_command_that_cannot_be_executed_ends_as_with_fd2(self):
        self.write("notprogram", "x", 0o644)
        cases = [(["no-such-command"], 127), ([self.path("notprogram")], 126)]
        said = [self.run_raw(self.fd2_run(*words)).err for words, _ in cases]
        self.disable()
        for (words, status), before in zip(cases, said):
            outcome = self.run_raw(self.fd2_run(*words))
            self.assertStatus(outcome, status)
            self.assertEqual(outcome.err, before)
        self.script("no-interpreter-line", "")
        self.write("bin/plain", "exit 9\n", 0o755)  # execvp(3) gives it to sh
        self.assertStatus(self.run_raw(self.fd2_run("plain")), 9)

    def test_on_a_failing_command_nothing_is_printed_a_second_time(self):
        self.disable("surface: always\nforward: {mode: off}\n")
        outcome = self.run_raw(self.fd2_run("sh", "-c", "echo err >&2; exit 3"))
        self.assertEqual((outcome.code, outcome.err), (3, b"err\n"))

    # options that need a capture

    def test_options_that_ask_for_a_capture_cost_one_warning(self):
        origin = f"{self.disable()}:1:10 (enabled: false)"
        stats, tail, log = (self.path(name) for name in ("stats", "tail", "log"))
        for options, names in (
                (["--stats", stats], "--stats has"), (["--tail-out", tail], "--tail-out has"),
                (["--log", log], "--log has"), (["--explain"], "--explain has"),
                (["--backend", "pipe"], "--backend has"), (["--tail", "1KiB"], "--tail has"),
                (["--stats", stats, "--log", log, "--explain"],
                 "--stats, --explain, --log have")):
            self.assertBecomes(self.words(*options), (
                f"fd2: warning: {names} no effect: fd2 is disabled by {origin}; --set enabled=true "
                "enables it for this run\nerr\n").encode())
        for path in (stats, tail, log):
            self.assertFalse(os.path.exists(path))
        self.assertBecomes(self.words("--transport", "async", "--set", "capture.tail=1KiB"))
        self.assertBecomes(self.words("--explain", "--set", "log.console=off"))

    def test_the_warning_names_the_variable_or_the_option(self):
        said = ("fd2: warning: --explain has no effect: fd2 is disabled by {}; --set enabled=true "
                "enables it for this run\nerr\n")
        self.assertBecomes(self.words("--explain"), said.format("the variable FD2_DISABLE").encode(),
                           env=dict(self.env, FD2_DISABLE="1"))
        self.assertBecomes(self.words("--explain", "--set", "enabled=false"),
                           said.format("--set enabled=false").encode())

    def test_the_descriptor_of_a_report_ends_at_once(self):
        """A reader of it sees the end, whatever the command leaves behind."""
        self.disable()
        read_end, write_end = os.pipe()
        outcome = self.run_raw(self.fd2_run("sh", "-c", "sleep 600 >&- 2>&- & exit 0", options=[
            "--stats-fd", str(write_end)]), pass_fds=[write_end])
        os.close(write_end)
        self.assertStatus(outcome, 0)
        self.assertEqual(harness.read_all(read_end), b"")
        os.close(read_end)

    # mistakes

    def test_a_mistake_in_a_file_or_a_variable_does_not_matter(self):
        for text in ("surface: sometimes\n", "capture: {tial: 1KiB}\n",
                     "options: {pipe: {capacity: much}}\n"):
            self.disable(text)
            self.assertBecomes(self.words())
        self.write("config/fd2/fd2.yaml", "surface: sometimes\n")
        self.assertStatus(self.run_raw(self.words()), 125)
        self.assertBecomes(self.words(), env=dict(self.env, FD2_DISABLE="1"))
        self.assertBecomes(self.words(), env=dict(self.env, FD2_DISABLE="1", FD2_SURFACE="x"))

    def test_a_mistake_in_an_option_still_does(self):
        self.disable()
        for options in (["--set", "surface=sometimes"], ["--tail", "1"], ["--explian"]):
            self.assertStatus(self.run_raw(self.words(*options)), 125)

    def test_a_file_that_is_not_trusted_disables_nothing(self):
        os.chmod(self.disable(), 0o666)
        outcome = self.run_raw(self.words())
        self.assertStatus(outcome, 125)
        self.assertIn(b"refused: ", outcome.err)


class Links(harness.Case):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("links"))
        os.mkdir(self.path("real"))
        os.symlink(self.fd2, self.path("links", "tool"))
        self.write("real/tool", f"#!/bin/sh\n{SAYS_PID}\n", 0o755)
        os.mkdir(self.path("config", "fd2"))
        self.env["PATH"] = f"{self.path('links')}:{self.path('real')}:{self.env['PATH']}"

    def assertBecomes(self, env=None, words=("tool",), said=b"err\n"):
        process = self.spawn(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=env or self.env)
        out, err = process.communicate()
        self.assertEqual((out, err, process.returncode), (b"%d\n" % process.pid, said, 7))

    def test_the_real_command_takes_the_place_of_the_link(self):
        self.write("config/fd2/fd2.yaml", "enabled: false\n")
        self.assertBecomes()
        self.assertBecomes(words=[self.path("links", "tool")])

    def test_a_mistake_elsewhere_in_the_file_costs_nothing(self):
        for text in ("enabled: false\nsurface: sometimes\n", "capture: {tial: 1}\nenabled: false\n",
                     "unknown: {a: [b]}\nenabled: false\n"):
            self.write("config/fd2/fd2.yaml", text)
            self.assertBecomes()

    def test_a_mistake_elsewhere_does_not_matter_to_the_variable(self):
        self.env["FD2_DISABLE"] = "1"
        for text in ("surface: sometimes\n", "a: [b\n", "x" * 70000):
            self.write("config/fd2/fd2.yaml", text)
            self.assertBecomes()
        self.env["FD2_SURFACE"] = "sometimes"
        self.env["FD2_CONFIG"] = self.path("absent.yaml")
        self.assertBecomes()

    def test_a_file_that_cannot_be_parsed_disables_nothing(self):
        self.write("config/fd2/fd2.yaml", "enabled: false\na: [b\n")
        outcome = self.run_raw(["tool"])
        self.assertStatus(outcome, 7)
        self.assertIn(b"this file is ignored\n", outcome.err)

    def test_several_links_lead_to_the_real_command_in_one_process(self):
        """Of two installations, in any order and more than once on PATH."""
        for name in ("one", "two"):
            os.mkdir(self.path(name))
            program = self.path(name, "fd2")
            with open(os.environ["FD2_COMMAND"], "rb") as file, open(program, "wb") as copy:
                copy.write(file.read())
            os.chmod(program, 0o755)
            os.symlink(program, self.path(name, "tool"))
        env = dict(self.env, FD2_DISABLE="1")
        for order in (("one", "real"), ("one", "two", "real"), ("one", "two", "one", "real"),
                      ("two", "one", "two", "one", "two", "real")):
            path = ":".join(self.path(name) for name in order)
            self.assertBecomes(dict(env, PATH=f"{path}:/usr/bin:/bin"))


class Ssh(harness.SshCase):
    def test_ssh_itself_runs_in_place_of_the_link(self):
        self.assertStatus(self.run_raw([self.fd2, "link", self.path("links")]), 0)
        self.env["FD2_DISABLE"] = "1"
        self.env["PATH"] = f"{self.path('links')}:{self.env['PATH']}"
        process = self.spawn([*self.ssh, self.host, "echo up; read word; echo err >&2; exit 5"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"up\n")
        self.assertEqual(os.path.basename(harness.object_behind_exe(process.pid)), "ssh")
        out, err = process.communicate(b"\n")
        self.assertEqual((out, err, process.returncode), (b"", b"err\n", 5))

    def test_git_and_rsync_work_as_without_fd2(self):
        harness.needs_tool("rsync")
        self.env["FD2_DISABLE"] = "1"
        shell = " ".join([self.fd2, "run", "--", *self.ssh])
        self.write("file", "text\n")
        outcome = self.run_raw(["rsync", "-a", "-e", shell, self.path("file"),
                                f"{self.host}:{self.path('copy')}"])
        self.assertStatus(outcome, 0)
        self.assertEqual(outcome.err, b"")
        with open(self.path("copy"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "text\n")


if __name__ == "__main__":
    harness.main()
