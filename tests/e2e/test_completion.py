"""What the completion scripts offer, asked of the shells themselves."""

import shutil
import subprocess

import harness

ASK = r'''
source <("$1" completion bash)
compopt() { :; }
COMP_WORDS=("${@:2}")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_fd2
printf '%s\n' "${COMPREPLY[@]}"
'''


class Bash(harness.Case):
    def offered(self, *words):
        outcome = self.run_raw(["bash", "--norc", "-c", ASK, "bash", self.fd2, "fd2", *words])
        self.assertStatus(outcome, 0)
        self.assertEqual(outcome.err, b"")
        return [word for word in outcome.out.decode().splitlines() if word]

    def test_commands_and_options(self):
        self.assertEqual(self.offered("pl"), ["plugins"])
        self.assertIn("doctor", self.offered(""))
        self.assertEqual(self.offered("run", "--tail-"), ["--tail-out"])
        self.assertEqual(self.offered("doctor", "--verb"), ["--verbose"])
        self.assertEqual(self.offered("completion", "z"), ["zsh"])
        self.assertEqual(self.offered("config", "sch"), ["schema"])
        self.assertEqual(self.offered("config", "explain", "--lin"), ["--link"])
        self.assertIn("printenv", self.offered("config", "explain", "--", "printen"))

    def test_backends_where_a_backend_belongs(self):
        every = ["pipe", "pty", "socketpair", "tcpshim", "tokio-like-async"]
        self.assertEqual(self.offered("run", "--backend", ""), every)
        self.assertEqual(self.offered("run", "--backend", "=", "to"), ["tokio-like-async"])
        self.assertEqual(self.offered("plugins", "so"), ["socketpair"])
        self.assertEqual(self.offered("run", "--set", "backends.sync", "=", "pipe,so"),
                         ["pipe,socketpair"])

    def test_every_key_that_set_knows_and_its_words(self):
        keys = self.offered("run", "--set", "")
        shown = self.run_raw([self.fd2, "config", "show", "--origin", "--json"]).out.decode()
        for key in keys:
            if key != "backends=":
                self.assertIn(f'"{key[:-1]}"', shown)
        self.assertEqual(len(keys) - 1, shown.count('"source"'))
        self.assertEqual(self.offered("run", "--set", "capture.t"), ["capture.tail="])
        self.assertIn("reopenable", self.offered("run", "--set", "require", "="))
        self.assertEqual(self.offered("run", "--set", "require", "=", "tty,reo"),
                         ["tty,reopenable"])
        self.assertEqual(self.offered("run", "--set", "forward.mode", "=", "lo"), ["lossy"])
        self.assertEqual(self.offered("doctor", "--set", "fallback.inherit", "="),
                         ["true", "false"])
        self.assertEqual(self.offered("run", "--set", "capture.tail", "=", "1"), [])
        self.assertEqual(self.offered("run", "--set", "report.on", "=", "l"), ["loss"])
        self.assertEqual(self.offered("run", "--set", "tail.file", "=", ""), [])

    def test_words_of_options(self):
        self.assertEqual(self.offered("run", "--forward", "l"), ["lines", "lossy"])
        self.assertEqual(self.offered("run", "--transport", ""), ["sync", "async"])
        self.assertEqual(self.offered("doctor", "--color", "a"), ["auto", "always"])
        self.write("a-file", "")
        self.assertEqual(self.offered("run", "--stats", self.path("a-fi")), [self.path("a-file")])
        self.assertEqual(self.offered("run", "--stats-fd", ""), [])
        self.assertEqual(self.offered("report", self.path("a-fi")), [self.path("a-file")])
        self.assertEqual(self.offered("report", "--out", self.path("a-fi")), [self.path("a-file")])
        self.assertEqual(self.offered("report", "--pro"), ["--prometheus"])


class Others(harness.Case):
    def test_each_script_is_one_that_its_shell_can_read(self):
        for shell in ("bash", "zsh", "fish"):
            outcome = self.run_raw([self.fd2, "completion", shell])
            self.assertStatus(outcome, 0)
            self.assertIn(b"reopenable", outcome.out)
            self.assertIn(b"capture.tail", outcome.out)
            self.assertIn(b"tokio-like-async", outcome.out)
            if shutil.which(shell):
                script = self.write(f"script.{shell}", outcome.out.decode())
                checked = subprocess.run([shell, "-n", script], capture_output=True, check=False)
                self.assertEqual((checked.returncode, checked.stderr), (0, b""))


if __name__ == "__main__":
    harness.main()
