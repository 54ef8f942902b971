"""What fd2 says in its own words: of wrong calls, in listings, beside the child's bytes."""

import json
import os
from subprocess import PIPE, STDOUT

import harness


class WrongCalls(harness.Case):
    def assertSays(self, words, code, *lines):
        outcome = self.run_raw([self.fd2, *words])
        self.assertStatus(outcome, code)
        self.assertEqual(outcome.err.decode().splitlines(), list(lines))
        self.assertEqual(outcome.out, b"")

    def test_a_misspelt_command_is_named_with_the_one_that_was_meant(self):
        self.assertSays(["rnu"], 2, "fd2: unknown command 'rnu'; did you mean 'run'?",
                        "see 'fd2 --help'")
        self.assertSays(["help", "rnu"], 2, "fd2: unknown command 'rnu'; did you mean 'run'?",
                        "see 'fd2 --help'")
        self.assertSays(["explain"], 2, "fd2: unknown command 'explain'", "see 'fd2 --help'")
        self.assertSays(["config", "shwo"], 2,
                        "fd2: config: unknown command 'shwo'; did you mean 'show'?",
                        "see 'fd2 config --help'")
        self.assertSays(["version", "now"], 2, "fd2: version: unexpected word 'now'",
                        "see 'fd2 version --help'")

    def test_a_misspelt_option_is_named_with_the_one_that_was_meant(self):
        self.assertSays(["run", "--explian", "--", "true"], 125,
                        "fd2: run: unknown option '--explian'; did you mean '--explain'?",
                        "see 'fd2 run --help'; put -- before a command that begins with -")
        self.assertSays(["config", "show", "--orign=yes"], 2,
                        "fd2: config show: unknown option '--orign'; did you mean '--origin'?",
                        "see 'fd2 config show --help'")

    def test_whatever_else_cannot_be_parsed_is_said_in_our_own_words(self):
        self.assertSays(["run", "--tail"], 125,
                        "fd2: run: --tail needs a value; write: --tail SIZE", "see 'fd2 run --help'")
        self.assertSays(["run", "--explain=yes", "--", "true"], 125,
                        "fd2: run: --explain takes no value", "see 'fd2 run --help'")
        self.assertSays(["config"], 2,
                        "fd2: config: no command; write: fd2 config check | show | explain | schema | defaults",
                        "see 'fd2 config --help'")
        self.assertSays(["link"], 2, "fd2: link: DIR is missing; write: fd2 link DIR [NAME...]",
                        "see 'fd2 link --help'")
        self.assertSays(["doctor", "--color", "sometimes"], 2,
                        'fd2: doctor: --color: "sometimes" is not a valid choice; '
                        'write one of auto, always, never')
        self.assertSays(["config", "show", "--color", "x"], 2,
                        'fd2: config show: --color: "x" is not a valid choice; '
                        'write one of auto, always, never')
        self.assertSays(["run", "--explain"], 125,
                        "fd2: run: no command; write: fd2 run [OPTIONS] -- COMMAND [ARG...]",
                        "see 'fd2 run --help'")
        for option, value, wanted in (
                ("--jobs", "x", "is not a number from 1 to 256"),
                ("--limit", "0", "is not a number from 1 to 86400"),
                ("--seed", "-1", "is not a number from 0 to 18446744073709551615"),
                ("--profile", "x", "is not a valid choice; write one of core, handover, "
                                   "performance, all")):
            self.assertSays(["conform", f"{option}={value}", "pipe"], 2,
                            f'fd2: conform: {option}: "{value}" {wanted}',
                            "see 'fd2 conform --help'")

    def test_a_descriptor_is_a_number_that_can_be_one(self):
        for wrong in ("-5", "x", "3x", "", "99999999999", "0x3", "+1"):
            outcome = self.run_raw(self.fd2_run("true", options=[f"--stats-fd={wrong}"]))
            self.assertStatus(outcome, 125)
            self.assertIn(b"--stats-fd", outcome.err)
        self.assertSays(["run", "--stats-fd", "-5", "--", "true"], 125,
                        'fd2: run: --stats-fd: "-5" is not a descriptor; give its number, '
                        'for example 3')

    def test_an_empty_value_is_an_unset_variable(self):
        for option in ("--stats", "--tail-out", "--log", "--tail", "--backend", "--set", "--config",
                       "--transport", "--forward", "--plugin-path"):
            self.assertSays(["run", option, "", "--", "true"], 125,
                            f"fd2: run: {option}: empty value; give one or omit the option")

    def test_there_is_one_report(self):
        outcome = self.run_raw(self.fd2_run("touch", self.path("ran"), options=[
            "--stats", self.path("stats"), "--stats-fd", "1"]))
        self.assertStatus(outcome, 125)
        self.assertFalse(os.path.exists(self.path("ran")))

    def test_two_reports_do_not_share_a_file(self):
        there = self.write("there", "")
        os.symlink("there", self.path("link"))
        for one, other in (("new", "new"), ("there", "there"), ("there", "link"),
                           ("new", "./new"), ("new", "absent/../new")):
            for options in (("--stats", "--tail-out"), ("--stats", "--log"), ("--tail-out", "--log")):
                words = self.fd2_run("touch", self.path("ran"), options=[
                    options[0], self.path(one), options[1], self.path(other)])
                self.assertSays(words[1:], 125, f"fd2: run: {options[0]} and {options[1]}: "
                                f"{self.path(other)}: the same file; give each its own")
        self.assertFalse(os.path.exists(self.path("ran")))
        self.assertTrue(os.path.exists(there))
        for shared in ("-", "/dev/null", "/dev/stdout"):
            self.assertStatus(self.run_raw(self.fd2_run("true", options=[
                "--stats", shared, "--tail-out", shared])), 0)

    def test_a_command_with_an_empty_name_is_told_so(self):
        self.assertSays(["run", "--", ""], 127,
                        "fd2: run: '': the command name is empty; is a variable unset?")

    def test_help_ends_with_examples_of_its_own(self):
        for words in (["link"], ["config", "show"], ["config", "check"], ["config", "schema"],
                      ["config", "defaults"], ["config"], ["version"], ["help"]):
            outcome = self.run_raw([self.fd2, *words, "--help"])
            self.assertNotIn(b"rsync", outcome.out, words)
            _, found, examples = outcome.out.decode().partition("\nExamples:\n")
            self.assertTrue(found, words)
            self.assertIn("fd2 " + " ".join(words), examples)

    def test_the_main_help_lists_the_commands_in_order(self):
        text = self.run_raw([self.fd2, "--help"]).out.decode()
        listed = [line.split()[0] for line in
                  text.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
                  if line.startswith("  ") and not line.startswith("   ")]
        self.assertEqual(listed, ["run", "link", "report", "why", "plugins", "doctor", "ps", "top",
                                  "tail", "swap", "reload", "config", "conform", "new-backend", "version",
                                  "completion", "help"])
        self.assertIn("fd2-conform(1)", text)

    def test_a_stdout_that_cannot_be_written_is_an_error_with_its_errno(self):
        for words in (["config", "show"], ["config", "defaults"], ["version"], ["plugins"],
                      ["--help"], ["completion", "bash"], ["link", self.path("links")]):
            with self.subTest(words), open("/dev/full", "wb") as full:
                outcome = self.run_raw([self.fd2, *words], stdout=full)
                self.assertStatus(outcome, 1)
                self.assertTrue(outcome.err.decode().endswith(
                    "cannot write to stdout (ENOSPC)\n"), str(outcome))

    def test_a_program_in_the_place_of_a_command_is_told_how_it_is_run(self):
        self.script("ssh", "")
        self.assertSays(["ssh", "host", "echo a", "-v"], 2,
                        "fd2: 'ssh' is not an fd2 command; to run it: fd2 run -- ssh host 'echo a' -v")
        self.assertSays([self.path("bin", "ssh")], 2,
                        f"fd2: '{self.path('bin', 'ssh')}' is not an fd2 command; to run it: "
                        f"fd2 run -- {self.path('bin', 'ssh')}")

    def test_of_an_option_that_is_repeated_the_last_one_counts(self):
        outcome = self.run_raw(self.fd2_run("true", options=[
            "--backend", "no-such", "--backend", "pipe", "--tail", "1", "--tail", "1KiB",
            "--stats-fd", "77", "--stats-fd", "1", "--explain", "--explain"]))
        self.assertStatus(outcome, 0)
        self.assertEqual(json.loads(outcome.out)["backend"], "pipe")

    def test_the_version_has_its_usual_letters(self):
        for word in ("-V", "--version", "version"):
            outcome = self.run_raw([self.fd2, word])
            self.assertStatus(outcome, 0)
            self.assertRegex(outcome.out, rb"\Afd2 \d")
        told = json.loads(self.run_raw([self.fd2, "version", "--json"]).out)
        self.assertEqual(outcome.out.decode(),
                         f"fd2 {told['version']} (channel ABI {told['abi']})\n")

    def test_a_key_is_found_by_its_last_part(self):
        for given, meant in (("tail", "capture.tail"), ("max-line", "capture.max-line"),
                             ("capture.tial", "capture.tail"), ("linger_max", "finish.linger-max")):
            outcome = self.run_raw(self.fd2_run("true", options=["--set", f"{given}=1MiB"]))
            self.assertStatus(outcome, 125)
            self.assertEqual(outcome.err.decode(), f"fd2: --set: error: {given}: unknown key; "
                             f'did you mean "{meant}"?\n')

    def test_a_variable_that_is_nearly_right_is_named_with_the_one_that_was_meant(self):
        for given, meant in (("FD2_BACKEND", "FD2_BACKENDS"), ("FD2_TAIL", "FD2_CAPTURE_TAIL"),
                             ("FD2_LOGFILE", "FD2_LOG_FILE"),
                             ("FD2_PLUGINS_PATH", "FD2_PLUGIN_PATH")):
            for words in (["run", "--", "true"], ["config", "show"]):
                outcome = self.run_raw([self.fd2, *words], env=dict(self.env, **{given: "pipe"}))
                self.assertStatus(outcome, 0)
                self.assertIn(f'{given}: warning: unknown variable; did you mean "{meant}"?',
                              outcome.err.decode())
                self.assertEqual(outcome.err.count(b"\n"), 1)

    def test_a_tail_without_a_unit_is_told_how_bytes_are_written(self):
        self.assertSays(["run", "--tail", "100", "--", "true"], 125,
                        'fd2: --tail: error: capture.tail: "100" has no unit; '
                        "write 100B or 100KiB")
        self.assertStatus(self.run_raw(self.fd2_run("true", options=["--tail", "100B"])), 0)

    def test_a_check_knows_backends_and_their_options(self):
        wrong = self.write("wrong.yaml", "backends: {sync: [tcpshim, pipe]}\n"
                           "options: {tcpshim: {settle: 5}, socketpair: {sndbuff: 1MiB}}\n")
        outcome = self.run_raw([self.fd2, "config", "check", wrong])
        self.assertStatus(outcome, 1)
        self.assertIn(b'options.tcpshim.settle: "5" has no unit; write 5ms', outcome.err)
        self.assertIn(b'did you mean "sndbuf"?', outcome.err)
        good = self.write("good.yaml", "options: {tcpshim: {settle: 5ms}}\n")
        self.assertStatus(self.run_raw([self.fd2, "config", "check", good]), 0)

    def test_a_wrong_backend_is_told_once(self):
        for name, wrong in (("no-such", '"no-such"'), ("Not A Name", '"Not A Name"'),
                            ("pipe,pipe", '"pipe" is listed twice')):
            outcome = self.run_raw(self.fd2_run("true", options=["--backend", name]))
            self.assertStatus(outcome, 125)
            self.assertEqual(outcome.err.count(b"\n"), 1, str(outcome))
            self.assertTrue(outcome.err.startswith(b"fd2: --backend: error: "), str(outcome))
            self.assertIn(wrong.encode(), outcome.err)
            self.assertNotIn(b"sync", outcome.err.split(b";")[0])
            self.assertEqual(b"backends[" in outcome.err, "," in name, str(outcome))

    def test_a_wrong_backend_after_a_right_one_is_told_of_both_places(self):
        outcome = self.run_raw([self.fd2, "config", "show", "--set", "backends.async=no-such",
                                "--set", "backends=neither"])
        self.assertStatus(outcome, 1)
        self.assertEqual(outcome.err.count(b"unknown backend"), 2, str(outcome))


class Listings(harness.Case):
    def first_lines(self, *words):
        outcome = self.run_raw([self.fd2, "config", "show", *words])
        self.assertStatus(outcome, 0)
        return [line for line in outcome.out.decode().splitlines() if line.startswith("#")]

    def test_the_origin_names_the_files_that_were_looked_for(self):
        if os.path.exists("/etc/fd2/fd2.yaml"):
            self.skipTest("/etc/fd2/fd2.yaml exists")
        own = self.path("config", "fd2", "fd2.yaml")
        absent = ["# /etc/fd2/fd2.yaml: not found"]
        self.assertEqual(self.first_lines("--origin"), absent + [f"# {own}: not found"])
        os.mkdir(os.path.dirname(own))
        self.write(own, "surface: never\n")
        self.assertEqual(self.first_lines("--origin"), absent + [f"# {own}: read"])
        other = self.config("surface: always\n")
        self.assertEqual(self.first_lines("--origin", *other), [f"# {other[1]}: read"])
        self.assertEqual(self.first_lines("--origin", "--config", "none"),
                         ["# no configuration file is used"])
        self.assertEqual(self.first_lines(), [])

    def test_a_check_without_a_file_is_of_those_in_use(self):
        if os.path.exists("/etc/fd2/fd2.yaml"):
            self.skipTest("/etc/fd2/fd2.yaml exists")
        own = self.path("config", "fd2", "fd2.yaml")

        def check(status, out, *err, **variables):
            outcome = self.run_raw([self.fd2, "config", "check"], env=dict(self.env, **variables))
            self.assertStatus(outcome, status)
            self.assertEqual(outcome.out.decode(), out)
            for words in err:
                self.assertIn(words, outcome.err.decode())

        check(0, f"no configuration file (/etc/fd2/fd2.yaml, {own}); built-in values apply\n")
        check(0, "no configuration file; built-in values apply\n", FD2_CONFIG="none")
        check(1, "", "does not exist", FD2_CONFIG=self.path("absent.yaml"))
        os.mkdir(os.path.dirname(own))
        self.write(own, "surface: never\n")
        check(0, f"{own}: ok\n")
        self.write(own, "surface: nevr\noptions: {pipe: {capcity: 1MiB}}\n")
        check(1, "", f"{own}:1:10: error: surface", 'did you mean "capacity"?')
        self.write(own, "surface: never\n")
        os.chmod(own, 0o666)
        check(1, f"{own}: ok\n", f"{own}: warning: would be refused when it is used")

    def test_one_key_is_shown_by_its_name(self):
        show = [self.fd2, "config", "show", "--set", "capture.tail=1MiB",
                "--set", "options.pipe.capacity=64KiB"]
        for words, said in ((["capture.tail"], "1MiB\n"),
                            (["capture.tail", "--origin"], "1MiB  # option --set\n"),
                            (["backends.sync"], "[socketpair, pipe]\n"),
                            (["options.pipe.capacity"], "64KiB\n"),
                            (["surface", "--json"], '"on-loss"\n')):
            outcome = self.run_raw([*show, *words])
            self.assertStatus(outcome, 0)
            self.assertEqual(outcome.out.decode(), said)
        outcome = self.run_raw([*show, "--json", "--origin", "capture.tail"])
        self.assertEqual(json.loads(outcome.out),
                         {"value": "1MiB", "source": "option", "name": "--set"})
        for key, said in (("capture.tial", 'unknown key; did you mean "capture.tail"?'),
                          ("options.pipe.x", "not set; `fd2 plugins NAME` shows the backend's "
                                             "options and defaults"),
                          ("zzzzzzzz", "unknown key; `fd2 config show` lists the keys")):
            outcome = self.run_raw([*show, key])
            self.assertStatus(outcome, 1)
            self.assertEqual(outcome.err.decode(), f'fd2: config show: "{key}": {said}\n')

    def test_the_help_of_a_command_within_a_command(self):
        for words in (["help", "config", "show"], ["config", "show", "--help"]):
            outcome = self.run_raw([self.fd2, *words])
            self.assertStatus(outcome, 0)
            self.assertIn(b"Usage: fd2 config show [OPTIONS]", outcome.out)
            self.assertIn(b"--origin", outcome.out)
        self.assertStatus(self.run_raw([self.fd2, "help", "config", "shwo"]), 2)

    def test_one_backend_by_name_with_all_that_is_known_of_it(self):
        outcome = self.run_raw([self.fd2, "plugins", "pipe", "tcpshim"])
        self.assertStatus(outcome, 0)
        self.assertEqual([line for line in outcome.out.decode().splitlines()
                          if not line.startswith(" ")], ["pipe", "tcpshim"])
        for word in (b"usable: yes", b"option capacity:", b"file: ", b"medium: tcp"):
            self.assertIn(word, outcome.out)
        outcome = self.run_raw([self.fd2, "plugins", "--json", "pipe"])
        self.assertEqual([one["backend"] for one in json.loads(outcome.out)["plugins"]], ["pipe"])
        outcome = self.run_raw([self.fd2, "plugins", "piep"])
        self.assertStatus(outcome, 1)
        self.assertEqual(outcome.err, b"fd2: plugins: no backend 'piep'; did you mean \"pipe\"?\n")
        outcome = self.run_raw([self.fd2, "plugins", "tcpshim", "piep", "pipe"])
        self.assertStatus(outcome, 1)
        self.assertEqual([line for line in outcome.out.decode().splitlines()
                          if not line.startswith(" ")], ["tcpshim", "pipe"])
        self.assertEqual(outcome.err, b"fd2: plugins: no backend 'piep'; did you mean \"pipe\"?\n")

    def test_a_row_tells_a_wrong_option_without_the_word_error(self):
        outcome = self.run_raw([self.fd2, "plugins", "pipe", "--set", "options.pipe.capacity=2GiB"])
        self.assertStatus(outcome, 1)
        self.assertIn(b"usable: no: --set: options.pipe.capacity: 2GiB is out of range", outcome.out)

    def test_a_directory_that_cannot_be_searched_is_told(self):
        self.write("file", "")
        for name, why in (("absent", "No such file or directory (ENOENT)"),
                          ("file", "Not a directory (ENOTDIR)")):
            outcome = self.run_raw([self.fd2, "plugins", "--plugin-path", self.path(name)])
            self.assertStatus(outcome, 0)
            self.assertEqual(outcome.err.decode(), "fd2: plugins: warning: open directory: "
                             f"{self.path(name)}: {why}; fix FD2_PLUGIN_PATH or --plugin-path\n")

    def test_a_plugin_that_is_a_link_to_nothing_is_told_so(self):
        os.mkdir(self.path("mine"))
        os.symlink("/no/such", self.path("mine", "dang.so"))
        said = f"{self.path('mine', 'dang.so')}: a link to /no/such, which does not exist"
        outcome = self.run_raw([self.fd2, "plugins", "--plugin-path", self.path("mine")])
        self.assertIn(said, outcome.out.decode())
        self.write("mine/junk.so", "junk")
        junk = self.path("mine", "junk.so")
        outcome = self.run_raw([self.fd2, "plugins", "junk", "--plugin-path", self.path("mine")])
        self.assertIn(f"usable: no: load plugin: {junk}: file too short\n", outcome.out.decode())

    def test_the_list_of_plugins_has_a_line_each(self):
        outcome = self.run_raw([self.fd2, "plugins"])
        self.assertStatus(outcome, 0)
        names = [line.split()[0] for line in outcome.out.decode().splitlines()]
        self.assertEqual(names, ["BACKEND", "pipe", "pty", "socketpair", "tcpshim", "tokio-like-async"])

    def test_the_help_has_no_two_blank_lines_in_a_row(self):
        for words in (["help", "run"], ["--help"], ["config", "--help"]):
            outcome = self.run_raw([self.fd2, *words])
            self.assertStatus(outcome, 0)
            self.assertNotIn(b"\n\n\n", outcome.out)


class Reports(harness.Case):
    """A path that stands for a descriptor is the descriptor: nothing is truncated."""

    def run_beside(self, options, command, **more):
        """What a log holds that fd2 and its command share with others, by lines."""
        log = self.write("log", "before\n")
        fd = os.open(log, os.O_WRONLY)
        os.lseek(fd, 0, os.SEEK_END)
        outcome = self.run_raw(self.fd2_run("sh", "-c", command, options=options), stdout=fd,
                               **more)
        os.write(fd, b"after\n")
        os.close(fd)
        self.assertStatus(outcome, 0)
        with open(log, encoding="utf-8") as file:
            return file.read().splitlines()

    def test_a_report_to_dev_stdout_goes_behind_what_is_there(self):
        for name in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
            lines = self.run_beside(["--stats", name], "echo mine")
            self.assertEqual(lines[:2] + lines[3:], ["before", "mine", "after"])
            self.assertEqual(json.loads(lines[2])["exit"], {"code": 0})

    def test_a_log_to_stdout_is_refused_and_no_file_of_that_name_is_made(self):
        outcome = self.run_raw(self.fd2_run("true", options=["--log", "-"]), cwd=self.dir)
        self.assertStatus(outcome, 125)
        self.assertIn(b"--log: - is not supported", outcome.err)
        self.assertFalse(os.path.exists(self.path("-")))

    def test_a_tail_to_dev_stderr_goes_behind_what_was_forwarded(self):
        lines = self.run_beside(["--tail-out", "/dev/stderr"], "echo words >&2", stderr=STDOUT)
        self.assertEqual(lines, ["before", "words", "words", "after"])

    def test_a_descriptor_that_nobody_gave_is_refused_before_the_command_runs(self):
        """3 is also what fd2 itself opens first."""
        for options in (["--stats", "/dev/fd/3"], ["--tail-out", "/proc/self/fd/3"],
                        ["--stats-fd", "3"]):
            outcome = self.run_raw(self.fd2_run("touch", self.path("ran"), options=options))
            self.assertStatus(outcome, 125)
            name = "descriptor 3" if options[1] == "3" else options[1]
            self.assertEqual(outcome.err.decode(), f"fd2: {options[0]}: {name} is not open "
                             "(EBADF); open it for writing: 3>FILE\n")
            self.assertFalse(os.path.exists(self.path("ran")))

    def test_a_descriptor_that_cannot_be_written_is_refused_before_the_command_runs(self):
        with open(os.devnull, "rb") as null:
            for options in (["--stats-fd", "9"], ["--stats", "/dev/fd/9"],
                            ["--tail-out", "/dev/fd/9"]):
                os.dup2(null.fileno(), 9)
                outcome = self.run_raw(self.fd2_run("touch", self.path("ran"), options=options),
                                       pass_fds=[9])
                os.close(9)
                self.assertStatus(outcome, 125)
                name = "descriptor 9" if options[1] == "9" else "/dev/fd/9"
                self.assertEqual(outcome.err.decode(), f"fd2: {options[0]}: {name} is open for "
                                 "reading only; open it for writing: 9>FILE\n")
                self.assertFalse(os.path.exists(self.path("ran")))
            outcome = self.run_raw(self.fd2_run("true", options=["--stats-fd", "0"]), stdin=null)
            self.assertEqual(outcome.err, b"fd2: --stats-fd: descriptor 0 is open for reading only; "
                             b"open it for writing: 0>FILE\n")

    def test_one_descriptor_may_have_both_reports(self):
        with open(self.path("both"), "wb") as both:
            os.dup2(both.fileno(), 9)
            outcome = self.run_raw(
                self.fd2_run("sh", "-c", "echo words >&2",
                             options=["--stats-fd", "9", "--tail-out", "/dev/fd/9"]), pass_fds=[9])
            os.close(9)
        self.assertStatus(outcome, 0)
        with open(self.path("both"), encoding="utf-8") as file:
            report, tail = file.read().splitlines()
        self.assertEqual((json.loads(report)["lines"], tail), (1, "words"))


class Beside(harness.Case):
    """Our own lines stand on lines of their own; the child's bytes stay as they are."""

    def explained(self, text, *options):
        """What stands before the first line of the explanation."""
        outcome = self.run_raw(self.fd2_run("sh", "-c", f"printf '{text}' >&2",
                                            options=["--explain", *options]))
        self.assertStatus(outcome, 0)
        before, found, _ = outcome.err.partition(b"fd2: backend")
        self.assertTrue(found, str(outcome))
        return before

    def test_a_command_that_was_killed_is_told_with_its_signal(self):
        outcome = self.run_raw(self.fd2_run("sh", "-c", "kill -KILL $$", options=["--explain"]))
        self.assertIn(b"fd2: the command was killed by SIGKILL\nfd2: cause: local-signal, confidence "
                      b"high (signal-kill)\n", outcome.err)

    def test_a_size_that_the_kernel_does_not_grant_is_told(self):
        with open("/proc/sys/fs/pipe-max-size", encoding="ascii") as file:
            limit = int(file.read())
        with open("/proc/sys/net/core/wmem_max", encoding="ascii") as file:
            granted = int(file.read())
        if limit >= 1 << 26 or granted >= 1 << 30:
            self.skipTest("the kernel grants everything")

        nobody = self.for_nobody()  # root may exceed the limit of pipes

        def told(*options):
            words = [*nobody, *self.fd2_run("true", options=["--set", "log.console=warning",
                                                             *options])]
            return [line for line in self.run_raw(words).err.decode().splitlines()
                    if "options." in line]

        self.assertRegex(
            "\n".join(told("--backend", "pipe", "--set", "options.pipe.capacity=64MiB")),
            r"\Afd2: warning: options\.pipe\.capacity: 64MiB refused by the kernel \(EPERM\); "
            rf"the limit is {limit} bytes \(fs\.pipe-max-size\); the pipe holds \d+ bytes\Z")
        for backend in ("socketpair", "tokio-like-async"):
            said = told("--backend", backend, "--set", f"options.{backend}.sndbuf=1GiB")
            self.assertRegex("\n".join(said), rf"\Afd2: warning: options\.{backend}\.sndbuf: asked "
                             r"for 1GiB, got \d+\w+ \(net\.core\.wmem_max\)\Z")
            self.assertEqual(told("--backend", backend), [])

    def test_the_first_line_of_a_log_knows_the_pid(self):
        """The command may write before the spawn has returned its number."""
        log = self.path("log")
        for _ in range(40):
            self.assertStatus(self.run_raw(self.fd2_run(self.child, "say", "o", "line", "0",
                                                        options=["--log", log])), 0)
        with open(log, encoding="utf-8") as file:
            lines = [each for each in map(json.loads, file) if each.get("text") == "line"]
        self.assertEqual(len(lines), 40)
        self.assertNotIn(None, [each["pid"] for each in lines])

    def test_a_note_begins_on_a_fresh_line_and_adds_no_empty_one(self):
        for options in ([], ["--forward", "lossy"], ["--forward", "lines"],
                        ["--set", "forward.when-blocked=drop"]):
            self.assertEqual(self.explained("unfinished", *options), b"unfinished\n")
            self.assertEqual(self.explained("whole\\n", *options), b"whole\n")
            self.assertEqual(self.explained("", *options), b"")
        self.assertEqual(self.explained("a\\r", "--forward", "raw"), b"a\r\n")
        self.assertEqual(self.explained("unseen", "--forward", "off"), b"")

    def test_a_fresh_line_is_made_once_and_only_where_something_is_said(self):
        command = ["sh", "-c", "printf unfinished >&2"]
        self.assertEqual(self.run_raw(self.fd2_run(*command)).err, b"unfinished")
        outcome = self.run_raw(self.fd2_run("sh", "-c", "printf unfinished >&2; exit 4", options=[
            "--set", "surface=always", "--explain"]))
        self.assertRegex(outcome.err, rb"\Aunfinished\nsh process .*\nunfinished\nfd2: backend")
        self.assertNotIn(b"\n\n", outcome.err)

    def test_a_note_after_bytes_that_had_to_wait_begins_on_a_fresh_line(self):
        """Our stderr is full: the child's bytes go out from the queue, later."""
        read, write = os.pipe()
        filled = harness.fill(write)
        process = self.spawn(self.fd2_run("sh", "-c", "printf unfinished >&2; read leash; exit 0",
                                          options=["--explain"]), stdin=PIPE, stderr=write)
        os.close(write)
        # The thread that writes later, beside the main one and the backend's.
        harness.until(lambda: len(os.listdir(f"/proc/{process.pid}/task")) >= 3, "its thread")
        process.stdin.close()
        said = harness.read_all(read)[filled:]
        os.close(read)
        self.assertEqual(process.wait(), 0)
        self.assertTrue(said.startswith(b"unfinished\nfd2: backend"), said)

    def test_what_is_surfaced_names_the_command_and_begins_on_a_fresh_line(self):
        script = "printf unfinished >&2; exit 4"
        self.script("ssh", script)
        other = self.script("other", script)
        for command, name in (("ssh", b"ssh"), (self.path("bin", "ssh"), b"ssh"),
                              (other, b"other")):
            outcome = self.run_raw(self.fd2_run(command, options=["--forward", "off"]))
            self.assertStatus(outcome, 4)
            self.assertEqual(outcome.err, name + b" process exited with status 4:\nunfinished\n")
        outcome = self.run_raw(self.fd2_run(other, options=["--set", "surface=always"]))
        self.assertEqual(outcome.err,
                         b"unfinished\nother process exited with status 4:\nunfinished\n")
        killed = self.script("killed", "printf words >&2; kill -TERM $$")
        outcome = self.run_raw(self.fd2_run(killed, options=["--forward", "off"]))
        self.assertEqual(outcome.err, b"killed process was killed by signal SIGTERM:\nwords\n")


if __name__ == "__main__":
    harness.main()
