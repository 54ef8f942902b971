"""Why commands fail: the `cause` in reports, `fd2 why`, and hints.

The failures of failures.py that cost little are made here and run through fd2; what all of them
said is recorded for the unit tests (tests/unit/cause). FD2_LONG=1 makes all.
"""

import json
import os
import re
import signal
import subprocess

import failures
import harness

# How many of each family are made, those that cost least: no time limits, few whole sessions.
HOW_MANY = {"auth": 6, "host-key": 5, "dns": 3, "refused": 5, "timeout": 2, "unreachable": 4,
            "proxy": 7, "mux": 5, "config": 16, "remote-command": 7, "remote-signal": 4,
            "local-signal": 3, "disk": 4, "rsync": 3, "git": 2, "advisory": 4}
COSTLY = re.compile("auth/(two|agent|wrong p)|config/(bad owner|no common|start-up)|disk/(r.*full|rsync"
                    "|scp|borg)|dns/scp|local-signal/terminated|mux/master|rsync/(perm|no r|shell)"
                    "|refused/rsync|git/(perm|host|push|hook|no)|timeout/(no|server|rsync d)"
                    "|remote-command/(sftp|scp|python)|advisory/(debug|x11|locale|shared|stty)")


def families(*names):
    out = []
    for name in names:
        ones = [one for one in failures.FAILURES if one.family == name]
        if not harness.LONG:
            ones = [one for one in ones if not COSTLY.match(one.name)][:HOW_MANY.get(name, 0)]
        out += ones
    return out


GROUPS = {
    "way": families("auth", "host-key", "dns", "refused", "timeout", "unreachable", "proxy"),
    "options": families("mux", "config"),
    "programs": families("remote-command", "remote-signal", "local-signal", "disk", "rsync", "git",
                         "borg", "advisory"),
}


class Made(harness.Case):
    """Real failures."""

    def run_through_fd2(self, world, one, report):
        run = one.make(world)
        argv = [*run.prefix, *self.fd2_run(*run.argv, options=["--set", f"report.file={report}",
                                                               "--hint"])]
        process = self.spawn(argv, env={**world.env, **run.env}, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, cwd=world.dir)
        if run.during:
            run.during(process.pid)
        if run.kills:
            command = [pid for pid in harness.descendants(process.pid)
                       if harness.parent_of(pid) == process.pid]
            os.kill(command[0], run.kills)
        said = process.communicate()[1]
        status = process.returncode
        if run.status is not None:
            self.assertIn(status, (run.status, 128 - run.status), one.name)
        self.assertNotEqual(status, 0, one.name)
        return said.decode(errors="replace")

    def judge(self, group):
        ones = GROUPS[group]
        world = failures.World(self.path("world"), {**self.env, "HOME": self.path("world", "home")})
        try:
            self.judge_in(world, group, ones)
        finally:
            world.close()  # before tearDown ends what is below

    def judge_in(self, world, group, ones):
        base = dict(world.env)
        right, skipped, wrong = 0, [], []
        for number, one in enumerate(ones):
            world.env = dict(base)
            report = self.path(f"reports{number}")
            try:
                said = self.run_through_fd2(world, one, report)
            except failures.Skip as why:
                skipped.append(f"{one.name}: {why}")
                continue
            with open(report, encoding="utf-8") as file:
                cause = json.loads(file.readlines()[-1])["cause"]
            good = cause["class"] == one.cls and (
                cause["line"] is None if one.line is None
                else bool(re.fullmatch(one.line, cause["line"] or "")))
            right += good
            if not good:
                wrong.append(f"{one.name}: {cause}\n{said}")
                # What cannot be known from outside is not claimed to be.
                self.assertTrue(one.unknowable, wrong[-1])
                self.assertEqual(cause["confidence"], "low", wrong[-1])
            self.assertIn("fd2: hint: ", said.splitlines()[-1], one.name)
            self.assertIn(cause["next"], said.splitlines()[-1], one.name)
        print(f"{group}: {right} of {len(ones) - len(skipped)} right, {len(skipped)} skipped",
              *skipped, *wrong, sep="\n  ")
        if len(skipped) == len(ones):
            self.skipTest(skipped[0])

    def test_no_way_to_the_host(self):
        harness.needs_tool("ssh", "sshd", "ssh-keygen")
        self.judge("way")

    def test_masters_and_options(self):
        harness.needs_tool("ssh", "sshd", "ssh-keygen")
        self.judge("options")

    def test_programs_signals_and_noise(self):
        harness.needs_tool("ssh", "sshd", "ssh-keygen", "rsync", "git")
        self.judge("programs")

    def test_enough_of_them_are_made(self):
        made = [one for group in GROUPS.values() for one in group]
        self.assertGreaterEqual(len(made), 60)
        # All others must be right: see judge_in.
        self.assertLessEqual(sum(one.unknowable for one in made) * 60, len(made) * 3)
        self.assertEqual({one.cls for one in made} | {"advisory", "unknown"},
                         {"auth", "host-key", "dns", "refused", "timeout", "unreachable", "proxy",
                          "mux", "config", "remote-command", "remote-signal", "local-signal",
                          "disk", "advisory", "unknown"})


REFUSED = "ssh: connect to host web1 port 22: Connection refused"
CHANGED = "Host key for [web1]:2222 has changed and you have requested strict checking."


class WhyCase(harness.Case):
    def setUp(self):
        super().setUp()
        # An ssh that says what SAY has and ends with STATUS.
        self.script("ssh", 'printf "%s" "$SAY" >&2; exit ${STATUS-255}\n')
        self.file = self.path("reports")
        self.setting = ["--set", f"report.file={self.file}"]

    def leave(self, say, status=255, options=(), command=("ssh", "web1", "true"), **more):
        outcome = self.run_raw(self.fd2_run(*command, options=[*self.setting, *options]),
                               env={**self.env, "SAY": say, "STATUS": str(status)}, **more)
        self.assertStatus(outcome, status)
        return outcome

    def cause(self):
        with open(self.file, encoding="utf-8") as file:
            return json.loads(file.readlines()[-1])["cause"]

    def why(self, *words, status=0, **more):
        outcome = self.run_raw([self.fd2, "why", *words], **more)
        self.assertStatus(outcome, status)
        if outcome.out:
            self.assertLessEqual(max(map(len, outcome.out.decode().splitlines())), 80)
        return outcome

    def data(self, *words, **more):
        outcome = self.run_raw([self.fd2, "why", "--json", *words], **more)
        return json.loads(outcome.out)

    def refused(self, *words, said, status=2, **more):
        outcome = self.why(*words, status=status, **more)
        self.assertIn(said, outcome.err.decode())
        self.assertEqual(outcome.out, b"")


class Reports(WhyCase):
    def test_a_failure_has_its_cause_and_a_success_has_none(self):
        self.leave(REFUSED + "\n")
        cause = self.cause()
        self.assertEqual((cause["class"], cause["confidence"], cause["line"], cause["rule"]),
                         ("refused", "high", REFUSED, "ssh-refused"))
        self.leave(REFUSED + "\n", status=0)
        self.assertIsNone(self.cause())

    def test_what_was_said_and_the_status_are_the_commands_own(self):
        for status in (0, 1, 255):
            outcome = self.leave("x" + REFUSED, status=status)
            self.assertEqual((outcome.out, outcome.err), (b"", b"x" + REFUSED.encode()))

    def test_noise_alone_is_no_cause(self):
        self.leave("Warning: Permanently added 'web1' (ED25519) to the list of known hosts.\r\n"
                   "** WARNING: connection is not using a post-quantum key exchange algorithm.\n",
                   status=3)
        self.assertEqual((self.cause()["class"], self.cause()["line"]), ("remote-command", None))

    def test_the_end_is_looked_at_and_not_the_beginning(self):
        self.leave("root@web1: Permission denied (publickey).\n" + "x" * 5000 + f"\n{REFUSED}\n",
                   options=["--tail", "200B"])
        self.assertEqual(self.cause()["class"], "refused")

    def test_a_signal_that_fd2_passes_on_is_the_cause(self):
        mark = self.path("up")
        self.script("ssh", f"trap 'exit 255' TERM; touch {mark}; while :; do sleep 0.01; done\n")
        process = self.spawn(self.fd2_run("ssh", "web1", options=self.setting))
        harness.until(lambda: os.path.exists(mark), "the command")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(), 255)
        self.assertEqual((self.cause()["class"], self.cause()["rule"]),
                         ("local-signal", "signal-passed-on"))

    def test_without_a_capture_only_the_status_is_judged(self):
        options = ["--set", "transport=async", "--set", "features.ssh-socketpair-stderr=false"]
        self.leave("", options=options)
        cause = self.cause()
        self.assertEqual((cause["class"], cause["confidence"], cause["rule"]),
                         ("unknown", "low", None))
        self.assertIn("Nothing of its stderr was captured", cause["next"])
        self.leave("", status=3, options=options)
        self.assertEqual(self.cause()["class"], "remote-command")
        self.leave("")  # captured, and nothing was said
        self.assertEqual(self.cause()["rule"], "ssh-255-said-nothing")

    def test_failures_are_counted_by_class(self):
        for say in (REFUSED, REFUSED, CHANGED):
            self.leave(say)
        self.leave("", status=0)
        with open(self.file, encoding="utf-8") as file:
            last = json.loads(file.readlines()[1])
        del last["cause"]  # as an older fd2 wrote it
        with open(self.file, "a", encoding="utf-8") as file:
            file.write(json.dumps(last) + "\n")
        report = [self.fd2, "report", self.file]
        data = json.loads(self.run_raw([*report, "--json"]).out)
        self.assertEqual(data["causes"], [{"command": "ssh", "class": "refused", "runs": 2},
                                          {"command": "ssh", "class": "host-key", "runs": 1}])
        self.assertEqual(data["failed"], 4)
        self.assertIn(b"Causes of failures\n  RUNS  COMMAND  CAUSE\n     2  ssh      refused\n",
                      self.run_raw(report).out)
        self.assertIn(b'fd2_failure_causes_total{command="ssh",class="refused"} 2\n',
                      self.run_raw([*report, "--prometheus"]).out)


class Hint(WhyCase):
    def test_one_line_below_a_failure(self):
        outcome = self.leave(CHANGED + "\n", options=["--hint"])
        said, hint = outcome.err.decode().splitlines()
        self.assertEqual(said, CHANGED)
        self.assertEqual(hint, "fd2: hint: ssh: host-key: Find out why the key changed. Only if "
                               "that is right, remove the old one: ssh-keygen -R '[web1]:2222'")

    def test_nothing_without_it_and_nothing_below_a_success(self):
        self.assertEqual(self.leave(CHANGED).err, CHANGED.encode())
        for options in (["--hint"], ["--set", "why.hint=true"]):
            self.assertEqual(self.leave(CHANGED, status=0, options=options).err, CHANGED.encode())

    def test_by_configuration_and_through_a_link(self):
        os.mkdir(self.path("config", "fd2"))
        self.write("config/fd2/fd2.yaml", "why: {hint: true}\n")
        self.run_raw([self.fd2, "link", self.path("links")])
        outcome = self.run_raw([self.path("links", "ssh"), "web1"],
                               env={**self.env, "SAY": REFUSED + "\n"})
        self.assertStatus(outcome, 255)
        self.assertIn(b"fd2: hint: ssh: refused: The host answers", outcome.err)

    def test_what_the_remote_host_wrote_gets_into_no_shell(self):
        for name in ("$(reboot)", "a;reboot", "-oProxyCommand=x", "a b", "a'b", ""):
            outcome = self.leave(CHANGED.replace("[web1]:2222", name), options=["--hint"])
            self.assertTrue(outcome.err.endswith(b"ssh-keygen -R HOST\n"), outcome.err)

    def test_a_doubtful_cause_is_called_so(self):
        self.assertIn(b"fd2: hint: ssh: perhaps refused: ",
                      self.leave(REFUSED + "\nand then?\n", options=["--hint"]).err)

    def test_a_reader_that_is_gone_does_not_change_the_status(self):
        read, write = os.pipe()
        os.close(read)
        self.leave(CHANGED, options=["--hint"], stderr=write)
        os.close(write)


class Texts(WhyCase):
    def test_a_stderr_from_a_file_and_from_standard_input(self):
        path = self.write("err", f"debug1: x\n{CHANGED}\nHost key verification failed.\n")
        text = self.why(path).out.decode()
        self.assertEqual(text.splitlines()[0], "cause       host-key, confidence high")
        self.assertIn("line        Host key for [web1]:2222 has changed and you have requested strict\n"
                      "            checking.\n", text)
        self.assertIn("rule        ssh-host-key-changed (ssh; OpenSSH 9.2)\n", text)
        with open(path, "rb") as file:
            self.assertEqual(self.why("-", stdin=file).out.decode(), text)

    def test_status_and_tool_say_whose_words_they_are(self):
        path = self.write("err", REFUSED + "\n")
        for words, cls, status in (([], "refused", 0),
                                   (["--tool", "ssh"], "refused", 0),
                                   (["--status", "255", "--tool", "ssh"], "refused", 0),
                                   (["--status", "7", "--tool", "ssh"], "remote-command", 0),
                                   (["--status", "SIGKILL", "/dev/null"], "local-signal", 0)):
            data = self.data(*words, *([] if "/dev/null" in words else [path]))
            self.assertEqual((data["schema"], data["cause"]["class"]), ("fd2.why/1", cls), words)
            self.why(*words, *([] if "/dev/null" in words else [path]), status=status)
        self.assertEqual(self.data("--status", "SIGTERM", path)["exit"],
                         {"signal": 15, "core": False})

    def test_unknown_is_said_with_the_last_line(self):
        path = self.write("err", "frobnicated\n" + "y" * 300 + "\n")
        text = self.why(path, status=1).out.decode()
        self.assertIn("cause       unknown, confidence low\n", text)
        self.assertEqual(self.data(path)["cause"]["line"], "y" * 300)

    def test_a_large_text_takes_little_memory_and_its_end_counts(self):
        path = self.path("err")
        with open(path, "w", encoding="utf-8") as file:
            for number in range(60_000):
                file.write(f"{{{number}}} root@web1: Permission denied (publickey).\n")
            file.write("debug1: x\n" * 250 + REFUSED + "\n")
        self.assertEqual(self.data(path)["cause"]["class"], "refused")

    def test_json_of_others_is_a_text(self):
        path = self.write("err", '{"time":"now","level":"error","message":"no"}\n{"a":1}\n'
                                 f"{REFUSED}\n")
        self.assertEqual(self.data(path)["cause"]["class"], "refused")


class Recorded(WhyCase):
    def test_the_last_failed_run_is_explained(self):
        self.leave(CHANGED)
        self.leave(REFUSED)
        self.leave("", status=0)
        with open(self.file, encoding="utf-8") as file:
            reports = [json.loads(line) for line in file]
        data = self.data(self.file)
        self.assertEqual((data["line"], data["command"], data["exit"], data["started"]),
                         (2, ["ssh", "web1", "true"], {"code": 255},
                          reports[1]["times"]["started"]))
        self.assertEqual({name: value for name, value in data["cause"].items()
                          if name not in ("tool", "versions")}, reports[1]["cause"])
        text = self.why(*self.setting).out.decode()
        self.assertEqual(text.splitlines()[0], "ssh web1 true: status 255")
        self.assertIn("(line 2 of\n", text.replace(" of " + self.file, " of\n"))

    def test_nothing_failed(self):
        self.leave("", status=0)
        self.refused(self.file, said=f"fd2: why: no failed run in {self.file} (1 run)", status=1)
        self.assertIsNone(self.data(self.file)["cause"])

    def test_a_log_has_the_lines(self):
        log = self.path("log")
        self.setting = ["--log", log]
        self.leave("first\n")
        self.leave(REFUSED + "\n")
        with open(log, encoding="utf-8") as file:
            records = [json.loads(line) for line in file]
        self.assertEqual(self.data(log)["cause"]["class"], "refused")
        for record in records:  # as an older fd2 wrote it
            record.get("report", {}).pop("cause", None)
        self.write("log", "".join(json.dumps(record) + "\n" for record in records))
        data = self.data(log)
        self.assertEqual((data["cause"]["class"], data["cause"]["line"]), ("refused", REFUSED))

    def test_an_older_report_tells_the_status_only(self):
        self.leave(REFUSED)
        with open(self.file, encoding="utf-8") as file:
            report = json.loads(file.readline())
        del report["cause"]
        self.write("reports", json.dumps(report) + "\n")
        cause = self.data(self.file)["cause"]
        self.assertEqual((cause["class"], cause["rule"]), ("unknown", None))
        report["exit"] = {"signal": 9, "core": False}
        self.write("reports", json.dumps(report) + "\n")
        self.assertEqual(self.data(self.file)["cause"]["class"], "local-signal")

    def test_damage(self):
        self.leave(REFUSED)
        with open(self.file, encoding="utf-8") as file:
            good = file.read()
        self.write("reports", good[:300] + "\n" + good)
        outcome = self.why(self.file)
        self.assertIn(f"why: warning: {self.file}: line 1 is damaged or no report".encode(),
                      outcome.err)
        self.write("reports", good[:300] + "\n")
        self.refused(self.file, said=f"{self.file}: line 1 is damaged or no report, and no other")
        for member in ("exit", "command", "times", "pid"):
            broken = json.loads(good)
            broken[member] = "nonsense"
            self.write("reports", json.dumps(broken) + "\n")
            self.refused(self.file, said="line 1 is damaged")

    def test_what_is_wrong_is_said_with_advice(self):
        missing, text = self.path("missing"), self.write("err", "x\n")
        self.leave(REFUSED)
        self.refused(said="no FILE, and report.file is off (outside of rules); name a file")
        self.refused(missing, said=f"why: open: {missing}")
        self.refused(self.dir, said=f"why: read: {self.dir}")
        self.refused("--set", f"report.file={missing}", said="the first run that is reported")
        self.refused("--status", "0", text, said='--status: "0" is no status of a failure; write 1')
        self.refused("--status", "SIGNONE", text, said='"SIGNONE" is no status')
        self.refused("--status", "256", text, said='"256" is no status')
        self.refused("--status", "1", said="--status and --tool describe a text; name its FILE")
        self.refused("--status", "1", self.file, said="these are reports, which say how")
        self.refused("--tool", "", text, said="why: --tool: empty value")
        self.refused("--list", "--json", said="--list and --rules stand alone")
        self.refused("--lst", said="did you mean '--list'")
        self.refused("/dev/null", said="/dev/null: is empty; say how the command ended", status=1)


RULE = """causes:
- id: ours
  class: config
  tool: ssh
  versions: ours
  line: "*Connection refused"
  next: "Call Anna about {1:IT}."
"""


class Rules(WhyCase):
    def setUp(self):
        super().setUp()
        self.rules = self.write("rules.yaml", RULE)
        self.given = ["--set", f"why.rules={self.rules}"]

    def test_they_come_before_ours(self):
        self.leave(REFUSED, options=self.given)
        self.assertEqual((self.cause()["rule"], self.cause()["class"], self.cause()["next"]),
                         ("ours", "config", "Call Anna about IT."))
        path = self.write("err", REFUSED)
        self.assertEqual(self.data(*self.given, path)["cause"]["versions"], "ours")
        self.assertEqual(self.data(path)["cause"]["rule"], "ssh-refused")

    def test_lists(self):
        text = self.why("--list", *self.given).out.decode()
        self.assertRegex(text, r"\n  config +ours +ssh +ours\n")
        self.assertRegex(text, r"\n  refused +ssh-refused +ssh +OpenSSH 9\.2\n")
        printed = self.run_raw([self.fd2, "why", "--rules", *self.given])
        self.assertIn(b"- id: ours\n", printed.out)
        again = self.write("again.yaml", printed.out.decode())
        self.assertEqual(self.why("--list", "--set", f"why.rules={again}").out.count(b"  ours "), 1)

    def test_a_mistake_ends_a_run_before_it_starts(self):
        self.write("rules.yaml", RULE.replace("config", "confg"))
        os.mkdir(self.path("config", "fd2"))
        config = self.write("config/fd2/fd2.yaml", f"why:\n  rules: {self.rules}\n")
        said = (f'{self.rules}:3:10: error: causes[0].class: "confg" is not a valid choice '
                f'(why.rules, set by {config}:2:10); did you mean "config"?')
        mark = self.path("ran")
        outcome = self.run_raw(self.fd2_run("touch", mark))
        self.assertStatus(outcome, 125)
        self.assertIn(said, outcome.err.decode())
        self.assertFalse(os.path.exists(mark))
        self.refused("-", said=said)
        check = self.run_raw([self.fd2, "config", "check"])
        self.assertStatus(check, 1)
        self.assertIn(f'{self.rules}:3:10: error: causes[0].class', check.err.decode())
        self.assertIn(b"causes[0].class", self.run_raw([self.fd2, "doctor"]).out)

    def test_a_link_goes_on_without_them(self):
        self.write("rules.yaml", RULE.replace("config", "confg"))
        os.mkdir(self.path("config", "fd2"))
        self.write("config/fd2/fd2.yaml", f"why: {{rules: {self.rules}, hint: true}}\n")
        self.run_raw([self.fd2, "link", self.path("links")])
        outcome = self.run_raw([self.path("links", "ssh"), "web1"],
                               env={**self.env, "SAY": REFUSED + "\n"})
        self.assertStatus(outcome, 255)
        self.assertEqual(outcome.err.decode().count("this rule is ignored"), 1)
        self.assertIn(b"fd2: hint: ssh: refused: ", outcome.err)

    def test_files_that_others_can_write_are_refused(self):
        os.chmod(self.rules, 0o666)
        outcome = self.run_raw(self.fd2_run("true", options=self.given))
        self.assertStatus(outcome, 125)
        self.assertIn(b"writable by others", outcome.err)
        missing = self.run_raw(self.fd2_run("true", options=["--set", "why.rules=/no/such.yaml"]))
        self.assertStatus(missing, 125)
        self.assertIn(b"/no/such.yaml: error: does not exist (why.rules, set by --set); create it",
                      missing.err)

    def test_disabled_they_do_not_matter(self):
        outcome = self.run_raw(self.fd2_run("true", options=["--set", "why.rules=/no/such.yaml"]),
                               env={**self.env, "FD2_DISABLE": "1"})
        self.assertStatus(outcome, 0)


if __name__ == "__main__":
    harness.main()
