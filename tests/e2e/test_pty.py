"""The backend pty: what a command finds when its stderr is a terminal of fd2's."""

import fcntl
import os
import struct
import subprocess
import termios

import harness

# As the user who may do anything and as one who may not: a terminal is kept apart in different ways.
SAYS_SIZE = "import os; print(os.isatty(2), *os.get_terminal_size(2))"

# Prints the size of its stderr at its start and at each SIGWINCH, until SIGTERM. The first SIGWINCH of
# a change may come before the new size.
SHOWS_SIZES = '''
import os, signal
awaited = {signal.SIGWINCH, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
signal.signal(signal.SIGWINCH, lambda *_: None)  # by default it would be discarded
while True:
    print(*os.get_terminal_size(2), flush=True)
    if signal.sigwait(awaited) == signal.SIGTERM: break
'''

# Prints what it could do with its stderr that a terminal's user could, and must not be able to.
TAKES_KEYBOARD = """
import errno, fcntl, os, termios
def tries(what, action):
    try:
        action()
        print(what, "works")
    except OSError as failed:
        print(what, errno.errorcode[failed.errno])
tries("reading", lambda: os.read(2, 1))
tries("opening it by name to read", lambda: os.open(os.ttyname(2), os.O_RDONLY | os.O_NOCTTY))
os.setsid()
tries("opening stderr", lambda: os.open("/dev/stderr", os.O_WRONLY))
tries("a controlling terminal", lambda: os.open("/dev/tty", os.O_RDWR))
"""


class Pty(harness.Case):
    def run_pty(self, code, *, prefix=(), options=(), **how):
        return self.run_raw([*prefix, *self.fd2_run("/usr/bin/python3", "-c", code,
                                                    options=["--backend", "pty", *options])], **how)

    def test_it_is_a_terminal_of_the_size_of_ours(self):
        master, slave = os.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 123, 0, 0))
        outcome = self.run_pty(SAYS_SIZE, stderr=slave)
        self.assertEqual(outcome.out, b"True 123 40\n")

    def test_the_size_is_that_of_the_controlling_terminal_where_stderr_is_none(self):
        master, slave = os.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 41, 124, 0, 0))

        def take_terminal():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        outcome = self.run_pty(SAYS_SIZE, preexec_fn=take_terminal, pass_fds=[slave])
        self.assertEqual(outcome.out, b"True 124 41\n")

    def test_it_changes_its_size_with_ours(self):
        master, slave = os.openpty()
        self.addCleanup(os.close, master)

        def take_terminal():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        def resize(rows, columns):
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

        resize(40, 123)
        command = self.fd2_run("/usr/bin/python3", "-c", SHOWS_SIZES, options=["--backend", "pty"])
        process = self.spawn(command, stdout=subprocess.PIPE, stderr=slave, pass_fds=[slave],
                             preexec_fn=take_terminal)
        self.addCleanup(process.stdout.close)
        os.close(slave)
        self.assertEqual(process.stdout.readline(), b"123 40\n")
        for columns in (80, 132):
            resize(30, columns)
            while process.stdout.readline() != b"%d 30\n" % columns:
                pass
        process.terminate()
        self.assertEqual(process.wait(), 0)

    def test_not_a_byte_is_changed(self):
        outcome = self.run_pty("import os\nfor _ in range(20): os.write(2, bytes(range(256)))")
        self.assertEqual(outcome.err, bytes(range(256)) * 20)

    def test_it_is_nobodys_keyboard_and_no_controlling_terminal(self):
        for prefix in ([], self.for_nobody()):
            with self.subTest(prefix):
                outcome = self.run_pty(TAKES_KEYBOARD, prefix=prefix, start_new_session=True)
                self.assertEqual(outcome.err, b"")
                reading, by_name, again, controlling = outcome.out.decode().splitlines()
                self.assertEqual(reading, "reading EBADF")
                self.assertIn(by_name, ("opening it by name to read ENODEV",
                                        "opening it by name to read EACCES"))
                self.assertEqual(again, "opening stderr works")
                self.assertEqual(controlling, "a controlling terminal ENXIO")

    def test_root_whose_permissions_are_ignored_and_who_may_not_mount(self):
        if os.geteuid() != 0:
            self.skipTest("only root is root")
        harness.needs_tool("setpriv")
        prefix = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
        outcome = self.run_pty(TAKES_KEYBOARD, prefix=prefix, start_new_session=True)
        self.assertEqual(outcome.out.decode().splitlines(),
                         ["reading EBADF", "opening it by name to read EBUSY",
                          "opening stderr EBUSY", "a controlling terminal ENXIO"])
        outcome = self.run_pty("", prefix=prefix, options=["--set", "require=reopenable"])
        self.assertStatus(outcome, 125)
        self.assertIn(b"lacks reopenable", outcome.err)

    def test_a_command_that_writes_and_is_gone(self):
        harness.needs_tool("sh")
        for size in (1, 100, 5000, 20000):
            code = f"import os, signal; os.write(2, b'x' * {size}); os.kill(os.getpid(), 9)"
            for _ in range(10):
                self.assertEqual(len(self.run_pty(code).err), size)


class SecurityKey(harness.SshCase):
    """ssh asks to touch the key only where its stderr is a terminal: without, a login looks hung."""

    def login(self, *options):
        """What the user's terminal shows of a login with a key that wants to be touched."""
        provider = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so"  # of openssh-tests
        if not os.path.exists(provider):
            self.skipTest("openssh-tests is not installed")
        key = self.path("touch")
        if not os.path.exists(key):
            made = self.run_raw(["ssh-keygen", "-q", "-t", "ecdsa-sk", "-N", "", "-w", provider,
                                 "-f", key])
            self.assertStatus(made, 0)
            with open(key + ".pub", "rb") as file:
                public = file.read()
            with open(self.path("ssh", "authorized_keys"), "wb") as file:
                file.write(public)
        words = [*self.ssh, "-i", key, "-o", "BatchMode=no",
                 "-o", f"SecurityKeyProvider={provider}", self.host, "echo in >&2"]
        if options:
            words = self.fd2_run(*words, options=options)
        master, slave = os.openpty()
        process = self.spawn(words, stderr=slave)
        os.close(slave)
        shown = harness.read_all(master)
        os.close(master)
        self.assertEqual(process.wait(), 0, shown)
        self.assertIn(b"in\r\n", shown)
        return b"Confirm user presence" in shown

    def test_the_request_to_touch_a_key_is_shown_as_without_fd2(self):
        self.assertTrue(self.login())
        self.assertTrue(self.login("--backend", "pty"))
        # Where a capture is asked for on a terminal it is what is tried first.
        self.assertTrue(self.login("--stats", self.path("report.json")))
        self.assertFalse(self.login("--backend", "pipe"))


if __name__ == "__main__":
    harness.main()
