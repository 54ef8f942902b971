"""`fd2 run -- CMD` beside CMD alone: what a command finds, says and ends with is the same.

Each command runs on its own and then over every backend. Where docs/behaviour.md or docs/limits.md
promise a difference, a test of the difference stands here too, so that it is no accident.
"""

import os
import resource
import shutil
import signal
import subprocess
from subprocess import PIPE

import harness
from harness import describe_status, read_all

BACKENDS = ("socketpair", "pipe", "tcpshim", "tokio-like-async", "pty")

# What it is: the words, and optionally what comes on stdin.
COMMANDS = {
    "says nothing": (["true"],),
    "fails": (["false"],),
    "ends with 255": (["sh", "-c", "exit 255"],),
    "ends with fd2's own numbers": (["sh", "-c", "echo not fd2 >&2; exit 125"],),
    "says on both": (["sh", "-c", "echo out; echo err >&2; exit 3"],),
    "is killed by itself": (["sh", "-c", "echo last >&2; kill -KILL $$"],),
    "aborts": (["sh", "-c", "echo last >&2; kill -ABRT $$"],),
    "complains itself": (["ls", "/nowhere/at/all"],),
    "copies its stdin": (["cat"], b"one\ntwo\nno newline at the end"),
    "gets an empty stdin": (["sh", "-c", "cat; echo end of file >&2"], b""),
    "ignores its stdin": (["sh", "-c", "exec <&-; echo done"], b"x" * 1000),
    "has odd arguments": (["printf", "<%s>\\n", "", "a b", "two\nlines", "-x", "--", "ü",
                           b"\xff"],),
    "writes no text": (["sh", "-c", r"printf 'a\000b\377\r\033[31mc' >&2"],),
    "writes an unfinished line": (["sh", "-c", "printf 'Password: ' >&2"],),
    "writes much on stdout": (["sh", "-c", "head -c 3000000 /dev/zero; exit 9"],),
    "writes much on stderr": (["sh", "-c", "head -c 900000 /dev/zero >&2; exit 9"],),
    "writes many lines on stderr": (["sh", "-c", "seq 20000 >&2"],),
    "closes its stderr": (["sh", "-c", "echo first >&2; exec 2>&-; echo more; exit 4"],),
    "sends stderr to stdout": (["sh", "-c", "echo x >&2; exec 2>&1; echo y >&2; exit 5"],),
    "is a pipeline": (["sh", "-c", "seq 100000 | head -n 1; ls /nowhere | cat; exit 6"],),
    "takes its time": (["sh", "-c", "echo a >&2; sleep 0.2; echo b >&2; sleep 0.2; echo c"],),
}

# What a command is born with, as text on stdout.
BIRTH = {
    "environment": ["env", "-0"],
    "working directory": ["pwd", "-P"],
    "umask": ["sh", "-c", "umask"],
    "limits": ["sh", "-c", "ulimit -a"],
    "niceness": ["nice"],
    "session, group, terminal": ["cut", "-d", " ", "-f", "5-8", "/proc/self/stat"],
    "signals blocked and ignored": ["grep", "-E", "^Sig(Blk|Ign)|^NoNewPrivs|^Seccomp:",
                                    "/proc/self/status"],
    "scheduling and memory": ["sh", "-c", "cat /proc/self/oom_score_adj /proc/self/cgroup; "
                                          "grep -i allowed_list /proc/self/status"],
    "credentials": ["sh", "-c", "id; grep -E '^Cap|^Groups' /proc/self/status"],
}


def refuses(fd):
    try:
        os.write(fd, b"two\n")
    except BrokenPipeError:
        return True
    return False


class Same(harness.Case):
    def ways(self, command):
        """Each backend, with the words that run the command over it."""
        return {backend: self.fd2_run(*command, options=["--backend", backend])
                for backend in BACKENDS}

    def seen(self, words, given=None, **options):
        """How it ended, in words, and what it wrote on stdout and stderr."""
        options.setdefault("stdout", PIPE)
        options.setdefault("stderr", PIPE)
        options.setdefault("env", self.env)
        stdin = {"input": given} if given is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run([word if isinstance(word, bytes) else str(word) for word in words],
                              **{**stdin, **options}, check=False)
        code = done.returncode
        return describe_status(-code if code < 0 else code << 8), done.stdout, done.stderr

    def assertSame(self, what, command, given=None, **options):
        alone = self.seen(command, given, **options)
        for backend, words in self.ways(command).items():
            with self.subTest(what, backend=backend):
                self.assertEqual(self.seen(words, given, **options), alone)

    # what it says, and how it ends

    def test_small_commands_say_and_end_the_same(self):
        for what, (command, *given) in COMMANDS.items():
            self.assertSame(what, command, *given)

    def test_a_shell_sees_the_same(self):
        """The same commands of a script, with nothing but the word in front of them different."""
        script = ('printf "%s\\n" "$({0} sh -c "echo captured; echo aside >&2; exit 7")" $?; '
                  "{0} cat <<<here || exit 1; {0} false || echo failed: $?; "
                  "yes | {0} head -n 2; {0} yes | head -n 1; echo ${{PIPESTATUS[@]}}; "
                  "{0} sh -c 'kill -TERM $$'; echo $?")
        words = {"": ""} | {backend: f"{self.fd2} run --backend {backend} -- "
                            for backend in BACKENDS}
        alone, *others = [self.seen(["bash", "-c", script.format(before)])
                          for before in words.values()]
        self.assertIn(b"captured\n7\n", alone[1])
        for backend, other in zip(BACKENDS, others):
            with self.subTest(backend):
                # Not stderr: bash says which command a signal ended, hence what it was called by.
                self.assertEqual(other[:2], alone[:2])

    # what it finds at its start

    def test_a_command_is_born_with_the_same(self):
        def unusual():
            os.umask(0o137)
            os.nice(3)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2, signal.SIGCHLD])
            resource.setrlimit(resource.RLIMIT_NOFILE, (512, 600))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        for what, command in BIRTH.items():
            self.assertSame(what, command, cwd=self.path("home"), preexec_fn=unusual,
                            restore_signals=False)

    def test_a_start_out_of_nowhere_changes_nothing(self):
        """As a careless daemon starts things: nobody's session, environment, directory or child."""
        os.mkdir(self.path("gone"))

        def nowhere():
            os.chdir(self.path("gone"))
            os.rmdir(self.path("gone"))
            os.mkdir(self.path("gone"))  # for the next; we are in the one that has gone
            os.setsid()
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)

        self.assertSame("nowhere", ["/bin/sh", "-c", "echo $0 $PWD; grep SigIgn /proc/self/status; "
                                                     "tty; echo aside >&2; exit 3"],
                        env={"PWD": "/is/wrong"}, preexec_fn=nowhere, restore_signals=False)

    def test_what_a_shell_would_find_and_start_is_found_and_started(self):
        """`env` looks for a command and starts it as rsync and git do (execvp)."""
        os.mkdir(self.path("shadow"))
        os.mkdir(self.path("shadow", "tool"))  # a directory of that name is no command
        self.write("bin/no-shebang", "echo by sh; exit 4\n", 0o755)
        self.script("tool", 'echo "$0" "$@"; exit 5')
        path = f"{self.path('shadow')}:/nowhere:{self.env['PATH']}"
        for command in (["tool", "x"], ["no-shebang"], [self.path("bin", "tool")], ["./bin/tool"]):
            alone = self.seen(["env", f"PATH={path}", *command], cwd=self.dir)
            for backend, words in self.ways(command).items():
                with self.subTest(command, backend=backend):
                    self.assertEqual(
                        self.seen(words, cwd=self.dir, env={**self.env, "PATH": path}), alone)

    def test_a_command_inherits_the_same_descriptors(self):
        """All but 2, which is the backend's."""
        read_end, write_end = os.pipe()
        with open(self.path("file"), "w+", encoding="utf-8") as file:
            kept = (read_end, write_end, file.fileno())
            command = [self.child, "fds", "/dev/stdout"]
            seen = {way: self.seen(words, pass_fds=kept)[1].splitlines()
                    for way, words in {"alone": command, **self.ways(command)}.items()}
        # Each run has a stdout of its own; 2 is what the backend made.
        born = {way: [line for line in lines if not line.startswith((b"fd 1 ", b"fd 2 "))]
                for way, lines in seen.items()}
        self.assertIn(f"fd {read_end} pipe:[", b"\n".join(born["alone"]).decode())
        for backend in BACKENDS:
            with self.subTest(backend):
                self.assertEqual(born[backend], born["alone"])
        os.close(read_end)
        os.close(write_end)

    def test_a_set_id_command_gets_its_identity(self):
        as_nobody = self.for_nobody()
        if os.statvfs(self.dir).f_flag & os.ST_NOSUID:
            self.skipTest("set-id bits mean nothing here: nosuid")
        program = shutil.copy(shutil.which("id"), self.path("bin", "set-id"))
        os.chmod(program, 0o4755)
        alone = self.seen([*as_nobody, program, "-u"])
        self.assertEqual(alone[1], b"0\n")
        for backend, words in self.ways([program, "-u"]).items():
            with self.subTest(backend):
                self.assertEqual(self.seen([*as_nobody, *words]), alone)

    # stdin and stdout, the wire

    def test_a_reader_of_stdout_that_goes_ends_the_command_by_sigpipe(self):
        command = ["yes"]
        for way, words in {"alone": command, **self.ways(command)}.items():
            with self.subTest(way):
                process = self.spawn(words, stdout=PIPE, stderr=PIPE)
                self.assertEqual(process.stdout.readline(), b"y\n")
                process.stdout.close()
                said = read_all(process.stderr.fileno())
                process.stderr.close()
                self.assertEqual(process.wait(), -signal.SIGPIPE)
                self.assertEqual(said, b"")

    def test_a_writer_to_a_command_that_reads_no_more_gets_epipe(self):
        command = ["sh", "-c", "read one; exec <&-; echo closed; read forever <&3"]
        for way, words in {"alone": command, **self.ways(command)}.items():
            with self.subTest(way):
                hold, let_go = os.pipe()
                process = self.spawn(words, stdin=PIPE, stdout=PIPE,
                                     preexec_fn=lambda fd=hold: os.dup2(fd, 3), pass_fds=(3,))
                os.close(hold)
                os.write(process.stdin.fileno(), b"one\n")
                self.assertEqual(process.stdout.readline(), b"closed\n")
                # fd2 lets go of its own copy a moment after the command has started.
                harness.until(lambda fd=process.stdin.fileno(): refuses(fd), "EPIPE")
                os.close(let_go)
                process.stdin.close()
                process.stdout.close()
                self.assertEqual(process.wait(), 1)

    def test_the_offset_of_a_file_on_stdin_is_left_where_the_command_left_it(self):
        path = self.write("lines", "".join(f"line {number}\n" for number in range(10)))
        command = ["sh", "-c", "read a; read b; echo $b"]
        offsets = {}
        for way, words in {"alone": command, **self.ways(command)}.items():
            with open(path, "rb", buffering=0) as file:
                done = subprocess.run(words, stdin=file, stdout=PIPE, env=self.env, check=False)
                self.assertEqual(done.stdout, b"line 1\n")
                offsets[way] = os.lseek(file.fileno(), 0, os.SEEK_CUR)
        self.assertEqual(set(offsets.values()), {14}, offsets)

    def test_a_log_that_stdout_and_stderr_append_to_holds_the_same_lines(self):
        """Their order against each other is the one thing that is not promised."""
        command = ["sh", "-c", "for each in $(seq 300); do echo out $each; echo err $each >&2; "
                               "done; exit 2"]
        logs = {}
        for way, words in {"alone": command, **self.ways(command)}.items():
            path = self.write("log", "before\n")
            with open(path, "ab", buffering=0) as log:
                status, _, _ = self.seen(words, stdout=log, stderr=log)
                log.write(b"after\n")
            with open(path, "rb") as file:
                lines = file.read().splitlines()
            self.assertEqual((lines[0], lines[-1]), (b"before", b"after"), way)
            logs[way] = (status, sorted(lines))
        for backend in BACKENDS:
            with self.subTest(backend):
                self.assertEqual(logs[backend], logs["alone"])

    # who stays behind

    def test_a_background_holder_changes_neither_status_nor_words(self):
        command = ["sh", "-c", "sleep 600 & echo left >&2; echo behind; exit 11"]
        for way, words in {"alone": command, **self.ways(command)}.items():
            with self.subTest(way):
                with open(self.path("out"), "w+b") as out, open(self.path("err"), "w+b") as err:
                    status, _, _ = self.seen(words, stdout=out, stderr=err)
                    out.seek(0)
                    err.seek(0)
                    self.assertEqual((status, out.read(), err.read()),
                                     ("exited with 11", b"behind\n", b"left\n"))

    # where it differs, as documented

    def test_dev_stderr_opens_by_name_over_a_pipe_and_not_over_a_socket(self):
        command = ["sh", "-c", "echo by name >/dev/stderr"]
        alone = self.seen(command)
        self.assertEqual(alone, ("exited with 0", b"", b"by name\n"))
        self.assertEqual(self.seen(self.ways(command)["pipe"]), alone)
        for backend in ("socketpair", "tcpshim"):
            with self.subTest(backend):
                status, out, said = self.seen(self.ways(command)[backend])
                self.assertEqual((status, out), ("exited with 2", b""))
                self.assertIn(b"No such device or address", said)

    def test_what_is_not_there_has_the_shells_status_and_a_line_of_fd2(self):
        with open(self.path("plain"), "w", encoding="utf-8"):
            pass
        for command, status in ((["no-such-program"], 127), ([self.path("plain")], 126)):
            shell = self.seen(["sh", "-c", '"$@"', "sh", *command])
            for backend, words in self.ways(command).items():
                with self.subTest(command, backend=backend):
                    ended, out, said = self.seen(words)
                    self.assertEqual((ended, out), (f"exited with {status}", b""))
                    self.assertEqual(ended, shell[0])
                    self.assertRegex(said, rb"^fd2: [^\n]+\n$")


if __name__ == "__main__":
    harness.main()
