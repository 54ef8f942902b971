"""Reports: what is written when all is over, whatever it is written to. None costs the status."""

import json
import os
import resource
import signal
import stat
from subprocess import PIPE

import harness

SPEAKS = ("sh", "-c", "echo words >&2; exit 3")


def limit_files(size):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


class Status(harness.Case):
    """The command has ended: nothing that a report meets changes how."""

    def test_a_reader_of_a_report_that_has_gone_costs_the_report(self):
        for options in (["--stats-fd", "1"], ["--stats", "-"], ["--stats", "/dev/stdout"],
                        ["--tail-out", "-"], ["--stats-fd", "1", "--tail-out", "/dev/fd/1"]):
            read_end, write_end = os.pipe()
            os.close(read_end)
            outcome = self.run_raw(self.fd2_run(*SPEAKS, options=options), stdout=write_end)
            os.close(write_end)
            self.assertStatus(outcome, 3)
            self.assertIn(b"EPIPE", outcome.err)

    def test_a_limit_on_the_size_of_files_costs_the_report(self):
        """The command's own limit is the same; it writes no file."""
        report = self.path("report")
        for options in (["--stats", report], ["--tail-out", report]):
            many = ("sh", "-c", "seq 3000 >&2; exit 3")
            outcome = self.run_raw(self.fd2_run(*many, options=[*options, "--forward", "off",
                                                                "--set", "surface=never"]),
                                   preexec_fn=limit_files(100))
            self.assertStatus(outcome, 3)
            self.assertIn(f"fd2: error: {options[0]}: write: {report}: ".encode(), outcome.err)
            self.assertIn(b"EFBIG", outcome.err)
            self.assertEqual([name for name in os.listdir(self.dir) if "report" in name
                              or name.startswith(".fd2")], [])

    def test_a_full_device_costs_the_report(self):
        outcome = self.run_raw(self.fd2_run(*SPEAKS, options=["--stats", "/dev/full"]))
        self.assertStatus(outcome, 3)
        self.assertIn(b"fd2: error: --stats: write: /dev/full: No space left", outcome.err)

    def test_a_reader_that_does_not_read_is_not_waited_for_beyond_the_stall_limit(self):
        for how in ("--stats-fd", "--tail-out"):
            read_end, write_end = os.pipe()
            harness.fill(write_end)
            where = write_end if how == "--stats-fd" else f"/dev/fd/{write_end}"
            before = harness.flags_of(write_end)
            outcome = self.run_raw(
                self.fd2_run(*SPEAKS, options=[how, where, "--set", "forward.stall=20ms"]),
                pass_fds=[write_end])
            self.assertFlagsUnchanged(write_end, before)
            os.close(write_end)
            os.close(read_end)
            self.assertStatus(outcome, 3)
            self.assertIn(b": no one is reading; ", outcome.err)

    def test_a_slow_reader_gets_the_whole_report(self):
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        process = self.spawn(self.fd2_run("sh", "-c", "seq 20000 >&2", options=[
            "--tail-out", fifo, "--tail", "1MiB", "--forward", "off"]))
        with open(fifo, "rb", buffering=0) as reader:
            text = b""
            while piece := reader.read(1000):
                text += piece
        self.assertEqual(process.wait(), 0)
        self.assertEqual(text, b"".join(b"%d\n" % number for number in range(1, 20001)))

    def test_one_signal_ends_the_wait_for_a_reader(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            read_end, write_end = os.pipe()
            harness.fill(write_end)
            process = self.spawn(
                self.fd2_run("sh", "-c", "echo $$; exec sleep 0.1",
                             options=["--stats-fd", write_end, "--set", "forward.stall=1h"]),
                pass_fds=[write_end], stdout=PIPE)
            child = int(process.stdout.readline())
            while harness.state_of(child):
                signal.sigtimedwait([], 0.01)
            process.send_signal(number)
            self.assertEqual(process.wait(), 0)
            process.stdout.close()
            os.close(write_end)
            os.close(read_end)


class Files(harness.Case):
    """A report that is a regular file is whole or absent."""

    def assertWhole(self, path):
        with open(path, encoding="utf-8") as file:
            self.assertEqual(json.load(file)["exit"], {"code": 3})

    def leftovers(self):
        return [name for name in os.listdir(self.dir) if name.startswith(".fd2")]

    def run_to(self, path, words=(), **more):
        outcome = self.run_raw([*words, *self.fd2_run(*SPEAKS, options=["--stats", path])], **more)
        self.assertStatus(outcome, 3)
        self.assertEqual(self.leftovers(), [])
        return outcome

    def test_a_new_report_has_the_mode_that_the_umask_leaves(self):
        path = self.path("report")
        self.run_to(path, preexec_fn=lambda: os.umask(0o027))
        self.assertWhole(path)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o640)

    def test_a_report_that_is_replaced_keeps_mode_and_owner(self):
        path = self.write("report", "old\n", 0o604)
        if os.geteuid() == 0:
            os.chown(path, 1, 2)
        before = os.stat(path)
        self.run_to(path)
        self.assertWhole(path)
        after = os.stat(path)
        self.assertEqual((after.st_mode, after.st_uid, after.st_gid),
                         (before.st_mode, before.st_uid, before.st_gid))

    def test_while_the_command_runs_and_when_fd2_is_killed_there_is_no_report(self):
        path = self.write("report", "old\n")
        process = self.spawn(self.fd2_run("sh", "-c", "echo on; exec sleep 100",
                                          options=["--stats", path]), stdout=PIPE)
        self.assertEqual(process.stdout.readline(), b"on\n")
        self.assertFalse(os.path.exists(path))
        process.kill()
        process.wait()
        process.stdout.close()
        self.assertFalse(os.path.exists(path))
        self.assertEqual(self.leftovers(), [])

    def test_a_link_stays_a_link_and_a_second_name_stays_one(self):
        path = self.write("report", "old\n")
        os.symlink(path, self.path("link"))
        self.run_to(self.path("link"))
        self.assertTrue(os.path.islink(self.path("link")))
        self.assertWhole(path)
        os.symlink(self.path("new"), self.path("dangling"))
        self.run_to(self.path("dangling"))
        self.assertTrue(os.path.islink(self.path("dangling")))
        self.assertWhole(self.path("new"))
        second = self.path("second")
        os.link(path, second)
        self.run_to(path)
        self.assertWhole(second)
        self.assertEqual(os.stat(path).st_ino, os.stat(second).st_ino)

    def test_where_the_directory_refuses_the_report_is_written_in_place(self):
        words = self.for_nobody()
        os.mkdir(self.path("closed"), 0o755)
        path = self.write("closed/report", "old, and longer than the report is going to be\n" * 99)
        os.chmod(path, 0o666)
        before = os.stat(path)
        self.run_to(path, words)
        self.assertWhole(path)
        after = os.stat(path)
        self.assertEqual((after.st_ino, after.st_uid, after.st_mode),
                         (before.st_ino, before.st_uid, before.st_mode))
        self.assertEqual(os.listdir(self.path("closed")), ["report"])
        outcome = self.run_raw([*words, *self.fd2_run(*SPEAKS, options=[
            "--stats", self.path("closed", "another")])])
        self.assertStatus(outcome, 125)

    def test_what_is_no_regular_file_is_written_as_it_is(self):
        self.run_to("/dev/null")
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/null").st_mode))
        outcome = self.run_to("-")
        self.assertEqual(json.loads(outcome.out)["exit"], {"code": 3})

    def test_both_reports_in_one_directory_and_by_relative_names(self):
        outcome = self.run_raw(self.fd2_run(*SPEAKS, options=["--stats", "a", "--tail-out", "b"]),
                               cwd=self.dir)
        self.assertStatus(outcome, 3)
        self.assertWhole(self.path("a"))
        with open(self.path("b"), "rb") as file:
            self.assertEqual(file.read(), b"words\n")

    def test_a_path_that_cannot_be_written_names_the_option_before_anything_runs(self):
        for option in ("--stats", "--tail-out"):
            for path, errno in (("/nowhere/x", "ENOENT"), (self.dir, "EISDIR")):
                outcome = self.run_raw(self.fd2_run("touch", self.path("ran"),
                                                    options=[option, path]))
                self.assertStatus(outcome, 125)
                self.assertRegex(outcome.err.decode(),
                                 rf"\Afd2: {option}: open: {path}: .* \({errno}\)\n\Z")
                self.assertFalse(os.path.exists(self.path("ran")))


class Text(harness.Case):
    """What others have named is shown, never obeyed."""

    HOSTILE = "a\x1b[2J\nfd2: forged\x7f\x9b1m\u009b"

    def test_a_report_holds_no_raw_control_character(self):
        report = self.report()
        outcome = self.run_raw(self.fd2_run("true", self.HOSTILE, "\udcff\udc9b", report=report))
        self.assertStatus(outcome, 0)
        with open(report.options[1], "rb") as file:
            text = file.read()
        self.assertRegex(text, rb"\A[^\x00-\x1f\x7f]*\n\Z")
        self.assertNotIn("\u009b", text.decode())
        self.assertEqual(report.stats["command"], ["true", self.HOSTILE, "\ufffd\ufffd"])

    def test_lines_of_our_own_hold_no_raw_control_character(self):
        hostile = self.HOSTILE
        os.mkdir(self.path("config", "fd2"))
        for words in (["run", "--", hostile], ["run", "--config", f"/{hostile}", "--", "true"],
                      ["run", "--stats", f"/{hostile}/x", "--", "true"],
                      ["run", "--backend", f"/{hostile}.so", "--", "true"],
                      ["run", "--backend", hostile, "--", "true"],
                      ["run", "--set", hostile, "--", "true"],
                      ["run", "--set", f"{hostile}=1", "--", "true"],
                      ["run", f"--{hostile}", "--", "true"], [hostile], ["help", hostile],
                      ["run", "--log", f"/{hostile}/log", "--", "false"],
                      ["run", "--explain", "--", "false", hostile],
                      ["config", "check", f"/{hostile}"], ["config", "show", "--config", hostile],
                      ["plugins", "--plugin-path", f"/{hostile}"],
                      ["plugins", "--json", "--plugin-path", f"/{hostile}"],
                      ["doctor", "--plugin-path", f"/{hostile}"],
                      ["doctor", "--json", "--plugin-path", f"/{hostile}"],
                      ["config", "show", "--plugin-path", f"/{hostile}"],
                      ["config", "show", "--json", "--plugin-path", f"/{hostile}"],
                      ["completion", hostile], ["link", f"/{hostile}/x"]):
            with self.subTest(words=words):
                outcome = self.run_raw([self.fd2, *words])
                for text in (outcome.err, outcome.out):
                    self.assertNotRegex(text, rb"[\x00-\x09\x0b-\x1f\x7f]", str(outcome))
                    self.assertNotIn("\u009b", text.decode())
                    self.assertNotIn(b"\nfd2: forged", text)


if __name__ == "__main__":
    harness.main()
