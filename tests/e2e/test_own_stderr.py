"""Whatever fd2's own stderr is and does: the capture is whole, the status right, and nothing that
others share with us (flags, offsets, file contents) is changed."""

import errno
import os
import socket
import subprocess
import termios
import threading
import time

import harness
from harness import TAIL_BYTES, flags_of, pattern

PIPE = subprocess.PIPE
CODE = 23
SMALL = 200 * 1000        # fits forward.buffer (1 MiB), not a pipe
LARGE = 3 * 1024 * 1024   # does not
CTRL_S, CTRL_Q = b"\x13", b"\x11"


class OwnStderr(harness.Case):
    def start(self, stderr, size, report, options=(), command=None, **more):
        """fd2 over a child that writes `size` bytes of the pattern and exits with CODE.

        The child says `up` on stdout before, and starts when its stdin ends.
        """
        script = f'echo up; read go; exec "{self.child}" write {size} {CODE}'
        process = self.spawn((command or []) + self.fd2_run("sh", "-c", script, report=report,
                                                            options=options),
                             stdin=PIPE, stdout=PIPE, stderr=stderr, **more)
        self.assertEqual(process.stdout.readline(), b"up\n")
        return process

    def go(self, process):
        process.stdin.close()

    def assertCaptured(self, process, size, report):
        raw = os.waitpid(process.pid, 0)[1]
        process.returncode = 0
        self.assertEqual(raw, CODE << 8, harness.describe_status(raw))
        stats = report.stats
        self.assertEqual(stats["bytes"], size)
        self.assertEqual(stats["exit"], {"code": CODE})
        self.assertEqual(report.tail, pattern(max(0, size - TAIL_BYTES), size))
        return stats

    def assertSplit(self, stats):
        """Each captured byte was either shown or counted as not shown."""
        self.assertEqual(stats["forwarded_bytes"] + stats["dropped"]["forward_bytes"],
                         stats["bytes"])

    def run_into(self, stderr, size=SMALL, options=(), reader=None, **more):
        """The whole round; flags are looked at before, while fd2 runs, and after."""
        before = flags_of(stderr)
        report = self.report()
        process = self.start(stderr, size, report, options, **more)
        self.assertFlagsUnchanged(stderr, before)
        self.assertEqual(harness.flags_seen_by_kernel(process.pid, 2), before)
        self.go(process)
        if reader:
            reader(process)
        stats = self.assertCaptured(process, size, report)
        self.assertFlagsUnchanged(stderr, before)
        return stats

    def collector(self, fd, pace=0.0):
        """A thread that reads `fd` to its end; its result in `.data`."""
        def collect():
            pieces = []
            while True:
                try:
                    piece = os.read(fd, 4096 if pace else 1 << 16)
                except OSError:
                    break
                if not piece:
                    break
                pieces.append(piece)
                if pace:
                    time.sleep(pace)  # being slow is what this reader is for
            thread.data = b"".join(pieces)

        thread = threading.Thread(target=collect, daemon=True)  # a failed test does not join it
        thread.start()
        return thread

    # pipes

    def test_a_stuck_pipe_costs_forwarded_bytes_only(self):
        for size in (SMALL, LARGE):
            with self.subTest(size=size):
                read_end, write_end = os.pipe()
                filled = harness.fill(write_end)
                stats = self.run_into(write_end, size)
                self.assertGreater(stats["dropped"]["forward_bytes"], 0)
                self.assertSplit(stats)
                os.close(write_end)
                self.assertEqual(harness.read_all(read_end)[:filled], b"#" * filled)
                os.close(read_end)

    def test_a_pipe_whose_reader_is_gone(self):
        read_end, write_end = os.pipe()
        os.close(read_end)
        self.run_into(write_end)
        os.close(write_end)

    def test_a_non_blocking_pipe_loses_nothing_and_stays_non_blocking(self):
        read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        reader = self.collector(read_end)
        self.run_into(write_end, LARGE)
        os.close(write_end)
        reader.join()
        self.assertEqual(reader.data, pattern(0, LARGE))

    def test_a_slow_reader_gets_every_byte(self):
        read_end, write_end = os.pipe()
        reader = self.collector(read_end, pace=0.001)
        stats = self.run_into(write_end, LARGE)
        os.close(write_end)
        reader.join()
        self.assertEqual(reader.data, pattern(0, LARGE))
        self.assertEqual(stats["dropped"]["forward_bytes"], 0)

    def test_a_named_fifo(self):
        os.mkfifo(self.path("fifo"))
        read_end = os.open(self.path("fifo"), os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(read_end, True)
        write_end = os.open(self.path("fifo"), os.O_WRONLY)
        reader = self.collector(read_end)
        self.run_into(write_end, LARGE)
        os.close(write_end)
        reader.join()
        self.assertEqual(reader.data, pattern(0, LARGE))

    def test_another_users_pipe_is_written_without_blocking(self):
        """The pipe cannot be opened again by name (EACCES): no byte may be lost for that."""
        nobody = self.for_nobody()
        read_end, write_end = os.pipe()
        reader = self.collector(read_end)
        self.run_into(write_end, LARGE, command=nobody)
        os.close(write_end)
        reader.join()
        self.assertEqual(reader.data, pattern(0, LARGE))

    def test_another_users_stuck_pipe_does_not_hang(self):
        nobody = self.for_nobody()
        read_end, write_end = os.pipe()
        harness.fill(write_end)
        stats = self.run_into(write_end, LARGE, command=nobody)
        self.assertGreater(stats["dropped"]["forward_bytes"], 0)
        os.close(write_end)
        os.close(read_end)

    # sockets

    def test_a_socket_gets_every_byte(self):
        for blocking in (True, False):
            with self.subTest(blocking=blocking):
                ours, theirs = socket.socketpair()
                theirs.setblocking(blocking)
                reader = self.collector(ours.fileno())
                self.run_into(theirs.fileno(), LARGE)
                theirs.close()
                reader.join()
                self.assertEqual(reader.data, pattern(0, LARGE))
                ours.close()

    def test_a_stuck_socket_costs_forwarded_bytes_only(self):
        ours, theirs = socket.socketpair()
        harness.fill(theirs.fileno())
        stats = self.run_into(theirs.fileno(), LARGE)
        self.assertGreater(stats["dropped"]["forward_bytes"], 0)
        self.assertSplit(stats)
        ours.close()
        theirs.close()

    def test_a_socket_whose_other_end_is_gone(self):
        ours, theirs = socket.socketpair()
        ours.close()
        self.run_into(theirs.fileno())
        theirs.close()

    # files and devices

    def test_a_full_device(self):
        full = os.open("/dev/full", os.O_WRONLY)
        stats = self.run_into(full, LARGE)
        os.close(full)
        self.assertEqual(stats["forward_errno"], errno.ENOSPC)

    def test_no_stderr_at_all(self):
        report = self.report()
        process = self.start(None, LARGE, report, preexec_fn=lambda: os.close(2))
        self.go(process)
        self.assertCaptured(process, LARGE, report)

    def test_a_file_is_continued_where_the_caller_stands(self):
        """With and without O_APPEND, nothing before is overwritten and nothing after is lost."""
        for append in (0, os.O_APPEND):
            with self.subTest(append=bool(append)):
                path = self.write("log", "before\n")
                file = os.open(path, os.O_WRONLY | append)
                os.lseek(file, 0, os.SEEK_END)
                self.run_into(file)
                os.write(file, b"after\n")
                os.close(file)
                with open(path, "rb") as log:
                    self.assertEqual(log.read(), b"before\n" + pattern(0, SMALL) + b"after\n")

    def test_a_file_shared_by_stdout_and_stderr_keeps_both(self):
        path = self.write("both", "")
        both = os.open(path, os.O_WRONLY)
        script = 'for i in 1 2 3 4 5 6 7 8 9; do echo "out $i"; echo "err $i" >&2; done; exit 4'
        outcome = self.run_raw(self.fd2_run("sh", "-c", script), stdout=both, stderr=both)
        os.close(both)
        self.assertStatus(outcome, 4)
        with open(path, encoding="ascii") as file:
            lines = sorted(file.read().splitlines())
        self.assertEqual(lines, sorted(f"{name} {i}" for name in ("out", "err")
                                       for i in range(1, 10)))

    # terminals

    def terminal(self):
        """(master, slave) with flow control on and output bytes left as they are."""
        master, slave = os.openpty()
        attributes = termios.tcgetattr(slave)
        attributes[0] |= termios.IXON
        attributes[1] &= ~termios.OPOST
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        return master, slave

    def test_a_terminal_gets_every_byte(self):
        master, slave = self.terminal()
        reader = self.collector(master)
        self.run_into(slave)
        os.close(slave)
        reader.join()
        self.assertEqual(reader.data, pattern(0, SMALL))
        os.close(master)

    def test_ctrl_s_delays_and_ctrl_q_delivers(self):
        master, slave = self.terminal()
        os.write(master, CTRL_S)
        report = self.report()
        before = flags_of(slave)
        process = self.start(slave, LARGE, report)
        reader = self.collector(master)
        self.go(process)
        # More than the forward buffer is on its way and nothing moves: as with an inherited
        # terminal, the pause reaches the child, which blocks.
        child = [pid for pid in harness.descendants(process.pid)]
        harness.until(lambda: any(harness.blocked_in_write_to_stderr(pid) for pid in child),
                      "the child blocking in its write to stderr")
        os.write(master, CTRL_Q)
        self.assertCaptured(process, LARGE, report)
        self.assertFlagsUnchanged(slave, before)
        os.close(slave)
        reader.join()
        self.assertEqual(reader.data, pattern(0, LARGE))
        os.close(master)

    def test_ctrl_s_for_ever_costs_forwarded_bytes_only(self):
        """No more than the object holds: the child can exit, and only the showing is left."""
        master, slave = self.terminal()
        os.write(master, CTRL_S)
        stats = self.run_into(slave, 8 * 1000)
        self.assertGreater(stats["dropped"]["forward_bytes"], 0)
        os.close(slave)
        os.close(master)

    def test_another_users_terminal(self):
        """As after `su`: the terminal is ours to write to, but not to open again by name."""
        nobody = self.for_nobody()
        master, slave = self.terminal()
        os.chmod(os.ttyname(slave), 0o600)
        reader = self.collector(master)
        self.run_into(slave, command=nobody)
        os.close(slave)
        reader.join()
        self.assertEqual(reader.data, pattern(0, SMALL))
        os.close(master)

    def test_a_terminal_that_failed_once_gets_the_whole_tail_in_the_end(self):
        """More than it takes at once: it is waited for, as it did not get stuck.

        Over a pipe, because terminals of the command's would fail as well.
        """
        shim = os.environ.get("FD2_E2E_FAILING_TERMINAL")
        if not shim:
            self.skipTest("nothing to preload with a sanitizer")
        master, slave = self.terminal()
        reader = self.collector(master)
        script = f"head -c {LARGE} /dev/zero | tr '\\0' x >&2; echo the end >&2; exit 3"
        process = self.spawn(self.fd2_run("sh", "-c", script,
                                          options=["--tail", "16MiB", "--backend", "pipe"]),
                             env=dict(self.env, LD_PRELOAD=shim), stderr=slave)
        self.assertEqual(process.wait(), 3)
        os.close(slave)
        reader.join()
        self.assertIn(b"sh process exited with status 3:\n", reader.data)
        self.assertTrue(reader.data.endswith(b"xthe end\n"), reader.data[-100:])
        os.close(master)

    def test_a_hung_up_terminal(self):
        master, slave = self.terminal()
        report = self.report()
        process = self.start(slave, SMALL, report)
        os.close(master)
        self.go(process)
        self.assertCaptured(process, SMALL, report)
        os.close(slave)


if __name__ == "__main__":
    harness.main()
