"""`fd2 run -- CMD` ends as CMD does: its parent sees the same raw wait status."""

import json
import os
import resource
import signal
import socket
from subprocess import DEVNULL, PIPE

import harness
from harness import describe_status

# Signals whose default action does not end a process.
HARMLESS = {signal.SIGCHLD, signal.SIGCONT, signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN,
            signal.SIGTTOU, signal.SIGURG, signal.SIGWINCH}
# glibc keeps 32 and 33 for itself and lets no program set their action: dying of them takes raw
# system calls, and 128+N is the promise.
LIBRARY_OWNED = {32, 33}
CORE_BIT = 0x80


class Status(harness.Case):
    def test_every_exit_code_is_passed_on(self):
        different = []
        for code in range(256):
            command = ["sh", "-c", f"exit {code}"]
            plain = self.raw_status(command)
            wrapped = self.raw_status(self.fd2_run(*command))
            if plain != wrapped:
                different.append(f"{code}: {describe_status(plain)} beside fd2: "
                                 f"{describe_status(wrapped)}")
        self.assertEqual(different, [])

    def test_every_terminating_signal_is_passed_on(self):
        different = []
        for number in sorted(set(range(1, 65)) - HARMLESS - LIBRARY_OWNED):
            command = ["sh", "-c", f"kill -{number} $$"]
            plain = self.raw_status(command) & ~CORE_BIT
            wrapped = self.raw_status(self.fd2_run(*command)) & ~CORE_BIT
            self.assertEqual(plain, number, "the shell did not die of its own signal")
            if plain != wrapped:
                different.append(f"{number}: {describe_status(plain)} beside fd2: "
                                 f"{describe_status(wrapped)}")
        self.assertEqual(different, [])

    def test_signals_of_the_c_library_are_reproduced_or_told_as_128_plus_n(self):
        for number in sorted(LIBRARY_OWNED):
            command = ["sh", "-c", f"kill -{number} $$"]
            self.assertEqual(self.raw_status(command), number)
            self.assertIn(self.raw_status(self.fd2_run(*command)), (number, (128 + number) << 8))

    def test_a_core_of_the_child_makes_no_second_core(self):
        def allow_core():
            hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
            resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

        os.mkdir(self.path("cores"))
        options = {"preexec_fn": allow_core, "cwd": self.path("cores")}
        command = ["sh", "-c", "kill -ABRT $$"]
        plain = self.raw_status(command, **options)
        if not os.WCOREDUMP(plain):
            self.skipTest("this machine writes no core files, with or without fd2")
        report = self.report()
        wrapped = self.raw_status(self.fd2_run(*command, report=report), **options)
        self.assertEqual(os.WTERMSIG(wrapped), signal.SIGABRT)
        self.assertFalse(os.WCOREDUMP(wrapped), "fd2 dumped a core of its own")
        self.assertEqual(report.stats["exit"], {"signal": int(signal.SIGABRT), "core": True})

    def test_stats_say_how_the_child_ended(self):
        report = self.report()
        self.assertStatus(self.run_raw(self.fd2_run("sh", "-c", "exit 41", report=report)), 41)
        self.assertEqual(report.stats["exit"], {"code": 41})
        report = self.report("signal")
        outcome = self.run_raw(self.fd2_run("sh", "-c", "kill -TERM $$", report=report))
        self.assertEqual(outcome.signal, signal.SIGTERM)
        self.assertEqual(report.stats["exit"], {"signal": int(signal.SIGTERM), "core": False})

    def test_own_failures_are_126_and_127_with_one_clear_line(self):
        outcome = self.run_raw(self.fd2_run("no-such-command-anywhere"))
        self.assertStatus(outcome, 127)
        self.assertEqual(outcome.err.count(b"\n"), 1, str(outcome))
        self.assertIn(b"no-such-command-anywhere", outcome.err)
        data = self.write("data", "not a program\n")
        outcome = self.run_raw(self.fd2_run(data))
        self.assertStatus(outcome, 126)
        self.assertEqual(outcome.err.count(b"\n"), 1, str(outcome))
        self.assertIn(data.encode(), outcome.err)

    def test_an_unknown_backend_is_125_and_the_command_is_not_run(self):
        trace = self.path("ran")
        outcome = self.run_raw(
            self.fd2_run("touch", trace, options=["--backend", "no-such-backend"]))
        self.assertStatus(outcome, 125)
        self.assertIn(b"no-such-backend", outcome.err)
        self.assertFalse(os.path.exists(trace))

    def test_sigchld_ignored_by_the_caller_loses_no_status(self):
        ignore = {"preexec_fn": lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)}
        for code in (0, 7, 255):
            raw = self.raw_status(self.fd2_run("sh", "-c", f"exit {code}"), **ignore)
            self.assertEqual(raw, code << 8, describe_status(raw))
        raw = self.raw_status(self.fd2_run("sh", "-c", "kill -KILL $$"), **ignore)
        self.assertEqual(raw, signal.SIGKILL, describe_status(raw))

    def test_stdin_and_stdout_are_the_callers_own(self):
        outcome = self.run_raw(self.fd2_run("sh", "-c", "cat; echo error >&2"),
                               stdin=os.open(self.write("in", "through\n"), os.O_RDONLY))
        self.assertStatus(outcome, 0)
        self.assertEqual((outcome.out, outcome.err), (b"through\n", b"error\n"))

    def test_end_of_file_and_broken_pipe_on_the_wire_mean_what_they_meant(self):
        # The child closes its stdout and lives on: the reader must see the end at once, which it
        # would not if fd2 kept a copy.
        process = self.spawn(self.fd2_run("sh", "-c", "exec >&-; read leash"),
                             stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
        self.assertEqual(process.stdout.read(), b"")
        # The child closes its stdin and lives on: the writer must get EPIPE.
        other = self.spawn(self.fd2_run("sh", "-c", "exec <&-; echo closed; read leash <$1", "sh",
                                        self._fifo("leash")),
                           stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
        self.assertEqual(other.stdout.readline(), b"closed\n")
        # fd2 gives its own copy up right after the spawn, which the child may outrun.
        harness.until(lambda: os.readlink(f"/proc/{other.pid}/fd/0") == "/dev/null",
                      "fd2 to give up its copy of stdin")
        with self.assertRaises(BrokenPipeError):
            os.write(other.stdin.fileno(), b"nobody reads this")
        with open(self.path("leash"), "w", encoding="utf-8") as leash:
            leash.write("\n")
        self.assertEqual(other.wait(), 0)
        process.stdin.close()
        process.wait()

    def test_a_socket_for_stdout_ends_with_fd2_unless_that_has_to_wait(self):
        """rsync looks for the status once, at the end of the wire."""
        ours, theirs = socket.socketpair()
        process = self.spawn(self.fd2_run("sh", "-c", "exec >&-; read leash"),
                             stdin=PIPE, stdout=theirs, stderr=DEVNULL)
        theirs.close()
        harness.until(lambda: os.readlink(f"/proc/{process.pid}/fd/0") == "/dev/null",
                      "fd2 to give up its copy of stdin")
        self.assertRegex(os.readlink(f"/proc/{process.pid}/fd/1"), "^socket:")
        process.stdin.close()
        self.assertEqual(ours.recv(1), b"")
        process.wait()
        # Somebody holds the stderr, and fd2 is told to wait for that: the wire must not.
        ours, theirs = socket.socketpair()
        patient = ("--set", "finish.linger=60s", "--set", "finish.linger-max=60s")
        process = self.spawn(self.fd2_run("sh", "-c", "sleep 1000 <&- >&- &", options=patient),
                             stdin=DEVNULL, stdout=theirs, stderr=DEVNULL)
        theirs.close()
        self.assertEqual(ours.recv(1), b"")
        self.assertIsNone(process.poll())

    def test_the_report_on_stdout_leaves_the_commands_stdout_alone(self):
        outcome = self.run_raw([self.fd2, "run", "--stats-fd", "1", "--", "sh", "-c", "echo mine"])
        self.assertStatus(outcome, 0)
        mine, report = outcome.out.split(b"\n", 1)
        self.assertEqual(mine, b"mine")
        self.assertEqual(json.loads(report)["exit"], {"code": 0})

    def _fifo(self, name):
        os.mkfifo(self.path(name))
        return self.path(name)


if __name__ == "__main__":
    harness.main()
