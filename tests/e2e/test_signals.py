"""Signals, dispositions and life-times pass through `fd2 run` as if it were not there."""

import os
import signal
import subprocess

import harness
from harness import describe_status, wait_gone, wait_raw

PIPE = subprocess.PIPE
# What a caller may send to a command on purpose. Left out: SIGCHLD and SIGPIPE, which fd2 keeps to
# itself, the fault signals, the stop signals (test_terminal.py) and SIGKILL (below).
FORWARDED = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
             signal.SIGALRM, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH, signal.SIGIO,
             signal.SIGRTMIN, signal.SIGRTMIN + 5, signal.SIGRTMAX]


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
