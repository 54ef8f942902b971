"""A terminal as our stderr: who captures there, who does not, and in which order words appear."""

import fcntl
import json
import os
import termios

import harness

# The command says what its fd 2 is, there, and ends: the terminal that its stdout is, one of fd2's,
# or none.
SAYS = ('if ! test -t 2; then echo channel >&2; '
        'elif test /proc/self/fd/1 -ef /proc/self/fd/2; then echo terminal >&2; '
        'else echo captured terminal >&2; fi; exit 7')


class OnTerminal(harness.Case):
    def on_terminal(self, argv, env=()):
        """Runs it with a controlling terminal as its stderr; (raw status, what was shown)."""
        master, slave = os.openpty()
        attributes = termios.tcgetattr(slave)
        attributes[1] &= ~termios.OPOST
        termios.tcsetattr(slave, termios.TCSANOW, attributes)

        def take_terminal():
            os.setsid()
            fcntl.ioctl(2, termios.TIOCSCTTY, 0)

        process = self.spawn(argv, env=dict(self.env, **dict(env)), stderr=slave,
                             stdout=slave, preexec_fn=take_terminal)
        os.close(slave)
        shown = harness.read_all(master)  # until the last holder of the other side has gone
        os.close(master)
        return process.wait(), shown

    def assertShown(self, words, what, **how):
        status, shown = self.on_terminal(self.fd2_run("sh", "-c", SAYS, options=words), **how)
        self.assertEqual((status, shown), (7, what), f"with {words} {how}")

    def test_where_nothing_is_asked_for_the_command_keeps_the_terminal(self):
        self.assertShown([], b"terminal\n")
        self.assertShown(["--transport", "async"], b"terminal\n")
        self.assertShown(self.config("surface: on-loss\nforward: {mode: raw}\n"
                                     "backends: {sync: [socketpair]}\n"), b"terminal\n")

    def test_each_thing_that_reads_or_changes_the_stderr_asks_for_a_capture(self):
        log = self.path("log")
        for words in (self.report().options, ["--stats-fd", "0"], ["--stats", "/dev/null"],
                      ["--tail-out", self.path("tail")], ["--log", log], ["--tail", "1KiB"],
                      ["--set", "require=reopenable"], ["--forward", "lossy"],
                      ["--forward", "lines"], ["--set", "forward.when-blocked=drop"],
                      ["--set", "capture.on-terminal=always"]):
            self.assertShown(words, b"captured terminal\n")
        self.assertShown(["--forward", "lines", "--set", "forward.prefix=> "],
                         b"> captured terminal\n")
        self.assertShown(["--set", "surface=always"],
                         b"captured terminal\nsh process exited with status 7:\ncaptured terminal\n")
        self.assertShown([], b"captured terminal\n", env={"FD2_CAPTURE_ON_TERMINAL": "always"})
        with open(log, encoding="utf-8") as file:
            self.assertIn("captured terminal", file.read())

    def test_who_chooses_the_backends_gets_those(self):
        for words in (["--backend", "pipe"], ["--set", "backends.sync=pipe"],
                      [*self.config("backends: {sync: [pipe]}\n"), "--explain"]):
            status, shown = self.on_terminal(self.fd2_run("sh", "-c", SAYS, options=words))
            self.assertEqual((status, shown.splitlines()[0]), (7, b"channel"), words)
        self.assertShown([], b"channel\n", env={"FD2_BACKENDS": "pipe"})

    def test_where_a_terminal_cannot_be_made_the_list_is_tried(self):
        status, shown = self.on_terminal(self.fd2_run(
            "sh", "-c", SAYS, options=["--explain", "--set", "require=atomic"]))
        self.assertEqual((status, shown.splitlines()[0]), (7, b"channel"), shown)
        self.assertIn(b"backend pty: not used (unsupported): does not meet `require`: lacks atomic",
                      b" ".join(shown.split()))

    def test_elsewhere_a_terminal_is_to_be_had_for_the_asking(self):
        for transport in ("sync", "async"):
            for options, shown in (([], b"channel\n"),
                                   (["--set", "require=tty"], b"captured terminal\n")):
                outcome = self.run_raw(self.fd2_run(
                    "sh", "-c", SAYS, options=["--transport", transport, *options]))
                self.assertEqual((outcome.code, outcome.err), (7, shown))

    def test_explain_asks_too_and_tells_why_not(self):
        status, shown = self.on_terminal(
            self.fd2_run("sh", "-c", SAYS, options=["--explain"]))
        self.assertEqual(status, 7)
        self.assertTrue(shown.startswith(b"captured terminal\n"), shown)
        self.assertIn(b"carried the command's stderr over a pseudo-terminal", shown)
        never = ["--explain", "--set", "capture.on-terminal=never"]
        status, shown = self.on_terminal(self.fd2_run("sh", "-c", SAYS, options=never))
        self.assertEqual(status, 7)
        self.assertTrue(shown.startswith(b"terminal\n"), shown)
        self.assertIn(b"nothing was captured: the command wrote to fd2's own stderr (stderr is a "
                      b"terminal, and capture.on-terminal is never (--set))",
                      b" ".join(shown.split()))

    def test_never_is_never_and_says_so_where_a_report_is_wanted(self):
        report = self.report()
        config = self.config("capture: {on-terminal: never}\n")
        status, shown = self.on_terminal(
            self.fd2_run("sh", "-c", SAYS, report=report, options=config))
        self.assertEqual(status, 7)
        *message, last = shown.splitlines()
        self.assertEqual(last, b"terminal")
        self.assertRegex(b" ".join(b" ".join(message).split()),  # as wide as the terminal
                         rb"^fd2: warning: nothing is captured, but --stats asks for it: "
                         rb"stderr is a terminal.*never \(.*fd2\.yaml:1:")
        stats = report.stats
        self.assertEqual((stats["backend"], stats["end"], stats["bytes"], stats["exit"]),
                         ("inherit", "none", 0, {"code": 7}))
        self.assertIn("capture.on-terminal is never", stats["inherit_reason"])
        # Naming a backend in the call means that one or an error.
        self.assertShown([*config, "--backend", "pipe"], b"channel\n")

    def test_elsewhere_the_key_says_nothing(self):
        for policy in ("when-asked", "always", "never"):
            outcome = self.run_raw(self.fd2_run(
                "sh", "-c", SAYS, options=["--set", f"capture.on-terminal={policy}"]))
            self.assertEqual((outcome.code, outcome.err), (7, b"channel\n"))

    def test_words_past_us_stay_in_order_where_nobody_reads_the_capture(self):
        """As ssh does it: a message on stderr, then at once a question on /dev/tty."""
        script = ("i=0; while [ $i -lt 300 ]; do echo said $i >&2; echo asked $i >/dev/tty; "
                  "i=$((i+1)); done")
        expected = b"".join(b"said %d\nasked %d\n" % (i, i) for i in range(300))
        status, shown = self.on_terminal(self.fd2_run("sh", "-c", script))
        self.assertEqual((status, shown), (0, expected))

    def test_the_rest_is_as_ever(self):
        """Signals, a stopped child, failures of our own: as with a channel."""
        status, shown = self.on_terminal(self.fd2_run("sh", "-c", "kill -TERM $$"))
        self.assertEqual((status, shown), (-15, b""))
        status, shown = self.on_terminal(self.fd2_run("/nonexistent"))
        self.assertEqual(status, 127)
        self.assertIn(b"/nonexistent", shown)

    def test_config_show_knows_it(self):
        outcome = self.run_raw([self.fd2, "config", "show", "--json"])
        self.assertStatus(outcome, 0)
        self.assertIn("when-asked", json.dumps(json.loads(outcome.out)))


if __name__ == "__main__":
    harness.main()
