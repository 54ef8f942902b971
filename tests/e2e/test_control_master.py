"""Somebody else keeps ssh's stderr open after ssh has exited: fd2 returns all the same.

No clock is asked: fd2 returns *while the holder is alive and still holds the stderr*, and without
fd2 a reader that waits for the end of file has not got it at that very moment.
"""

import os
import select
import subprocess

import harness

PIPE = subprocess.PIPE


class Holder(harness.SshCase):
    def master_options(self):
        return ["-v", "-o", "ControlMaster=auto", "-o", f"ControlPath={self.path('control')}",
                "-o", "ControlPersist=60"]

    def master_pid(self):
        checked = self.run_raw([*self.ssh, "-o", f"ControlPath={self.path('control')}",
                                "-O", "check", self.host])
        self.assertStatus(checked, 0)
        return int(checked.err.split(b"pid=")[1].split(b")")[0])

    def local_command_options(self):
        """After it has connected, ssh runs a command of ours, which goes to the background."""
        started = self.path("started")
        os.mkfifo(started)
        self.script("linger", f"sleep 3600 & echo $! >'{started}'\n")
        return ["-o", "PermitLocalCommand=yes", "-o", f"LocalCommand={self.path('bin', 'linger')}"]

    def local_command_pid(self):
        with open(self.path("started"), encoding="ascii") as started:
            return int(started.readline())

    def assertNoEndOfFileFor(self, process, holder):
        """The process is over, its stderr is not: all is read, and there is no hang-up."""
        err = process.stderr.fileno()
        watch = select.poll()
        watch.register(err, select.POLLIN)
        os.set_blocking(err, False)
        while True:
            try:
                self.assertNotEqual(os.read(err, 1 << 16), b"", "end of file: nobody holds it")
            except BlockingIOError:
                break
        self.assertEqual(watch.poll(0), [])
        self.assertEqual(harness.object_behind(holder, 2), harness.object_behind(os.getpid(), err))

    # a ControlMaster with -v

    def test_without_fd2_a_reader_hangs_on_the_control_master(self):
        process = self.spawn([*self.ssh, *self.master_options(), self.host, "true"], stderr=PIPE)
        self.assertEqual(process.wait(), 0)
        self.assertNoEndOfFileFor(process, self.master_pid())

    def test_fd2_returns_while_the_control_master_lives(self):
        report = self.report()
        outcome = self.run_raw(self.fd2_run(*self.ssh, *self.master_options(), self.host,
                                            "echo remote >&2; exit 6", report=report))
        self.assertStatus(outcome, 6)
        master = self.master_pid()
        self.assertIn(harness.state_of(master), ("S", "R"))
        self.assertIn(b"remote\n", outcome.err)
        stats = report.stats
        self.assertEqual(stats["end"], "writers-remain")
        self.assertEqual(stats["bytes"], len(outcome.err))
        self.assertEqual(report.tail, outcome.err[-harness.TAIL_BYTES:])

    def test_the_control_master_survives_and_serves_the_next_call(self):
        first = self.run_raw(self.fd2_run(*self.ssh, *self.master_options(), self.host, "true"))
        self.assertStatus(first, 0)
        master = self.master_pid()
        second = self.run_raw(self.fd2_run(*self.ssh, *self.master_options(), self.host,
                                           "exit 11"))
        self.assertStatus(second, 11)
        self.assertIn(b"mux_client_request_session", second.err)
        self.assertEqual(self.master_pid(), master)

    # a LocalCommand in the background

    def test_without_fd2_a_reader_hangs_on_a_local_command(self):
        process = self.spawn([*self.ssh, *self.local_command_options(), self.host, "true"],
                             stderr=PIPE)
        holder = self.local_command_pid()
        self.assertEqual(process.wait(), 0)
        self.assertNoEndOfFileFor(process, holder)

    def test_fd2_returns_while_the_local_command_lives(self):
        report = self.report()
        process = self.spawn(self.fd2_run(*self.ssh, *self.local_command_options(), self.host,
                                          "echo remote >&2; exit 6", report=report), stderr=PIPE)
        holder = self.local_command_pid()
        said = process.stderr.read()
        self.assertEqual(process.wait(), 6)
        self.assertEqual(harness.state_of(holder), "S")
        self.assertEqual(report.stats["end"], "writers-remain")
        self.assertEqual(said, b"remote\n")
        self.assertEqual(report.tail, b"remote\n")


if __name__ == "__main__":
    harness.main()
