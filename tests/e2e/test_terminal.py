"""Job control in a real terminal (tmux): Ctrl-Z, fg, Ctrl-C, and ssh's own ~^Z.

The screen is read as a stream (tmux pipe-pane into a fifo), so each step waits for what the
terminal shows, not for time to pass.
"""

import os
import re
import shutil
import signal
import subprocess

import harness


class Terminal(harness.SshCase):
    def setUp(self):
        harness.needs_tool("tmux", "bash")
        super().setUp()
        self.socket = self.path("tmux")
        self.seen = b""
        os.mkfifo(self.path("screen"))
        os.mkfifo(self.path("gate"))
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

    def run_in_shell(self, *command, options=()):
        # The stderr is captured, which takes a word on a terminal.
        self.type(" ".join(self.fd2_run(*command, options=["--tail-out", self.path("tail"),
                                                            *options])))

    def test_ctrl_c_ends_the_command_and_the_shell_sees_it(self):
        self.run_in_shell("sh", "-c", "'echo u\"\"p >&2; exec sleep 3600'")
        self.expect("up\r\n")
        self.key("C-c")
        self.type('echo "status=$?"')
        self.expect("status=130\r\n")

    def stop_and_go_on(self, word):
        """Ctrl-Z, a command in the shell, fg, and `word` for the job to read."""
        self.key("C-z")
        self.expect("Stopped")
        self.type("echo still a shell")
        self.expect("\nstill a shell\r\n")
        self.type("fg")
        self.expect("fg\r\n")
        self.type(word)
        self.expect(f"got {word}\r\n")

    def test_ctrl_z_stops_the_job_and_fg_goes_on(self):
        # A run that may go on in the background is two processes: the shell has to see the first.
        for options in ((), ("--set", "finish.writers-remain=follow")):
            with self.subTest(options=options):
                self.run_in_shell("sh", "-c",
                                  "'echo u\"\"p >&2; read word; echo \"got $word\" >&2; exit 9'",
                                  options=options)
                self.expect("up\r\n")
                self.stop_and_go_on("hello")
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
        self.run_in_shell("sh", "-c", "'kill -TSTP $$; echo bac\"\"k >&2; exit 8'")
        self.expect("Stopped")
        self.type("fg")
        self.expect("back\r\n")
        self.type('echo "status=$?"')
        self.expect("status=8\r\n")

    def test_a_stopped_job_whose_command_somebody_continues_goes_on(self):
        """The shell sees the job stop; then another program continues the command alone."""
        report = self.path("pid")
        self.run_in_shell("sh", "-c",
                          f"'echo $$ >{report}; kill -TSTP $$; echo bac\"\"k >&2; exit 8'")
        self.expect("Stopped")
        with open(report, encoding="ascii") as file:
            os.kill(int(file.read()), signal.SIGCONT)
        self.expect("back\r\n")
        self.type('wait %1; echo "status=$?"')
        self.expect("status=8\r\n")

    def test_a_job_that_was_stopped_and_killed_from_outside_is_over(self):
        report = self.path("pid")
        self.run_in_shell("sh", "-c", f"'echo $$ >{report}; kill -TSTP $$; exit 8'")
        self.expect("Stopped")
        with open(report, encoding="ascii") as file:
            os.kill(int(file.read()), signal.SIGKILL)
        self.type('wait %1; echo "status=$?"')
        self.expect("status=137\r\n")

    def test_a_background_job_whose_command_is_stopped_and_continued_goes_on(self):
        # Open for both, so that neither the shell's opening nor ours waits for the other.
        gate = os.open(self.path("gate"), os.O_RDWR)
        self.addCleanup(os.close, gate)
        for how in ("STOP", "TSTP"):
            report = self.path(f"pid-{how}")
            self.run_in_shell("sh", "-c",
                              f"'echo $$ >{report}; read line; echo last >&2; exit 5'",
                              f"<{self.path('gate')} &")
            self.type("echo run''ning")
            self.expect("running\r\n")
            harness.until(lambda: os.path.exists(report) and os.path.getsize(report),
                          "the command")
            with open(report, encoding="ascii") as file:
                pid = int(file.read())
            os.kill(pid, getattr(signal, f"SIG{how}"))
            harness.until(lambda: harness.state_of(pid) == "T", "the stop")
            os.kill(pid, signal.SIGCONT)
            os.write(gate, b"go\n")
            self.expect("last\r\n")
            # The shell may still see us stopped: then its `wait` says 148, and asks again.
            self.type('while wait %1; s=$?; [ $s = 148 ]; do :; done; echo "status=$s"')
            self.expect("status=5\r\n")

    def test_ctrl_z_gets_the_prompt_back_where_the_command_was_stopped_by_sigstop(self):
        report = self.path("pid")
        self.run_in_shell("sh", "-c", f"'echo $$ >{report}; kill -STOP $$; exit 8'")
        harness.until(lambda: os.path.exists(report) and os.path.getsize(report), "the command")
        with open(report, encoding="ascii") as file:
            pid = int(file.read())
        harness.until(lambda: harness.state_of(pid) == "T", "the stop")
        self.key("C-z")
        self.expect("Stopped")
        self.type("fg")
        self.expect("fg\r\n")
        self.type('echo "status=$?"')
        self.expect("status=8\r\n")

    def test_ctrl_c_and_ctrl_z_reach_a_command_in_a_process_group_of_its_own(self):
        harness.needs_tool("timeout")
        self.run_in_shell("timeout", "3600", "sh", "-c", "'echo u\"\"p >&2; exec sleep 3600'")
        self.expect("up\r\n")
        self.key("C-z")
        self.expect("Stopped")
        self.type("fg")
        self.expect("fg\r\n")
        # "fg" is shown before the shell has given the terminal to the job.
        harness.until(self.job_has_the_terminal, "the job in the foreground")
        self.key("C-c")
        self.type('echo "status=$?"')
        self.expect("status=(124|130)\r\n")

    def job_has_the_terminal(self):
        for pid in harness.descendants():
            if re.search(" run .*-- timeout ", harness.command_of(pid)):
                with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                    fields = file.read().rpartition(")")[2].split()
                return fields[2] == fields[5]  # its process group, and that of its terminal
        return False

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
        self.expect("closed")  # until here ssh may take what is typed
        self.type('echo "status=$?"')
        self.expect("status=5\r\n")
        self.run_in_shell(*self.ssh, "-t", self.host,
                          "'echo remote-u\"\"p; read one; read two; echo \"got $two\"; exit 5'")
        self.expect("remote-up\r\n")
        self.tmux("send-keys", "Enter")
        self.tmux("send-keys", "-l", "~")
        self.stop_and_go_on("hello")
        self.expect("closed")
        self.type('echo "status=$?"')
        self.expect("status=5\r\n")


if __name__ == "__main__":
    harness.main()
