"""The log file: what it loses is counted, and it is nobody else's file."""

import json
import os
import resource
import stat

import harness


def lines_in(*paths):
    """The records of lines that stand whole in these files."""
    found = 0
    for path in paths:
        if not os.path.exists(path):
            continue
        with open(path, "rb") as file:
            for line in file.read().splitlines():
                try:
                    found += json.loads(line).get("kind") == "line"
                except ValueError:
                    pass  # torn by a full disk
    return found


class Loss(harness.Case):
    """Kept + counted = offered."""

    def run_with(self, *options, count=20000, **more):
        report = self.path("report")
        outcome = self.run_raw(self.fd2_run(
            "sh", "-c", f"seq {count} >&2; exit 5", options=[
                     "--stats", report, "--set", "log.lines=true", "--set", "forward.mode=off", "--set",
                     "surface=never", *options]), **more)
        self.assertStatus(outcome, 5)
        with open(report, encoding="utf-8") as file:
            return outcome, json.load(file)

    def assertCounted(self, outcome, stats, kept):
        lost = stats["dropped"]["log_lines"]
        self.assertEqual(kept + lost, stats["lines"], str(outcome))
        self.assertGreater(lost, 0)
        self.assertEqual(stats["dropped"]["warnings"], 0)
        self.assertEqual(outcome.err.count(b"fd2: error: "), 1, str(outcome))
        self.assertRegex(outcome.err, rb"fd2: error: log file: .*: \d+ records were not written: ")

    def test_a_limit_on_the_size_of_files(self):
        log = self.path("log")
        for limit in (50_000, 50_001, 50_117, 700_000):
            outcome, stats = self.run_with(
                "--log", log, preexec_fn=lambda: resource.setrlimit(
                    resource.RLIMIT_FSIZE, (limit, limit)))  # pylint: disable=cell-var-from-loop
            self.assertCounted(outcome, stats, lines_in(log))
            os.unlink(log)

    def test_a_full_disk(self):
        if os.geteuid() != 0:
            self.skipTest("only root can mount")
        os.mkdir(self.path("disk"))
        if self.run_raw(["mount", "-t", "tmpfs", "-o", "size=64k", "none",
                         self.path("disk")]).raw != 0:
            self.skipTest("a tmpfs cannot be mounted here")
        self.addCleanup(self.run_raw, ["umount", "-l", self.path("disk")])
        log = self.path("disk", "log")
        for backend in ("pipe", "pty", "socketpair", "tcpshim", "tokio-like-async"):
            outcome, stats = self.run_with("--log", log, "--backend", backend)
            self.assertCounted(outcome, stats, lines_in(log))
            os.unlink(log)

    def test_a_reader_of_a_fifo_that_does_not_read(self):
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        outcome, stats = self.run_with("--log", fifo)
        kept = sum(json.loads(line).get("kind") == "line"
                   for line in harness.read_all(reader).splitlines())
        os.close(reader)
        self.assertCounted(outcome, stats, kept)

    def test_lines_that_are_dropped_on_request_are_counted_too(self):
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        outcome, stats = self.run_with("--log", fifo, "--set", "log.when-full=drop", count=200000)
        kept = sum(json.loads(line).get("kind") == "line"
                   for line in harness.read_all(reader).splitlines())
        os.close(reader)
        self.assertCounted(outcome, stats, kept)

    def test_a_log_that_cannot_be_opened_has_none_of_the_lines(self):
        for log in ("/nowhere/log", self.dir):
            outcome, stats = self.run_with("--log", log, count=10)
            self.assertEqual(stats["dropped"]["log_lines"], 10)
            self.assertEqual(outcome.err.count(b"\n"), 1)
            self.assertIn(b"(set by --log); the run continues without it", outcome.err)
            outcome = self.run_raw(self.fd2_run("touch", self.path("ran"), options=[
                "--log", log, "--set", "log.required=true"]))
            self.assertStatus(outcome, 125)
            self.assertFalse(os.path.exists(self.path("ran")))

    def test_a_whole_log_has_all(self):
        log = self.path("log")
        outcome, stats = self.run_with("--log", log)
        self.assertEqual((stats["dropped"]["log_lines"], lines_in(log)), (0, 20000))
        self.assertEqual(outcome.err, b"")


class OwnMessages(harness.Case):
    def test_a_failure_of_our_own_is_said_once(self):
        log = self.path("log")
        for options in ([], ["--log", log], ["--log", log, "--set", "log.console=off"],
                        ["--log", log, "--set", "log.console=trace"]):
            for _ in range(10):  # said by two threads, it was twice more often than not
                outcome = self.run_raw(self.fd2_run("/no/such/command", options=options))
                self.assertStatus(outcome, 127)
                self.assertEqual(outcome.err.count(b"/no/such/command"), 1, str(outcome))
        with open(log, encoding="utf-8") as file:
            said = [json.loads(line) for line in file]
        self.assertEqual(sum("/no/such/command" in each["message"] for each in said), 30)

    def test_a_stuck_log_does_not_hold_back_our_own_messages(self):
        """What is said of a lost stderr comes although the log takes nothing."""
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        writer = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        harness.fill(writer)
        outcome = self.run_raw(self.fd2_run("sh", "-c", "seq 20000 >&2", options=[
            "--log", fifo, "--set", "log.console=info", "--forward", "off",
            "--set", "backends=/no/such.so,pipe"]))
        os.close(writer)
        os.close(reader)
        self.assertStatus(outcome, 0)
        self.assertIn(b"/no/such.so", outcome.err.splitlines()[0])


class Rotation(harness.Case):
    """Only what begins as a log of ours is renamed or removed; a new file is like the old one."""

    def fill(self, log, *options, count=2000):
        outcome = self.run_raw(self.fd2_run("sh", "-c", f"seq {count} >&2", options=[
            "--forward", "off", "--set", f"log.file={log}", "--set", "log.lines=true",
            "--set", "log.max-size=64KiB", "--set", "log.console=warning", *options]))
        self.assertStatus(outcome, 0)
        return outcome

    def test_a_file_that_is_no_log_is_neither_renamed_nor_removed(self):
        for keep in (0, 3):
            log = self.write(f"precious{keep}", "mine\n")
            before = os.stat(log).st_ino
            outcome = self.fill(log, "--set", f"log.keep={keep}")
            self.assertIn(b"is not an fd2 log", outcome.err)
            self.assertEqual(os.stat(log).st_ino, before)
            self.assertFalse(os.path.exists(log + ".1"))
            with open(log, "rb") as file:
                self.assertEqual(file.readline(), b"mine\n")

    def test_numbered_files_of_others_stay_where_they_are(self):
        for number in (1, 2, 3):
            log = self.path(f"log{number}")
            self.fill(log, count=10)
            names = [f"{log}.{each}" for each in range(1, number + 1)]
            for name in names[:-1]:
                self.write(name, '{"time":"x"}\n')
            self.write(names[-1], "mine\n")
            outcome = self.fill(log, "--set", f"log.keep={number}")
            self.assertIn(b"is not an fd2 log", outcome.err)
            with open(names[-1], "rb") as file:
                self.assertEqual(file.read(), b"mine\n")
            self.assertEqual(lines_in(log), 2010)

    def test_a_new_file_keeps_mode_and_owner(self):
        log = self.path("log")
        self.fill(log, count=10)
        os.chmod(log, 0o604)
        if os.geteuid() == 0:
            os.chown(log, 1, 2)
        before = os.stat(log)
        self.fill(log)
        after = os.stat(log)
        self.assertNotEqual(after.st_ino, before.st_ino)
        self.assertEqual((stat.S_IMODE(after.st_mode), after.st_uid, after.st_gid),
                         (0o604, before.st_uid, before.st_gid))
        self.assertEqual(lines_in(log, *(f"{log}.{number}" for number in range(1, 6))), 2010)

    def test_a_link_is_not_followed_where_others_can_put_one(self):
        target = self.write("target", "")
        for mode in (0o777, 0o1777, 0o775):
            shared = self.path(f"shared{mode:o}")
            os.mkdir(shared)
            os.symlink(target, os.path.join(shared, "log"))
            os.symlink(self.dir, os.path.join(shared, "directory"))
            os.chmod(shared, mode)
            for name in ("log", "directory/target"):
                outcome = self.fill(os.path.join(shared, name), count=10)
                self.assertIn(b"is a link in a directory that others can write to", outcome.err)
            self.assertEqual(os.stat(target).st_size, 0)
            self.fill(os.path.join(shared, "own"), count=10)  # no link
            self.assertEqual(lines_in(os.path.join(shared, "own")), 10)
        own = self.path("own")
        os.mkdir(own)
        os.symlink(target, os.path.join(own, "log"))
        os.symlink(self.dir, os.path.join(own, "directory"))
        self.fill(os.path.join(own, "log"), count=10)
        self.fill(os.path.join(own, "directory", "target"), count=10)
        self.assertEqual(lines_in(target), 20)

    def test_a_descriptor_as_log_is_written_to(self):
        read_end, write_end = os.pipe()
        outcome = self.run_raw(self.fd2_run("sh", "-c", "echo x >&2", options=[
            "--log", f"/dev/fd/{write_end}"]), pass_fds=[write_end])
        os.close(write_end)
        self.assertStatus(outcome, 0)
        self.assertIn(b'"text":"x"', harness.read_all(read_end))
        os.close(read_end)


if __name__ == "__main__":
    harness.main()
