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

    def test_without_dev_null_to_put_in_the_place_of_what_is_closed_the_reason_is_said(self):
        harness.needs_tool("unshare")
        inside = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /dev && exec "$@"', "sh"]
        if self.run_raw([*inside, "true"]).code != 0:
            self.skipTest("/dev cannot be emptied here")
        for closed, number in (("<&-", 0), (">&-", 1), ("<&- >&-", 0)):
            outcome = self.run_raw([*inside, "sh", "-c", f'exec "$@" {closed}', "sh",
                                    *self.fd2_run("true")])
            self.assertStatus(outcome, 125)
            self.assertEqual(outcome.err.decode(), f"fd2: open for descriptor {number}: /dev/null: "
                             "No such file or directory (ENOENT)\n")

    def test_sigchld_ignored_by_the_caller_loses_no_status(self):
        ignore = {"preexec_fn": lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)}
        for code in (0, 7, 255):
            raw = self.raw_status(self.fd2_run("sh", "-c", f"exit {code}"), **ignore)
            self.assertEqual(raw, code << 8, describe_status(raw))
        raw = self.raw_status(self.fd2_run("sh", "-c", "kill -KILL $$"), **ignore)
        self.assertEqual(raw, signal.SIGKILL, describe_status(raw))

    def test_nothing_that_is_written_after_the_commands_end_changes_its_status(self):
        """A reader that is gone, a limit on the size of files: with every report there is."""
        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

        much = ["sh", "-c", f"'{self.child}' write 65536 0; exit 3"]
        for options in (["--tail-out", self.path("tail")], ["--log", self.path("log")],
                        ["--tail-out", self.path("tail"), "--stats", self.path("stats"),
                         "--explain"]):
            with self.subTest(options):
                process = self.spawn(self.fd2_run(*much, options=options), stdout=DEVNULL,
                                     stderr=DEVNULL, preexec_fn=small_files)
                self.assertEqual(process.wait(), 3)

        for options in (["--stats-fd", "1"], ["--stats", "/dev/fd/1"],
                        ["--tail-out", "/dev/stdout"]):
            with self.subTest(options):
                reader, writer = os.pipe()
                process = self.spawn(
                    self.fd2_run("sh", "-c", "echo last >&2; read line; exit 3", options=options),
                    stdin=PIPE, stdout=writer, stderr=DEVNULL)
                os.close(writer)
                os.close(reader)
                process.stdin.close()
                self.assertEqual(process.wait(), 3)

    def test_no_allocation_that_fails_after_the_commands_end_changes_its_status(self):
        """Each one fails once, with every report there is."""
        preloaded = os.environ.get("FD2_E2E_FAILING_MALLOC")
        if not preloaded:
            self.skipTest("malloc is a sanitizer's")
        options = ["--stats", self.path("stats"), "--tail-out", self.path("tail"),
                   "--log", self.path("log"), "--explain", "--forward", "lines"]
        mark = self.path("failed")
        for number in range(5000):
            # The first child that ends is to be the command.
            environment = dict(self.env, LD_PRELOAD=preloaded, FAIL_AT=str(number), FAILED=mark,
                               FD2_PLUGINS_TRIAL="never")
            outcome = self.run_raw(
                self.fd2_run("env", "-u", "LD_PRELOAD", "sh", "-c",
                             "echo one >&2; printf two >&2; exit 3", options=options),
                env=environment)
            self.assertStatus(outcome, 3)
            if not os.path.exists(mark):
                break
            os.unlink(mark)
        self.assertGreater(number, 0, "nothing was made to fail")

    def with_fault(self, *faults):
        """Words that make system calls of fd2's main thread (and no others) fail."""
        harness.needs_tool("strace")
        words = ["strace", "-qq", "-o", "/dev/null"]
        for fault in faults:
            words += ["-e", f"inject={fault}"]
        if self.run_raw([*words, "true"]).code != 0:
            self.skipTest("strace may not trace here")
        return words

    def test_a_wait_that_fails_does_not_lose_the_status(self):
        for fault in ("waitid:error=ENOMEM", "waitid:error=EINVAL", "waitid:error=ENOSYS",
                      "waitid:error=ECHILD", "waitid:error=EINTR:when=1..3",
                      "wait4:error=ENOMEM", "pidfd_open:error=ENOSYS"):
            for command, status in (("exit 9", 9 << 8), ("kill -9 $$", 9)):
                with self.subTest(fault=fault, command=command):
                    words = [*self.with_fault(fault), *self.fd2_run("sh", "-c", command)]
                    self.assertEqual(self.raw_status(words), status)

    def test_a_poll_that_fails_does_not_lose_the_status(self):
        for fault in ("ppoll:error=ENOMEM:when=1", "ppoll:error=ENOMEM", "ppoll:error=EINVAL",
                      "poll:error=ENOMEM"):
            with self.subTest(fault):
                words = [*self.with_fault(fault), *self.fd2_run("sh", "-c", "echo x >&2; exit 9")]
                outcome = self.run_raw(words)
                self.assertStatus(outcome, 9)
                self.assertEqual(outcome.err, b"x\n")

    def test_a_poll_that_fails_does_not_lose_what_is_still_to_be_read(self):
        # The thread that reads is late: the command has ended long before.
        words = [*self.with_fault("ppoll:error=ENOMEM", "poll:delay_exit=200000"),
                 *self.fd2_run("sh", "-c", "echo x >&2; exit 9")]
        words.insert(1, "--follow-forks")
        outcome = self.run_raw(words)
        self.assertStatus(outcome, 9)
        self.assertEqual(outcome.err, b"x\n")

    def test_a_status_that_cannot_be_known_is_said(self):
        words = [*self.with_fault("waitid:error=ENOMEM", "wait4:error=ENOMEM"),
                 *self.fd2_run("sh", "-c", "exit 9")]
        outcome = self.run_raw(words)
        self.assertStatus(outcome, 125)
        self.assertIn(b"the command's exit status is unknown", outcome.err)
        self.assertIn(b"ENOMEM", outcome.err)

    def test_a_clock_that_stands_still_does_not_hold_up_the_end(self):
        environment = dict(self.env, LD_PRELOAD=os.environ["FD2_E2E_FROZEN_CLOCK"],
                           ASAN_OPTIONS="verify_asan_link_order=0")
        for backend in ("pipe", "socketpair", "tokio-like-async"):
            with self.subTest(backend):
                outcome = self.run_raw(
                    self.fd2_run("sh", "-c", "env -u LD_PRELOAD sleep 3600 >/dev/null & echo x >&2; exit 9",
                                 options=["--backend", backend]), env=environment)
                self.assertStatus(outcome, 9)
                self.assertEqual(outcome.err, b"x\n")

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
