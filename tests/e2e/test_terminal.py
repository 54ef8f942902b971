"""Job control in a real terminal (tmux): Ctrl-Z, fg, Ctrl-C, and ssh's own ~^Z.

The screen is read as a stream (tmux pipe-pane into a fifo), so each step waits for what the
terminal shows, not for time to pass.
"""

import os
import re
import shutil
import subprocess

import harness


class Terminal(harness.SshCase):
    def setUp(self):
        harness.needs_tool("tmux", "bash")
        super().setUp()
        self.socket = self.path("tmux")
        self.seen = b""
        os.mkfifo(self.path("screen"))
        self.env.update(PS1="prompt> ", TERM="screen", SHELL="/bin/bash")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "200", "-y", "50",
                  "exec bash --norc --noprofile --noediting -i")
        self.tmux("pipe-pane", f"exec cat >'{self.path('screen')}'")
        self.screen = os.open(self.path("screen"), os.O_RDONLY)
        self.addCleanup(os.close, self.screen)
        # One command whose echo and result cannot be confused: the shell reads and answers.
        self.type("echo rea''dy")
        self.expect("ready\r\n")

    def tearDown(self):
        subprocess.run([shutil.which("tmux"), "-S", self.socket, "kill-server"],
                       stderr=subprocess.DEVNULL, check=False)
        super().tearDown()

    def tmux(self, *words):
        self.assertStatus(self.run_raw(["tmux", "-S", self.socket, *words]), 0)

    def type(self, line):
        self.tmux("send-keys", "-l", line)
        self.key("Enter")

    def key(self, name):
        self.tmux("send-keys", name)

    def expect(self, pattern):
        """Reads on until the pattern has been shown; what comes after it is for the next call."""
        compiled = re.compile(pattern.encode())
        while True:
            found = compiled.search(self.seen)
            if found:
                self.seen = self.seen[found.end():]
                return found
            try:
                piece = os.read(self.screen, 4096)
            except harness.Hang as hang:
                raise harness.Hang(f"waiting for {pattern!r}, shown: {self.seen!r}\n{hang}")
            self.assertTrue(piece, f"the terminal ended before {pattern!r}, shown: {self.seen!r}")
            self.seen += piece

    def run_in_shell(self, *command):
        self.type(" ".join(self.fd2_run(*command)))

    def test_ctrl_c_ends_the_command_and_the_shell_sees_it(self):
        self.run_in_shell("sh", "-c", "'echo u\"\"p >&2; exec sleep 3600'")
        self.expect("up\r\n")
        self.key("C-c")
        self.type('echo "status=$?"')
        self.expect("status=130\r\n")

    def test_ctrl_z_stops_the_job_and_fg_goes_on(self):
        self.run_in_shell("sh", "-c",
                          "'echo u\"\"p >&2; read word; echo \"got $word\" >&2; exit 9'")
        self.expect("up\r\n")
        self.key("C-z")
        self.expect("Stopped")
        self.type("echo still a shell")
        self.expect("\nstill a shell\r\n")
        self.type("fg")
        self.expect("fg\r\n")
        self.type("hello")
        self.expect("got hello\r\n")
        self.type('echo "status=$?"')
        self.expect("status=9\r\n")

    def test_ctrl_z_then_a_background_job_goes_on_and_can_be_killed(self):
        self.run_in_shell("sh", "-c", "'echo u\"\"p >&2; exec sleep 3600'")
        self.expect("up\r\n")
        self.key("C-z")
        self.expect("Stopped")
        self.type("bg; kill %1; wait %1; echo \"status=$?\"")
        self.expect("status=143\r\n")

    def test_a_child_that_stops_itself_stops_fd2_with_it(self):
        self.run_in_shell("sh", "-c", "'kill -STOP $$; echo bac\"\"k >&2; exit 8'")
        self.expect("Stopped")
        self.type("fg")
        self.expect("back\r\n")
        self.type('echo "status=$?"')
        self.expect("status=8\r\n")

    def test_sshs_escape_suspends_and_fg_resumes(self):
        # Where /dev/pts is mounted without gid=tty, an sshd that is not root can give no terminal.
        probe = self.run_raw([*self.ssh, "-tt", self.host, "exit 3"])
        if probe.code != 3:
            self.skipTest("the private sshd has no terminal to give: "
                          + probe.err.decode(errors="replace").splitlines()[0])
        self.run_in_shell(*self.ssh, "-t", self.host,
                          "'echo remote-u\"\"p; read word; echo \"got $word\"; exit 5'")
        self.expect("remote-up\r\n")
        self.tmux("send-keys", "Enter")  # the escape character counts at the start of a line only
        self.expect("got \r\n")
        self.type('echo "status=$?"')
        self.expect("status=5\r\n")
        self.run_in_shell(*self.ssh, "-t", self.host,
                          "'echo remote-u\"\"p; read one; read two; echo \"got $two\"; exit 5'")
        self.expect("remote-up\r\n")
        self.tmux("send-keys", "Enter")
        self.tmux("send-keys", "-l", "~")
        self.key("C-z")
        self.expect("Stopped")
        self.type("echo still a shell")
        self.expect("\nstill a shell\r\n")
        self.type("fg")
        self.expect("fg\r\n")
        self.type("hello")
        self.expect("got hello\r\n")
        self.type('echo "status=$?"')
        self.expect("status=5\r\n")


if __name__ == "__main__":
    harness.main()
