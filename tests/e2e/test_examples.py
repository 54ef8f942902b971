"""The examples do what they say: over a real ssh where that matters, else a script in its place."""

import json
import os
import re
import signal
import subprocess

import harness

EXAMPLES = os.environ["FD2_EXAMPLES"]


def example(name):
    return os.path.join(EXAMPLES, name, name)


class Usage(harness.Case):
    def test_every_example_says_how_it_is_used_and_refuses_wrong_words(self):
        for name in ("remote-runner", "fan-out", "line-logger"):
            helped = self.run_raw([example(name), "--help"])
            self.assertStatus(helped, 0)
            self.assertIn(f"Usage: {name} ", helped.out.decode())
            self.assertIn("--rsh WORDS", helped.out.decode())
            for words in ([], ["host"], ["--nonsense", "host", "true"], ["--rsh"],
                          ["--rsh", " ", "host", "true"]):
                wrong = self.run_raw([example(name), *words])
                self.assertStatus(wrong, 2)
                self.assertRegex(wrong.err.decode(), rf"^{name}: .*; see {name} --help\n$")

    def test_what_cannot_be_started_is_said(self):
        for name in ("remote-runner", "line-logger"):
            failed = self.run_raw([example(name), "--rsh", "/no/such/program", "host", "true"],
                                  cwd=self.dir)
            self.assertStatus(failed, 125)
            self.assertIn("/no/such/program: No such file", failed.err.decode())


class RemoteRunner(harness.SshCase):
    def run_example(self, *words, options=()):
        return self.run_raw([example("remote-runner"), "--rsh", " ".join(self.ssh), *options,
                             self.host, *words])

    def test_remote_runner_passes_stdout_words_and_statuses(self):
        words = ["a b", "it's", "$HOME", ""]
        outcome = self.run_example("printf", "%s|", *words)
        self.assertStatus(outcome, 0)
        self.assertEqual((outcome.out.decode(), outcome.err), ("|".join(words) + "|", b""))
        self.assertStatus(self.run_example("sh", "-c", "exit 42"), 42)

    def test_remote_runner_shows_the_end_of_the_stderr_after_a_failure(self):
        outcome = self.run_example("sh", "-c", "seq 30 >&2; exit 7", options=["--lines", "2"])
        self.assertStatus(outcome, 7)
        self.assertEqual(outcome.err, b"remote-runner: loopback: status 7\n29\n30\n")
        self.assertEqual(self.run_example("sh", "-c", "seq 30 >&2").err, b"")

    def test_remote_runner_takes_much_on_both_streams(self):
        """Neither is read at the other's cost: 1 MB each, more than any pipe holds."""
        outcome = self.run_example("sh", "-c", "seq 150000 >&2; seq 150000; exit 1")
        self.assertStatus(outcome, 1)
        self.assertEqual(outcome.out.count(b"\n"), 150000)
        self.assertTrue(outcome.err.endswith(b"\n149999\n150000\n"))

    def test_remote_runner_shows_why_ssh_failed(self):
        self.server.stop()
        outcome = self.run_example("true")
        self.assertStatus(outcome, 255)
        self.assertIn(b"remote-runner: loopback: status 255\n", outcome.err)
        self.assertIn(b"Connection refused", outcome.err)


class FanOut(harness.SshCase):
    def test_fan_out_shows_every_line_with_its_host_and_a_table(self):
        with open(self.server.config, "a", encoding="utf-8") as config:
            config.write("Host closed\n    HostName 127.0.0.1\n    Port 1\n    BatchMode yes\n")
        outcome = self.run_raw([example("fan-out"), "--rsh", " ".join(self.ssh),
                                f"{self.host},closed,-x", "sh", "-c",
                                "echo out; printf part; echo one >&2; echo two >&2"])
        self.assertStatus(outcome, 1)
        self.assertEqual(outcome.out.decode(), "loopback: out\nloopback: part\n")
        said = outcome.err.decode()
        self.assertIn("loopback: one\n", said)
        self.assertIn("loopback: two\n", said)
        self.assertRegex(said, r"(?m)^closed: .*Connection refused")
        table = said[said.index("\nhost "):]
        self.assertRegex(table, r"(?m)^loopback +\d+\.\d\d +2 +0  status 0$")
        self.assertRegex(table, r"(?m)^closed +\d+\.\d\d +[1-9]\d* +0  status 255$")
        self.assertRegex(table, r"(?m)^-x .*begins with '-'")


class FanOutInterrupted(harness.Case):
    def interrupted(self, script, *signals):
        """Three hosts run `script` and say `ready`; then come the signals. Its status and table."""
        shell = self.script("rsh", script)
        process = self.spawn([example("fan-out"), "--rsh", shell, "a,b,c", "true"],
                             stderr=subprocess.PIPE)
        ready = {process.stderr.readline() for _ in range(3)}  # live: the commands still run
        self.assertEqual(ready, {b"a: ready\n", b"b: ready\n", b"c: ready\n"})
        for number in signals:
            process.send_signal(number)
        table = process.stderr.read().decode()
        process.stderr.close()
        status = process.wait()
        self.assertNothingLeft()
        return status, table

    def test_fan_out_ends_all_of_them_on_ctrl_c(self):
        status, table = self.interrupted("echo ready >&2; exec sleep 1000\n", signal.SIGINT)
        self.assertEqual(status, 128 + signal.SIGINT)
        self.assertEqual(len(re.findall("signal SIGTERM", table)), 3)

    def test_fan_out_kills_on_the_second_signal_what_ignores_the_first(self):
        status, table = self.interrupted(
            "trap '' INT TERM; echo ready >&2; exec sleep 1000\n", signal.SIGINT, signal.SIGTERM)
        self.assertEqual(status, 128 + signal.SIGTERM)
        self.assertEqual(len(re.findall("signal SIGKILL", table)), 3)


class LineLogger(harness.SshCase):
    def run_example(self, *words, options=()):
        return self.run_raw([example("line-logger"), "--rsh", " ".join(self.ssh), "--log",
                             self.path("log"), *options, self.host, *words])

    def entries(self):
        with open(self.path("log"), encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def test_line_logger_writes_a_json_object_for_each_line(self):
        script = r"""printf 'one\n\ttwo"\nbad \377 end' >&2; exit 5"""
        outcome = self.run_example("sh", "-c", script)
        self.assertStatus(outcome, 5)
        self.assertIn(b"line-logger: loopback: status 5; 3 lines logged, 0 dropped", outcome.err)
        entries = self.entries()
        self.assertEqual([(e["seq"], e["text"]) for e in entries],
                         [(1, "one"), (2, '\ttwo"'), (3, "bad � end")])
        for entry in entries:
            self.assertRegex(entry["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")

    def test_line_logger_logs_only_what_is_wanted(self):
        outcome = self.run_example("sh", "-c", "seq 1 20 >&2", options=["--only", "7"])
        self.assertStatus(outcome, 0)
        self.assertEqual([e["seq"] for e in self.entries()], [7, 17])
        self.assertIn(b"2 lines logged, 0 dropped, 18 not wanted", outcome.err)

    def test_line_logger_counts_what_a_stuck_file_makes_it_drop(self):
        """The log is a pipe that nobody reads before the command has ended: it does not wait."""
        os.mkfifo(self.path("log"))
        log = os.open(self.path("log"), os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(log, True)
        shell = self.script("rsh", f"seq 100000 >&2; : >'{self.path('done')}'\n")
        with open(self.path("said"), "wb") as said:
            process = self.spawn([example("line-logger"), "--rsh", shell, "--log",
                                  self.path("log"), "--capacity", "4096", "host", "true"],
                                 stderr=said)
        harness.until(lambda: os.path.exists(self.path("done")), "the end of the command")
        logged = harness.read_all(log).count(b"\n")
        os.close(log)
        self.assertEqual(process.wait(), 0)
        with open(self.path("said"), encoding="utf-8") as said:
            told = re.search(r"(\d+) lines logged, (\d+) dropped", said.read())
        self.assertEqual(int(told[1]), logged)
        self.assertGreater(int(told[2]), 0)
        self.assertEqual(int(told[1]) + int(told[2]), 100000)


class AsyncForms(harness.Case):
    def test_async_forms_all_complete(self):
        outcome = self.run_raw([example("async-forms")])
        self.assertStatus(outcome, 0)
        self.assertEqual(outcome.err, b"")
        self.assertEqual(outcome.out.decode(), """\
callback: status 3, oops
future: status 4
co_await: status 0, 2 lines
cancellation slot: cancelled
cancellation slot: signal SIGTERM
time limit: signal SIGTERM
strand: 4 of 8 failed
detached: status 0, unheard
multi-threaded: the statuses of 20 add up to 190
""")


if __name__ == "__main__":
    harness.main()
