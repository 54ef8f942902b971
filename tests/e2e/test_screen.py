"""What fd2 shows on a terminal: as wide as it is, in colour where that is wanted. In a pipe a line is
a line."""

import fcntl
import os
import pty
import re
import struct
import termios

import harness

CONTROL = re.compile(r"\x1b\[[0-9;]*m")
LISTINGS = (["help"], ["help", "run"], ["doctor", "--help"], ["config", "--help"], ["doctor"],
            ["doctor", "-v"], ["plugins"], ["plugins", "pipe", "tokio-like-async"],
            ["config", "show", "--origin"])


class Screen(harness.Case):
    def show(self, *words, columns=80, status=0, **variables):
        """What a terminal of this width gets; COLUMNS is not set, as for programs it mostly is not."""
        env = {name: value for name, value in self.env.items()
               if name not in ("COLUMNS", "NO_COLOR")}
        env.update({"TERM": "xterm", **variables})
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = self.spawn([self.fd2, *words], env=env, stdout=slave, stderr=slave)
        os.close(slave)
        said = harness.read_all(master).decode().replace("\r\n", "\n")
        os.close(master)
        self.assertEqual(process.wait(), status, said)
        return said

    def assertFits(self, said, columns):
        for line in said.splitlines():
            shown = CONTROL.sub("", line)
            if len(shown) <= columns:
                continue
            # A word that is longer is not broken; it has a line of its own, but for its key.
            words = re.findall(r"'[^']*'|\[[^]]*\]|\S+", shown)
            self.assertGreater(max(map(len, words)), columns - 30, shown)
            self.assertLessEqual(len(words), 3, shown)

    def test_each_listing_is_as_wide_as_the_terminal(self):
        for columns in (132, 80, 40):
            for words in LISTINGS:
                with self.subTest(words=words, columns=columns):
                    self.assertFits(self.show(*words, columns=columns), columns)

    def test_errors_and_explain_are_as_wide_as_the_terminal(self):
        for columns in (80, 40):
            wrong = self.write("wrong.yaml", "capture:\n  tial: 64\nforward: {mode: line}\n")
            for words, status in ((["run", "--backend", "no-such", "--", "true"], 125),
                                  (["rnu"], 2),
                                  (["run", "--set", "require=tty,atomic", "--set",
                                    "fallback.inherit=false", "--", "true"], 125),
                                  (["run", "--log", "/no/such/log", "--", "true"], 0),
                                  (["config", "check", wrong], 1),
                                  (["run", "--explain", "--", "sh", "-c", "exit 3"], 3)):
                with self.subTest(words=words, columns=columns):
                    said = self.show(*words, columns=columns, status=status)
                    self.assertTrue(said.startswith((wrong, "fd2: ")), said)
                    self.assertFits(said, columns)

    def test_columns_says_the_width_and_a_terminal_that_does_not_know_has_80(self):
        self.assertFits(self.show("help", "run", columns=200, COLUMNS="50"), 50)
        unknown = self.show("help", "run", columns=0)
        self.assertEqual(unknown, self.show("help", "run", columns=80))
        for nonsense in ("", "x", "3", "-1", "99999999999999999999"):
            self.assertEqual(self.show("help", "run", COLUMNS=nonsense), unknown)

    def test_nothing_is_lost_by_wrapping(self):
        for words in (["help", "run"], ["plugins"], ["config", "show", "--origin"]):
            wide = self.show(*words, columns=1000, NO_COLOR="1")
            narrow = self.show(*words, columns=40, NO_COLOR="1")
            words = [sorted(word for word in said.replace(" \\\n", " ").split() if word != "#")
                     for said in (narrow, wide)]
            self.assertEqual(*words)

    def test_in_a_pipe_a_line_is_a_line_without_colour(self):
        for words in LISTINGS:
            outcome = self.run_raw([self.fd2, *words], env=dict(self.env, COLUMNS="40"))
            self.assertStatus(outcome, 0)
            self.assertNotIn(b"\x1b", outcome.out)
        lines = self.run_raw([self.fd2, "plugins"]).out.decode().splitlines()
        self.assertEqual(len(lines), 6)
        shown = self.run_raw([self.fd2, "config", "show", "--origin"]).out.decode()
        self.assertTrue(all("# " in line or line.endswith(":") for line in shown.splitlines()))

    def test_colour_is_for_terminals_and_can_be_chosen(self):
        for words in (["doctor"], ["plugins"], ["plugins", "pipe"], ["config", "show", "--origin"]):
            with self.subTest(words):
                coloured = self.show(*words)
                self.assertIn("\x1b[", coloured)
                self.assertNotIn("\x1b", self.show(*words, NO_COLOR="1"))
                self.assertIn("\x1b[", self.show(*words, NO_COLOR=""))
                self.assertNotIn("\x1b", self.show(*words, TERM="dumb"))
                self.assertNotIn("\x1b", self.show(*words, "--color", "never"))
                self.assertIn("\x1b[", self.show(*words, "--color=always", NO_COLOR="1"))
                piped = self.run_raw([self.fd2, *words, "--color", "always"])
                self.assertIn(b"\x1b[", piped.out)
                self.assertEqual(CONTROL.sub("", piped.out.decode()),
                                 self.run_raw([self.fd2, *words]).out.decode())

    def test_what_config_show_prints_is_the_same_configuration_at_every_width(self):
        plain = self.run_raw([self.fd2, "config", "show"]).out
        for columns in (132, 80, 40, 20):
            shown = self.show("config", "show", "--origin", columns=columns, NO_COLOR="1")
            file = self.write("again.yaml", shown)
            again = self.run_raw([self.fd2, "config", "show", "--config", file])
            self.assertStatus(again, 0)
            self.assertEqual(again.out, plain)


if __name__ == "__main__":
    harness.main()
