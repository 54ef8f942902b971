"""report.file, tail.file and the log's record of a run: what runs leave behind without options."""

import json
import os
import pty
import resource
import signal
import stat
import subprocess
from subprocess import PIPE

import harness


class ReportCase(harness.Case):
    def setUp(self):
        super().setUp()
        self.file = self.path("reports")
        self.setting = ["--set", f"report.file={self.file}"]

    def reports(self):
        if not os.path.exists(self.file):
            return []
        with open(self.file, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def leave(self, *command, options=(), **more):
        return self.run_raw(self.fd2_run(*command, options=[*self.setting, *options]), **more)

    def configure(self, text):
        os.makedirs(self.path("config", "fd2"), exist_ok=True)
        return self.write("config/fd2/fd2.yaml", text)


class Leaves(ReportCase):
    def test_each_run_adds_the_line_that_stats_writes(self):
        self.assertStatus(self.leave("true"), 0)
        outcome = self.leave("sh", "-c", "echo x >&2; exit 3",
                             options=["--stats", self.path("one")])
        self.assertStatus(outcome, 3)
        self.assertEqual(outcome.err, b"x\n")
        with open(self.file, encoding="utf-8") as file:
            first, second = file.readlines()
        with open(self.path("one"), encoding="utf-8") as file:
            self.assertEqual(second, file.read())
        self.assertEqual(json.loads(first)["exit"], {"code": 0})
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)

    def test_lines_of_concurrent_runs_do_not_mix(self):
        argument = "x" * 100_000  # longer than anything that is written at once by accident
        running = [self.spawn(self.fd2_run("sh", "-c", f"exit {number}", argument,
                                           options=self.setting)) for number in range(20)]
        self.assertEqual([process.wait() for process in running], list(range(20)))
        found = self.reports()
        self.assertEqual(sorted(each["exit"]["code"] for each in found), list(range(20)))
        self.assertEqual({each["command"][3] for each in found}, {argument})

    def test_a_lock_that_another_holds_costs_the_report_and_no_signal_waits_for_it(self):
        holder = self.spawn(["flock", self.file, "sh", "-c", "echo held; exec cat"], stdin=PIPE,
                            stdout=PIPE)
        self.assertEqual(holder.stdout.readline(), b"held\n")
        outcome = self.leave("sh", "-c", "exit 3")
        self.assertStatus(outcome, 3)
        self.assertIn(b"fd2: error: report.file: lock: ", outcome.err)
        self.assertIn(b": another process holds it (set by --set); ", outcome.err)
        process = self.spawn(self.fd2_run("sh", "-c", "echo ready; exec sleep 60",
                                          options=self.setting), stdout=PIPE, stderr=PIPE)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        process.send_signal(signal.SIGTERM)
        self.assertIn(b"report.file: lock: ", process.communicate()[1])
        self.assertEqual(process.returncode, -signal.SIGTERM)
        holder.communicate()
        self.assertEqual(self.reports(), [])

    def test_which_runs_are_reported(self):
        gone, ours = os.pipe()
        os.close(gone)
        for on, expected in (("always", 4), ("failure", 2), ("loss", 1)):
            options = ["--set", f"report.on={on}"]
            self.leave("true", options=options)
            self.leave("false", options=options)
            self.leave("true", options=[*options, "--set", "backends=/no/such.so,pipe"])
            self.leave("sh", "-c", "echo x >&2", options=options, stderr=ours)
            self.assertEqual(len(self.reports()), expected, on)
            os.unlink(self.file)
        os.close(ours)

    def test_a_report_that_cannot_be_written_is_an_error_and_no_more(self):
        for file, why in (("/no/such/directory/reports", b"(ENOENT) (set by --set); create its"),
                          (self.dir, b"(EISDIR) (set by --set)"),
                          ("/dev/full", b"not a regular file (set by --set); name a file")):
            outcome = self.run_raw(self.fd2_run("sh", "-c", "exit 3", options=[
                "--set", f"report.file={file}"]))
            self.assertStatus(outcome, 3)
            self.assertEqual(outcome.err.count(b"\n"), 1)
            self.assertIn(b"fd2: error: report.file: open: ", outcome.err)
            self.assertIn(why, outcome.err)

    def test_a_limit_on_the_size_of_files_leaves_whole_lines(self):
        self.leave("true")
        size = os.stat(self.file).st_size
        outcome = self.leave("sh", "-c", "exit 3", preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (size + 100, size + 100)))
        self.assertStatus(outcome, 3)
        self.assertIn(b"fd2: error: report.file: write: ", outcome.err)
        self.assertIn(b"EFBIG", outcome.err)
        self.assertEqual(os.stat(self.file).st_size, size)

    def test_a_file_that_may_be_written_and_not_read_serves_too(self):
        words = self.for_nobody()
        self.write("reports", "", 0o222)
        outcome = self.run_raw([*words, *self.fd2_run("true", options=self.setting)])
        self.assertStatus(outcome, 0)
        self.assertEqual(outcome.err, b"")
        self.assertEqual(len(self.reports()), 1)

    def test_a_link_is_not_followed_where_others_could_have_put_it(self):
        os.mkdir(self.path("public"))
        os.chmod(self.path("public"), 0o1777)
        precious = self.write("precious", "mine\n")
        os.symlink(precious, self.path("public", "link"))
        for key in ("report.file", "tail.file"):
            outcome = self.run_raw(self.fd2_run("true", options=[
                "--set", f"{key}={self.path('public', 'link')}"]))
            self.assertStatus(outcome, 0)
            self.assertIn(b"is a link in a directory that others can write to", outcome.err)
        with open(precious, encoding="utf-8") as file:
            self.assertEqual(file.read(), "mine\n")

    def test_a_link_named_ssh_leaves_reports_and_rules_choose_among_hosts(self):
        self.configure("rules:\n- when: {host: web*}\n"
                       f"  set: {{report: {{file: {self.file}}}}}\n")
        self.script("ssh", "exit 5\n")
        os.mkdir(self.path("links"))
        os.symlink(self.fd2, self.path("links", "ssh"))
        for host in ("web1", "db1", "web2"):
            self.assertStatus(self.run_raw([self.path("links", "ssh"), host, "x"]), 5)
        self.assertEqual([each["command"] for each in self.reports()],
                         [["ssh", "web1", "x"], ["ssh", "web2", "x"]])

    def test_fd2_that_is_disabled_leaves_nothing(self):
        self.configure(f"report: {{file: {self.file}}}\ntail: {{file: {self.path('tail')}}}\n")
        self.run_raw(self.fd2_run("true"), env=dict(self.env, FD2_DISABLE="1"))
        self.run_raw(self.fd2_run("true", options=["--set", "enabled=false"]))
        self.assertFalse(os.path.exists(self.file) or os.path.exists(self.path("tail")))
        self.run_raw(self.fd2_run("true"))
        self.assertTrue(os.path.exists(self.file) and os.path.exists(self.path("tail")))

    def test_a_run_that_is_followed_reports_when_it_ends(self):
        gate = self.path("gate")
        os.mkfifo(gate)
        tail = self.path("tail")
        outcome = self.leave("sh", "-c", f"(read -r line <{gate}; echo late >&2) & exit 3",
                             options=["--set", "finish.writers-remain=follow",
                                      "--set", f"tail.file={tail}"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertStatus(outcome, 3)
        self.assertEqual(self.reports(), [])
        stayed = [pid for pid in harness.descendants()
                  if harness.object_behind_exe(pid) == os.path.realpath(self.fd2)]
        with open(gate, "wb") as word:
            word.write(b"go\n")
        for pid in stayed:
            harness.wait_gone(pid)
        self.assertEqual([each["followed"] for each in self.reports()], [True])
        with open(tail, "rb") as file:
            self.assertEqual(file.read(), b"late\n")

    def test_on_a_terminal_a_report_asks_for_no_capture_and_a_tail_does(self):
        for extra, captured in (([], False), (["--set", f"tail.file={self.path('tail')}"], True)):
            ours, theirs = pty.openpty()
            outcome = self.leave("sh", "-c", "echo x >&2", options=extra, stderr=theirs)
            os.close(theirs)
            self.assertStatus(outcome, 0)
            self.assertEqual(self.reports()[-1]["backend"] != "inherit", captured)
            os.close(ours)


class Tails(ReportCase):
    def run_to(self, pattern, *command):
        outcome = self.run_raw(self.fd2_run(*command, options=["--set", f"tail.file={pattern}"]))
        self.assertStatus(outcome, 3)
        return outcome

    def test_the_tail_is_written_and_replaced(self):
        path = self.write("tail", "old\n", 0o666)
        self.assertEqual(self.run_to(path, "sh", "-c", "echo words >&2; exit 3").err, b"words\n")
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"words\n")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual([name for name in os.listdir(self.dir) if name.startswith(".fd2")], [])

    def test_placeholders(self):
        self.script("ssh", "echo $PPID >&2; exit 3\n")
        os.mkdir(self.path("tails"))
        self.run_to(self.path("tails", "%c-%h-%p-%%-%t"), "ssh", "-p", "22", "me@../web1")
        name, = os.listdir(self.path("tails"))
        with open(self.path("tails", name), encoding="ascii") as file:
            pid = file.read().strip()
        self.assertRegex(name, rf"^ssh-_\._web1-{pid}-%-\d{{8}}T\d{{6}}Z$")
        self.run_to(self.path("tails", "%h"), "sh", "-c", "exit 3")
        self.assertIn("-", os.listdir(self.path("tails")))

    def test_a_tail_that_cannot_be_written_is_an_error_and_no_more(self):
        for path, why in (("/no/such/directory/tail", b"(ENOENT)"), (self.dir, b"not a regular")):
            outcome = self.run_to(path, "sh", "-c", "exit 3")
            self.assertIn(b"fd2: error: tail.file: open: ", outcome.err)
            self.assertIn(why, outcome.err)

    def test_no_file_serves_two_purposes(self):
        self.leave("true")
        outcome = self.leave("true", options=["--set", f"tail.file={self.file}"])
        self.assertIn(b"fd2: error: tail.file: ", outcome.err)
        self.assertIn(b" is also report.file (set by --set); give each ", outcome.err)
        self.assertEqual(len(self.reports()), 2)
        outcome = self.leave("true", options=["--set", f"log.file={self.file}"])
        self.assertIn(b" is also log.file (set by --set); give each ", outcome.err)


class Log(ReportCase):
    def test_the_log_gets_one_record_of_the_run_with_the_same_report(self):
        log = self.path("log")
        self.leave("sh", "-c", "echo x >&2; exit 3", options=["--log", log])
        self.leave("true", options=["--log", log, "--set", "log.level=warning"])
        with open(log, encoding="utf-8") as file:
            line, run = [json.loads(each) for each in file]
        self.assertEqual((line["kind"], run["kind"]), ("line", "run"))
        self.assertEqual(run["report"], self.reports()[0])
        self.assertEqual((run["channel"], run["backend"], run["pid"]),
                         (line["channel"], line["backend"], line["pid"]))

    def test_a_run_that_captures_nothing_has_a_record_too(self):
        log = self.path("log")
        self.run_raw(self.fd2_run("true", options=["--set", f"log.file={log}",
                                                   "--set", "transport=async",
                                                   "--set", "features.ssh-socketpair-stderr=off"]))
        with open(log, encoding="utf-8") as file:
            run, = [record for record in map(json.loads, file) if record.get("kind") == "run"]
        self.assertEqual((run["channel"], run["backend"], run["report"]["backend"]),
                         (None, None, "inherit"))


if __name__ == "__main__":
    harness.main()
