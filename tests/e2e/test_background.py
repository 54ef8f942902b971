"""Runs that are over for the caller while somebody's stderr is still read: `ssh -f`, and `follow`.

What stays behind waits for a word in a FIFO, so nothing here depends on how long anything takes.
"""

import os
import signal
from subprocess import PIPE

import harness

BACKENDS = ("socketpair", "pipe", "tcpshim", "tokio-like-async", "pty")
FOLLOW = ["--set", "finish.writers-remain=follow"]


class Followed:
    """Mixed into a harness.Case."""

    def gate(self, name="gate"):
        os.mkfifo(self.path(name))
        return self.path(name)

    @staticmethod
    def open_gate(path, word=b"go\n"):
        fd = os.open(path, os.O_WRONLY)
        os.write(fd, word)
        os.close(fd)

    def stayed(self):
        """The fd2 that goes on, once the one that was started has ended."""
        fd2 = os.path.realpath(self.fd2)
        found = [pid for pid in harness.descendants()
                 if harness.state_of(pid) != "Z"
                 and harness.object_behind_exe(pid) == fd2]
        self.assertEqual(len(found), 1, harness.process_table())
        return found[0]

    def assertStaysAlone(self, process):
        """`process` has returned. What goes on has let go of the caller. Returns its pid."""
        pid = self.stayed()
        self.assertNotEqual(pid, process.pid)
        self.assertEqual(harness.parent_of(pid), os.getpid(), "it should have been orphaned")
        self.assertEqual(os.getsid(pid), pid, "a session of its own")
        self.assertEqual(harness.object_behind(pid, 0), "/dev/null")
        self.assertEqual(harness.object_behind(pid, 1), "/dev/null")
        return pid


class SshInTheBackground(Followed, harness.SshCase):
    def run_ssh(self, *words, options=(), report=None):
        """Runs `fd2 run -- ssh ...` to its end; what is on the other side of its stderr."""
        read_end, write_end = os.pipe()
        process = self.spawn(self.fd2_run(*self.ssh, *words, report=report, options=options),
                             stdout=PIPE, stderr=write_end)
        os.close(write_end)
        process.wait()
        return process, read_end

    def assertFollowed(self, *words):
        gate = self.gate()
        report = self.report()
        process, err = self.run_ssh(
            *words, self.host, f"echo now >&2; read word <{gate}; echo late >&2; exit 3",
            report=report)
        self.assertEqual(process.returncode, 0)
        pid = self.assertStaysAlone(process)
        self.open_gate(gate)
        self.assertEqual(harness.read_all(err), b"now\nlate\n")
        os.close(err)
        harness.wait_gone(pid)
        self.assertEqual(report.tail, b"now\nlate\n")
        stats = report.stats
        self.assertEqual((stats["end"], stats["followed"], stats["bytes"], stats["exit"]),
                         ("eof", True, 9, {"code": 0}))
        self.assertEqual(process.stdout.read(), b"")
        process.stdout.close()
        os.unlink(gate)

    def test_f_is_followed_however_it_is_said(self):
        for words in (["-f"], ["-Tfn"], ["-o", "ForkAfterAuthentication=yes"],
                      ["-oforkafterauthentication YES"]):
            with self.subTest(words=words):
                self.assertFollowed(*words)

    def test_through_the_link(self):
        self.assertStatus(self.run_raw([self.fd2, "link", self.path("linked")]), 0)
        gate = self.gate()
        read_end, write_end = os.pipe()
        process = self.spawn([self.path("linked", "ssh"), *self.ssh[1:], "-f", self.host,
                              f"read word <{gate}; echo late >&2"], stderr=write_end)
        os.close(write_end)
        self.assertEqual(process.wait(), 0)
        self.assertStaysAlone(process)
        self.open_gate(gate)
        self.assertEqual(harness.read_all(read_end), b"late\n")
        os.close(read_end)

    def test_a_tunnel_without_a_command(self):
        report = self.report()
        process, err = self.run_ssh("-v", "-fN", self.host, report=report)
        self.assertEqual(process.returncode, 0)
        pid = self.assertStaysAlone(process)
        tunnels = [each for each in harness.descendants() if "-fN" in harness.command_of(each)
                   and each != pid]
        for each in tunnels:
            os.kill(each, signal.SIGTERM)
        harness.read_all(err)
        os.close(err)
        harness.wait_gone(pid)
        self.assertEqual(report.stats["end"], "eof")
        process.stdout.close()

    def test_an_ssh_that_fails_before_it_goes_there_is_over_at_once(self):
        report = self.report()
        process, err = self.run_ssh("-f", "-o", "PubkeyAuthentication=no", "-o", "BatchMode=yes",
                                    self.host, "true", report=report)
        self.assertEqual(process.returncode, 255)
        said = harness.read_all(err)
        os.close(err)
        self.assertIn(b"Permission denied", said)
        self.assertEqual(report.tail, said)
        self.assertFalse(report.stats["followed"])
        process.stdout.close()

    def test_leave_is_respected(self):
        gate = self.gate()
        report = self.report()
        process, err = self.run_ssh(
            "-f", self.host, f"read word <{gate}; echo late >&2", report=report,
            options=["--set", "finish.writers-remain=leave"])
        self.assertEqual(process.returncode, 0)
        self.assertEqual(report.stats["end"], "writers-remain")
        self.assertEqual(harness.read_all(err), b"", "nobody is there to forward")
        os.close(err)
        self.open_gate(gate)
        process.stdout.close()


class Follow(Followed, harness.Case):
    """The same by configuration, for any command."""

    def start(self, script, options=(), report=None, **more):
        self.err, write_end = os.pipe()
        self.addCleanup(os.close, self.err)
        more.setdefault("stdout", PIPE)
        process = self.spawn(self.fd2_run("sh", "-c", script, report=report,
                                          options=[*FOLLOW, *options]),
                             stdin=PIPE, stderr=write_end, **more)
        os.close(write_end)
        return process

    def close(self, process):
        process.stdin.close()
        if process.stdout:
            process.stdout.close()

    def test_on_every_backend(self):
        for backend in BACKENDS:
            with self.subTest(backend=backend):
                gate = self.gate(backend)
                report = self.report(backend)
                process = self.start(
                    f"echo now >&2; {{ read word <{gate}; echo late >&2; }} >/dev/null & exit 7",
                    ["--backend", backend], report)
                self.assertEqual(process.wait(), 7)
                self.assertEqual(process.stdout.read(), b"", "the wire is not held")
                pid = self.assertStaysAlone(process)
                self.open_gate(gate)
                self.assertEqual(harness.read_all(self.err), b"now\nlate\n")
                harness.wait_gone(pid)
                self.assertEqual(report.tail, b"now\nlate\n")
                self.assertEqual(report.stats["exit"], {"code": 7})
                self.close(process)

    def test_a_lot_comes_afterwards(self):
        """More than a pipe, the buffer and the tail hold together."""
        size = 3 << 20
        gate = self.gate()
        report = self.report()
        process = self.start(f'{{ read word <{gate}; "{self.child}" write {size} 0; }} & exit 0',
                             report=report)
        self.assertEqual(process.wait(), 0)
        pid = self.stayed()
        self.open_gate(gate)
        self.assertEqual(harness.read_all(self.err), harness.pattern(0, size))
        harness.wait_gone(pid)
        self.assertEqual(report.stats["bytes"], size)
        self.close(process)

    def test_a_command_that_leaves_nobody_behind_ends_as_without(self):
        for script, code in (("exit 0", 0), ("echo x >&2; exit 9", 9)):
            report = self.report(str(code))
            process = self.start(script, report=report)
            self.assertEqual(process.wait(), code)
            self.assertNothingLeft()  # before the report is read: it is written by then
            self.assertEqual(report.stats["followed"], False)
            self.assertEqual(report.stats["exit"], {"code": code})
            self.close(process)

    def test_a_death_by_signal_is_returned(self):
        for holder in ("", "read word <gate &"):
            process = self.start(f"{holder} kill -TERM $$", cwd=self.dir)
            self.assertEqual(process.wait(), -signal.SIGTERM)
            self.close(process)

    def test_our_own_failures_are_returned(self):
        for command, code in (("/nonexistent", 127), (self.write("plain", ""), 126)):
            outcome = self.run_raw(self.fd2_run(command, options=FOLLOW))
            self.assertStatus(outcome, code)
            self.assertEqual(outcome.err.count(b"\n"), 1, outcome.err)
        outcome = self.run_raw(self.fd2_run("true", options=[*FOLLOW, "--stats", "/nowhere/x"]))
        self.assertStatus(outcome, 125)
        self.assertNothingLeft()

    def test_signals_reach_the_command_and_the_status_comes_back(self):
        for name in ("TERM", "USR1", "HUP"):
            process = self.start(
                f"trap 'echo got {name}; exit 4' {name}; echo up; while :; do read word; done")
            self.assertEqual(process.stdout.readline(), b"up\n")
            process.send_signal(getattr(signal, "SIG" + name))
            self.assertEqual(process.stdout.readline(), f"got {name}\n".encode())
            self.assertEqual(process.wait(), 4)
            self.close(process)

    def test_a_killed_fd2_takes_all_with_it(self):
        process = self.start("echo up; read word")
        self.assertEqual(process.stdout.readline(), b"up\n")
        process.kill()
        process.wait()
        self.assertEqual(process.stdout.read(), b"")  # the command is gone
        self.assertEqual(harness.read_all(self.err), b"")  # and the run
        self.close(process)
        harness.until(lambda: all(harness.state_of(pid) in ("Z", "")
                                  for pid in harness.descendants()), "the end of all of it")

    def test_end_of_file_on_stdin_and_stdout_mean_what_they_did(self):
        """The command closes its stdout and lives: its reader sees that."""
        process = self.start("exec >&-; read word; exit 5")
        self.assertEqual(process.stdout.read(), b"")
        self.assertIsNone(process.poll())
        process.stdin.close()
        self.assertEqual(process.wait(), 5)
        process.stdout.close()

    def test_a_signal_ends_what_stays(self):
        report = self.report()
        process = self.start("echo now >&2; sleep 3600 >/dev/null & exit 0", report=report)
        self.assertEqual(process.wait(), 0)
        pid = self.assertStaysAlone(process)
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(harness.read_all(self.err), b"now\n")
        harness.wait_gone(pid)
        self.assertEqual((report.stats["end"], report.tail), ("writers-remain", b"now\n"))
        self.close(process)

    def test_inherited_descriptors_are_given_up_by_both(self):
        read_end, write_end = os.pipe()
        process = self.start(f"exec {write_end}>&-; echo up; read word", pass_fds=[write_end])
        os.close(write_end)
        self.assertEqual(process.stdout.readline(), b"up\n")
        self.assertEqual(os.read(read_end, 1), b"")
        os.close(read_end)
        self.close(process)
        process.wait()


if __name__ == "__main__":
    harness.main()
