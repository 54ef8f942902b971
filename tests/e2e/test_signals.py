"""Signals, dispositions and life-times pass through `fd2 run` as if it were not there."""

import os
import select
import signal
import subprocess

import harness
from harness import describe_status, wait_gone, wait_raw

PIPE = subprocess.PIPE
# What a caller may send to a command on purpose. Left out: SIGCHLD, which fd2 keeps to itself, the
# stop signals (test_terminal.py) and SIGKILL (below).
FORWARDED = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
             signal.SIGALRM, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH, signal.SIGIO,
             signal.SIGPIPE, signal.SIGABRT, signal.SIGXFSZ, signal.SIGSTKFLT,
             signal.SIGRTMIN, signal.SIGRTMIN + 5, signal.SIGRTMAX]
# Somebody wants a core of a command that is stuck.
CORES = [signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP, signal.SIGSYS,
         signal.SIGABRT]


class Signals(harness.Case):
    def catcher(self, **options):
        """fd2 over a child that reports each signal it gets; (fd2, the child's pid)."""
        process = self.spawn(self.fd2_run(self.child, "catch", **options),
                             stdin=PIPE, stdout=PIPE)
        word, pid = process.stdout.readline().split()
        self.assertEqual(word, b"ready")
        return process, int(pid)

    def test_signals_sent_to_fd2_reach_the_child(self):
        process, _ = self.catcher()
        for number in FORWARDED:
            process.send_signal(number)
            self.assertEqual(process.stdout.readline(), b"signal %d\n" % number)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.stdout.readline(), b"signal %d\n" % signal.SIGTERM)
        self.assertEqual(process.wait(), 7)

    def test_signals_are_handed_on_where_only_kill_is_allowed(self):
        """Old container profiles refuse pidfd_send_signal, or have never heard of it."""
        harness.needs_tool("strace")
        for error in ("EPERM", "ENOSYS"):
            words = ["strace", "-qq", "-o", "/dev/null", "-e",
                     f"inject=pidfd_send_signal:error={error}", *self.fd2_run(self.child, "catch")]
            process = self.spawn(words, stdin=PIPE, stdout=PIPE)
            self.assertTrue(process.stdout.readline().startswith(b"ready"))
            fd2 = [pid for pid in harness.descendants(process.pid)
                   if harness.parent_of(pid) == process.pid]
            self.assertEqual(len(fd2), 1, harness.process_table())
            for number in (signal.SIGUSR1, signal.SIGTERM):
                os.kill(fd2[0], number)
                self.assertEqual(process.stdout.readline(), b"signal %d\n" % number)
            self.assertEqual(process.wait(), 7)
            process.stdout.close()
            process.stdin.close()

    def test_a_fault_signal_that_somebody_sends_ends_the_command_and_not_fd2(self):
        for number in CORES:
            with self.subTest(number):
                report = self.report()
                process = self.spawn(self.fd2_run("sh", "-c", "echo up; exec sleep 3600",
                                                  report=report), stdout=PIPE)
                self.assertEqual(process.stdout.readline(), b"up\n")
                process.send_signal(number)
                self.assertEqual(process.wait(), -number)
                process.stdout.close()
                self.assertEqual(report.stats["exit"]["signal"], int(number))

    def test_what_the_command_sends_to_its_parent_ends_nobody(self):
        """It means whoever called the command. fd2 cannot tell it from kill(0, ...), which has
        reached everybody already, and keeps it to itself."""
        for number in ("USR1", "TERM", "PIPE", "SEGV"):
            outcome = self.run_raw(self.fd2_run("sh", "-c", f"kill -{number} $PPID; exit 6"))
            self.assertStatus(outcome, 6)

    def test_a_signal_ignored_at_the_start_stays_ignored(self):
        process = self.spawn(self.fd2_run(self.child, "catch"), stdin=PIPE, stdout=PIPE,
                             preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.assertTrue(process.stdout.readline().startswith(b"ready"))
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        # Nothing of SIGHUP before SIGTERM: it was dropped where the caller asked for it.
        self.assertEqual(process.stdout.read(), b"signal %d\n" % signal.SIGTERM)
        self.assertEqual(process.wait(), 7)

    def test_the_child_is_born_as_without_fd2(self):
        """Same mask, dispositions, process group, session; no descriptor beyond 0, 1, 2."""
        def unusual():
            for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGQUIT, signal.SIGUSR1,
                           signal.SIGRTMIN + 3):
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK,
                                   {signal.SIGTERM, signal.SIGUSR2, signal.SIGRTMIN + 1})

        for name, prepare in (("usual", None), ("unusual", unusual)):
            births = {}
            for way in ("plain", "wrapped"):
                report = self.path(f"birth-{name}-{way}")
                command = [self.child, "fds", report]
                if way == "wrapped":
                    command = self.fd2_run(*command)
                self.assertEqual(self.raw_status(command, preexec_fn=prepare), 0)
                with open(report, encoding="utf-8") as file:
                    births[way] = [line for line in file.read().splitlines()
                                   if not line.startswith("fd 2 ")]
            self.assertEqual(births["plain"], births["wrapped"], name)

    def test_killing_fd2_outright_leaves_no_child_behind(self):
        process, child = self.catcher()
        process.kill()
        self.assertEqual(process.wait(), -signal.SIGKILL)
        # The orphan falls to this process, a subreaper: waitable, so its end is no guess.
        self.assertEqual(describe_status(wait_raw(child)),
                         f"killed by signal {int(signal.SIGKILL)}")
        self.assertNothingLeft()

    def test_a_terminating_signal_after_the_childs_exit_ends_the_waiting(self):
        """Our stderr is stuck and would be waited for; the child's status is still returned."""
        read_end, write_end = os.pipe()
        harness.fill(write_end)
        options = self.config("forward:\n  when-blocked: wait\n  stall: 10min\n")
        process = self.spawn(self.fd2_run("sh", "-c", "echo $$; read leash; echo last >&2; exit 5",
                                          options=options),
                             stdin=PIPE, stdout=PIPE, stderr=write_end)
        child = int(process.stdout.readline())
        process.stdin.close()
        wait_gone(child)
        # fd2 may learn of the exit a moment after we do, and then the first signal still goes to
        # the child; a person would press again, too.
        while True:
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(timeout=2)
                break
            except subprocess.TimeoutExpired:
                continue
        self.assertEqual(code, 5)
        os.close(read_end)
        os.close(write_end)

    def test_a_signal_at_any_moment_of_the_ending_leaves_the_status(self):
        """Sent later and later after the command's end, until fd2 itself is gone."""
        options = ["--stats", self.path("stats"), "--tail-out", self.path("tail")]
        for number in (signal.SIGTERM, signal.SIGUSR1):
            step = 0
            for turn in range(150):
                process = self.spawn(self.fd2_run("sh", "-c", "echo $$; read leash; exit 9",
                                                  options=options), stdin=PIPE, stdout=PIPE)
                child = os.pidfd_open(int(process.stdout.readline()))
                process.stdin.close()
                select.select([child], [], [])
                os.close(child)
                for _ in range(step):
                    os.getppid()
                process.send_signal(number)
                step = step + 40 if process.poll() is None else 0
                self.assertEqual(process.wait(), 9, f"{number} in turn {turn}, step {step}")
                process.stdout.close()

    def stop_by(self, command, *, how="STOP"):
        """Runs fd2 over a command that says its pid and waits for a line, and stops the command
        alone; (fd2, the command's pid).

        A shell runs them in a process group of its own, as a script would: in an orphaned group,
        which these tests may be started in, the kernel discards SIGTSTP, SIGTTIN and SIGTTOU.
        """
        process = self.spawn(["sh", "-c", '"$@"; exit $?', "sh", *self.fd2_run("sh", "-c", command)],
                             stdin=PIPE, stdout=PIPE, stderr=PIPE, process_group=0)
        pid = int(process.stdout.readline())
        os.kill(pid, getattr(signal, f"SIG{how}"))
        harness.until(lambda: harness.state_of(pid) == "T", "the command's stop")
        return process, pid

    def test_a_command_that_somebody_stops_and_continues_does_not_stop_fd2(self):
        for how in ("STOP", "TSTP", "TTIN", "TTOU"):
            with self.subTest(how):
                process, pid = self.stop_by("echo $$; read line; echo last >&2; exit 5", how=how)
                os.kill(pid, signal.SIGCONT)
                process.stdin.write(b"go\n")
                out, err = process.communicate()
                self.assertEqual((process.returncode, out, err), (5, b"", b"last\n"))

    def test_a_stopped_commands_helpers_are_still_read(self):
        """More than any kernel object holds comes from a helper while the command is stopped."""
        process, pid = self.stop_by(
            f"exec 3<&0; (read go <&3; '{self.child}' write 3000000 0; echo over) & "
            "echo $$; wait; exit 5")
        process.stdin.write(b"go\n")
        process.stdin.flush()
        taken = bytearray()
        while len(taken) < 3000000:
            piece = os.read(process.stderr.fileno(), 65536)
            self.assertTrue(piece, "end of file")
            taken += piece
        self.assertEqual(harness.state_of(pid), "T")
        self.assertEqual(process.stdout.readline(), b"over\n")
        os.kill(pid, signal.SIGCONT)
        self.assertEqual(process.wait(), 5)
        process.stderr.close()

    def test_rsyncs_sigusr1_ends_the_remote_shell_under_fd2(self):
        """rsync sends SIGUSR1 to its shell when it fails; a dying wrapper would orphan ssh."""
        harness.needs_tool("rsync")
        os.mkfifo(self.path("up"))
        # A remote shell that never answers, so that rsync is certainly waiting for it.
        self.script("silent-shell", f"echo $$ >'{self.path('up')}'; exec sleep 3600\n")
        report = self.report()
        shell = " ".join(self.fd2_run("silent-shell", report=report))
        rsync = self.spawn(["rsync", "-a", "-e", shell, f"{self.dir}/bin/", "nowhere:there/"],
                           stdout=subprocess.DEVNULL, stderr=PIPE)
        with open(self.path("up"), encoding="ascii") as up:
            remote_shell = int(up.readline())
        rsync.send_signal(signal.SIGTERM)
        said = rsync.stderr.read()
        self.assertEqual(rsync.wait(), 20, said)
        wait_gone(remote_shell)
        harness.until(lambda: not self._alive_below(), "the end of fd2 after rsync's SIGUSR1")
        self.assertEqual(report.stats["exit"], {"signal": int(signal.SIGUSR1), "core": False})

    def _alive_below(self):
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            pass
        return harness.descendants()


if __name__ == "__main__":
    harness.main()
