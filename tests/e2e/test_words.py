"""What fd2 says in its own words: of wrong calls, in listings, beside the child's bytes."""

import json
import os
from subprocess import PIPE, STDOUT

import harness


class WrongCalls(harness.Case):
    def assertSays(self, words, code, *lines):
        outcome = self.run_raw([self.fd2, *words])
        self.assertStatus(outcome, code)
        self.assertEqual(outcome.err.decode().splitlines(), list(lines))
        self.assertEqual(outcome.out, b"")

    def test_a_misspelt_command_is_named_with_the_one_that_was_meant(self):
        self.assertSays(["rnu"], 2, "fd2: unknown command 'rnu'; did you mean 'run'?",
                        "see 'fd2 --help'")
        self.assertSays(["help", "rnu"], 2, "fd2: unknown command 'rnu'; did you mean 'run'?",
                        "see 'fd2 --help'")
        self.assertSays(["explain"], 2, "fd2: unknown command 'explain'", "see 'fd2 --help'")
        self.assertSays(["config", "shwo"], 2,
                        "fd2: config: unknown command 'shwo'; did you mean 'show'?",
                        "see 'fd2 config --help'")
        self.assertSays(["version", "now"], 2, "fd2: version: unexpected word 'now'",
                        "see 'fd2 version --help'")

    def test_a_misspelt_option_is_named_with_the_one_that_was_meant(self):
        self.assertSays(["run", "--explian", "--", "true"], 125,
                        "fd2: run: unknown option '--explian'; did you mean '--explain'?",
                        "see 'fd2 run --help'; a command that begins with - goes behind --")
        self.assertSays(["config", "show", "--orign=yes"], 2,
                        "fd2: config show: unknown option '--orign'; did you mean '--origin'?",
                        "see 'fd2 config show --help'")

    def test_whatever_else_cannot_be_parsed_is_said_by_fd2_too(self):
        for words, code in ((["run", "--tail"], 125), (["run", "--stats-fd", "x"], 125),
                            (["config"], 2), (["link"], 2)):
            outcome = self.run_raw([self.fd2, *words])
            self.assertStatus(outcome, code)
            self.assertRegex(outcome.err, rb"\Afd2: %s: .*\nsee 'fd2 %s --help'\n\Z"
                             % ((words[0].encode(),) * 2))

    def test_a_tail_without_a_unit_is_told_how_bytes_are_written(self):
        self.assertSays(["run", "--tail", "100", "--", "true"], 125,
                        'fd2: --tail: error: capture.tail: "100" has no unit; '
                        "write 100B or 100KiB")
        self.assertStatus(self.run_raw(self.fd2_run("true", options=["--tail", "100B"])), 0)

    def test_a_check_knows_backends_and_their_options(self):
        wrong = self.write("wrong.yaml", "backends: {sync: [tcpshim, pipe]}\n"
                           "options: {tcpshim: {settle: 5}, socketpair: {sndbuff: 1MiB}}\n")
        outcome = self.run_raw([self.fd2, "config", "check", wrong])
        self.assertStatus(outcome, 1)
        self.assertIn(b'options.tcpshim.settle: "5" has no unit; write 5ms', outcome.err)
        self.assertIn(b'did you mean "sndbuf"?', outcome.err)
        good = self.write("good.yaml", "options: {tcpshim: {settle: 5ms}}\n")
        self.assertStatus(self.run_raw([self.fd2, "config", "check", good]), 0)

    def test_a_wrong_backend_is_told_once(self):
        for name, wrong in (("no-such", '"no-such"'), ("Not A Name", '"Not A Name"'),
                            ("pipe,pipe", '"pipe" stands here twice')):
            outcome = self.run_raw(self.fd2_run("true", options=["--backend", name]))
            self.assertStatus(outcome, 125)
            self.assertEqual(outcome.err.count(b"\n"), 1, str(outcome))
            self.assertTrue(outcome.err.startswith(b"fd2: --backend: error: "), str(outcome))
            self.assertIn(wrong.encode(), outcome.err)
            self.assertNotIn(b"sync", outcome.err.split(b";")[0])

    def test_a_wrong_backend_after_a_right_one_is_told_of_both_places(self):
        outcome = self.run_raw([self.fd2, "config", "show", "--set", "backends.async=no-such",
                                "--set", "backends=neither"])
        self.assertStatus(outcome, 1)
        self.assertEqual(outcome.err.count(b"unknown backend"), 2, str(outcome))


class Listings(harness.Case):
    def first_lines(self, *words):
        outcome = self.run_raw([self.fd2, "config", "show", *words])
        self.assertStatus(outcome, 0)
        return [line for line in outcome.out.decode().splitlines() if line.startswith("#")]

    def test_the_origin_names_the_files_that_were_looked_for(self):
        if os.path.exists("/etc/fd2/fd2.yaml"):
            self.skipTest("/etc/fd2/fd2.yaml exists")
        own = self.path("config", "fd2", "fd2.yaml")
        absent = ["# /etc/fd2/fd2.yaml: not there"]
        self.assertEqual(self.first_lines("--origin"), absent + [f"# {own}: not there"])
        os.mkdir(os.path.dirname(own))
        self.write(own, "surface: never\n")
        self.assertEqual(self.first_lines("--origin"), absent + [f"# {own}: read"])
        other = self.config("surface: always\n")
        self.assertEqual(self.first_lines("--origin", *other), [f"# {other[1]}: read"])
        self.assertEqual(self.first_lines("--origin", "--config", "none"),
                         ["# no file was looked for"])
        self.assertEqual(self.first_lines(), [])

    def test_the_help_has_no_two_blank_lines_in_a_row(self):
        for words in (["help", "run"], ["--help"], ["config", "--help"]):
            outcome = self.run_raw([self.fd2, *words])
            self.assertStatus(outcome, 0)
            self.assertNotIn(b"\n\n\n", outcome.out)


class Reports(harness.Case):
    """A path that stands for a descriptor is the descriptor: nothing is truncated."""

    def run_beside(self, options, command, **more):
        """What a log holds that fd2 and its command share with others, by lines."""
        log = self.write("log", "before\n")
        fd = os.open(log, os.O_WRONLY)
        os.lseek(fd, 0, os.SEEK_END)
        outcome = self.run_raw(self.fd2_run("sh", "-c", command, options=options), stdout=fd,
                               **more)
        os.write(fd, b"after\n")
        os.close(fd)
        self.assertStatus(outcome, 0)
        with open(log, encoding="utf-8") as file:
            return file.read().splitlines()

    def test_a_report_to_dev_stdout_goes_behind_what_is_there(self):
        for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
            lines = self.run_beside(["--stats", name], "echo mine")
            self.assertEqual(lines[:2] + lines[3:], ["before", "mine", "after"])
            self.assertEqual(json.loads(lines[2])["exit"], {"code": 0})

    def test_a_tail_to_dev_stderr_goes_behind_what_was_forwarded(self):
        lines = self.run_beside(["--tail-out", "/dev/stderr"], "echo words >&2", stderr=STDOUT)
        self.assertEqual(lines, ["before", "words", "words", "after"])

    def test_a_descriptor_that_nobody_gave_is_refused_before_the_command_runs(self):
        """3 is also what fd2 itself opens first."""
        for options in (["--stats", "/dev/fd/3"], ["--tail-out", "/proc/self/fd/3"],
                        ["--stats-fd", "3"]):
            outcome = self.run_raw(self.fd2_run("touch", self.path("ran"), options=options))
            self.assertStatus(outcome, 125)
            self.assertIn(b"EBADF", outcome.err)
            self.assertFalse(os.path.exists(self.path("ran")))

    def test_one_descriptor_may_have_both_reports(self):
        with open(self.path("both"), "wb") as both:
            os.dup2(both.fileno(), 9)
            outcome = self.run_raw(
                self.fd2_run("sh", "-c", "echo words >&2",
                             options=["--stats-fd", "9", "--tail-out", "/dev/fd/9"]), pass_fds=[9])
            os.close(9)
        self.assertStatus(outcome, 0)
        with open(self.path("both"), encoding="utf-8") as file:
            report, tail = file.read().splitlines()
        self.assertEqual((json.loads(report)["lines"], tail), (1, "words"))


class Beside(harness.Case):
    """Our own lines stand on lines of their own; the child's bytes stay as they are."""

    def explained(self, text, *options):
        """What stands before the first line of the explanation."""
        outcome = self.run_raw(self.fd2_run("sh", "-c", f"printf '{text}' >&2",
                                            options=["--explain", *options]))
        self.assertStatus(outcome, 0)
        before, found, _ = outcome.err.partition(b"fd2: backend")
        self.assertTrue(found, str(outcome))
        return before

    def test_a_note_begins_on_a_fresh_line_and_adds_no_empty_one(self):
        for options in ([], ["--forward", "lossy"], ["--forward", "lines"],
                        ["--set", "forward.when-blocked=drop"]):
            self.assertEqual(self.explained("unfinished", *options), b"unfinished\n")
            self.assertEqual(self.explained("whole\\n", *options), b"whole\n")
            self.assertEqual(self.explained("", *options), b"")
        self.assertEqual(self.explained("a\\r", "--forward", "raw"), b"a\r\n")
        self.assertEqual(self.explained("unseen", "--forward", "off"), b"")

    def test_a_fresh_line_is_made_once_and_only_where_something_is_said(self):
        command = ["sh", "-c", "printf unfinished >&2"]
        self.assertEqual(self.run_raw(self.fd2_run(*command)).err, b"unfinished")
        outcome = self.run_raw(self.fd2_run("sh", "-c", "printf unfinished >&2; exit 4", options=[
            "--set", "surface=always", "--explain"]))
        self.assertRegex(outcome.err, rb"\Aunfinished\nsh process .*\nunfinished\nfd2: backend")
        self.assertNotIn(b"\n\n", outcome.err)

    def test_a_note_after_bytes_that_had_to_wait_begins_on_a_fresh_line(self):
        """Our stderr is full: the child's bytes go out from the queue, later."""
        read, write = os.pipe()
        filled = harness.fill(write)
        process = self.spawn(self.fd2_run("sh", "-c", "printf unfinished >&2; read leash; exit 0",
                                          options=["--explain"]), stdin=PIPE, stderr=write)
        os.close(write)
        # The thread that writes later, beside the main one and the backend's.
        harness.until(lambda: len(os.listdir(f"/proc/{process.pid}/task")) >= 3, "its thread")
        process.stdin.close()
        said = harness.read_all(read)[filled:]
        os.close(read)
        self.assertEqual(process.wait(), 0)
        self.assertTrue(said.startswith(b"unfinished\nfd2: backend"), said)

    def test_what_is_surfaced_names_the_command_and_begins_on_a_fresh_line(self):
        script = "printf unfinished >&2; exit 4"
        self.script("ssh", script)
        other = self.script("other", script)
        for command, name in (("ssh", b"ssh"), (self.path("bin", "ssh"), b"ssh"),
                              (other, b"other")):
            outcome = self.run_raw(self.fd2_run(command, options=["--forward", "off"]))
            self.assertStatus(outcome, 4)
            self.assertEqual(outcome.err, name + b" process exited with status 4:\nunfinished\n")
        outcome = self.run_raw(self.fd2_run(other, options=["--set", "surface=always"]))
        self.assertEqual(outcome.err,
                         b"unfinished\nother process exited with status 4:\nunfinished\n")
        killed = self.script("killed", "printf words >&2; kill -TERM $$")
        outcome = self.run_raw(self.fd2_run(killed, options=["--forward", "off"]))
        self.assertEqual(outcome.err, b"killed process was killed by signal SIGTERM:\nwords\n")


if __name__ == "__main__":
    harness.main()
