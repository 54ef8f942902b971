"""`rules:`: settings for some commands only, by what they are, and for a part of them."""

import json
import os
import pty
import pwd
import subprocess

import harness

SET = "set: {forward: {mode: lines, prefix: 'p: '}}"


def murmur3_32(data):
    """MurmurHash3_x86_32 with the seed 0, written down once more."""
    def mixed(block):
        block = block * 0xcc9e2d51 & 0xffffffff
        block = (block << 15 | block >> 17) & 0xffffffff
        return block * 0x1b873593 & 0xffffffff

    value, whole = 0, len(data) // 4 * 4
    for at in range(0, whole, 4):
        value ^= mixed(int.from_bytes(data[at:at + 4], "little"))
        value = (value << 13 | value >> 19) & 0xffffffff
        value = (value * 5 + 0xe6546b64) & 0xffffffff
    value ^= mixed(int.from_bytes(data[whole:], "little"))
    value ^= len(data)
    value = (value ^ value >> 16) * 0x85ebca6b & 0xffffffff
    value = (value ^ value >> 13) * 0xc2b2ae35 & 0xffffffff
    return value ^ value >> 16


class RulesCase(harness.Case):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("config", "fd2"))
        self.file = self.path("config", "fd2", "fd2.yaml")
        # Says what it was called with; no connection is made.
        self.script("ssh", 'echo "$*" >&2\n')

    def rules(self, *rules, before=""):
        text = before + "rules:\n" + "".join(f"- {rule}\n" for rule in rules)
        return self.write("config/fd2/fd2.yaml", text)

    def applies(self, *words, options=(), **more):
        """Whether the rule that prefixes lines was applied."""
        outcome = self.run_raw(self.fd2_run(*words, options=options), **more)
        self.assertStatus(outcome, 0)
        return outcome.err.startswith(b"p: ")

    def explained(self, *words, options=(), **more):
        outcome = self.run_raw([self.fd2, "config", "explain", "--json", *options, "--", *words],
                               **more)
        self.assertStatus(outcome, 0)
        return json.loads(outcome.out)


class Rules(RulesCase):
    # conditions

    def test_by_host_as_ssh_reads_its_command_line(self):
        self.rules(f"{{when: {{host: web1}}, {SET}}}")
        for words in (["web1"], ["user@web1", "cmd"], ["a@b@web1"], ["-l", "db1", "web1"],
                      ["-p22", "-vv", "web1", "db1"], ["ssh://web1"], ["ssh://user@web1:22"],
                      ["-o", "HostName=db1", "web1"], ["--", "web1"], ["-J", "db1", "web1", "x"]):
            self.assertTrue(self.applies("ssh", *words), words)
            self.assertTrue(self.applies(self.path("bin", "ssh"), *words), words)
        for words in (["db1", "web1"], ["-l", "web1", "db1"], ["web1@db1"], ["ssh://web1@db1:22"],
                      ["-o", "HostName=web1", "db1"], ["-V"], []):
            self.assertFalse(self.applies("ssh", *words), words)
        self.assertFalse(self.applies("sh", "-c", "echo x >&2", "web1"))

    def test_lists_of_globs_with_negated_ones(self):
        self.rules(f"{{when: {{host: ['web*', 'db[12]', '!web9']}}, {SET}}}")
        self.assertEqual([self.applies("ssh", host) for host in ("web1", "db2", "web9", "db3")],
                         [True, True, False, False])

    def test_by_command_user_link_and_terminal(self):
        me = pwd.getpwuid(os.getuid()).pw_name
        say = ["sh", "-c", "echo x >&2"]
        for condition, expected in (
                ("command: sh", True), ("command: 's*'", True), ("command: ssh", False),
                (f"user: {me}", True), (f"user: ['*', '!{me}']", False), ("link: '*'", False),
                ("terminal: false", True), ("terminal: true", False), ("", True),
                (f"command: sh, user: {me}", True), (f"command: ssh, user: {me}", False)):
            self.rules(f"{{when: {{{condition}}}, {SET}}}")
            self.assertEqual(self.applies(*say), expected, condition)

    def test_by_link(self):
        os.mkdir(self.path("links"))
        os.symlink(self.fd2, self.path("links", "ssh"))
        self.env["PATH"] = self.path("links") + ":" + self.env["PATH"]
        for link, expected in (("ssh", True), ("'s*'", True), ("rsh", False)):
            self.rules(f"{{when: {{link: {link}, host: web1}}, {SET}}}")
            outcome = self.run_raw(["ssh", "me@web1"])
            self.assertEqual(outcome.err, b"p: me@web1\n" if expected else b"me@web1\n")
        self.rules(f"{{when: {{link: ssh}}, {SET}}}")
        self.assertFalse(self.applies(self.path("bin", "ssh"), "web1"))

    def test_on_a_terminal(self):
        self.rules(f"{{when: {{terminal: true}}, {SET}}}")
        master, slave = pty.openpty()
        process = self.spawn(self.fd2_run("sh", "-c", "echo x >&2"), stderr=slave)
        os.close(slave)
        said = harness.read_all(master)
        os.close(master)
        self.assertEqual((process.wait(), said), (0, b"p: x\r\n"))

    # which rule

    def test_only_the_first_that_fits_applies(self):
        self.rules("{name: a, when: {host: db1}, set: {surface: never}}",
                   f"{{name: b, when: {{host: 'web*'}}, {SET}}}",
                   "{name: c, set: {capture: {tail: 1KiB}}}")
        seen = self.explained("ssh", "web1")
        self.assertEqual([(rule["name"], rule["result"]) for rule in seen["rules"]],
                         [("a", "differs"), ("b", "applies"), ("c", "shadowed")])
        self.assertEqual([(value["key"], value["value"], value["by_rule"], value["line"])
                          for value in seen["values"] if value["source"] == "file"],
                         [("forward.mode", "lines", True, 3), ("forward.prefix", "p: ", True, 3)])
        self.assertEqual(seen["facts"]["host"], "web1")

    def test_an_empty_set_exempts(self):
        self.rules("{when: {host: web1}, set: {}}", f"{{when: {{host: 'web*'}}, {SET}}}")
        self.assertEqual([self.applies("ssh", host) for host in ("web1", "web2")], [False, True])

    def test_variables_and_options_win_over_a_rule(self):
        self.rules("{set: {forward: {mode: off}}}")
        self.assertEqual(self.run_raw(self.fd2_run("ssh", "x")).err, b"")
        self.assertEqual(self.run_raw(self.fd2_run("ssh", "x", options=["--forward", "raw"])).err,
                         b"x\n")
        self.assertEqual(self.run_raw(self.fd2_run("ssh", "x"),
                                      env=dict(self.env, FD2_FORWARD_MODE="raw")).err, b"x\n")

    def test_a_rule_switches_fd2_off_or_on(self):
        words = self.fd2_run("sh", "-c", "echo $$")

        def becomes(**more):
            process = self.spawn(words, stdout=subprocess.PIPE, **more)
            out, _ = process.communicate()
            return int(out) == process.pid

        self.rules("{when: {command: sh}, set: {enabled: false}}")
        self.assertTrue(becomes())
        self.rules("{when: {command: sh}, set: {enabled: true}}", before="enabled: false\n")
        self.assertFalse(becomes())
        self.rules("{when: {command: bash}, set: {enabled: true}}", before="enabled: false\n")
        self.assertTrue(becomes())

    # rollouts

    def test_a_rollout_reaches_the_buckets_below_its_percentage(self):
        hosts = [f"host{number}" for number in range(12)]
        below = [murmur3_32(f"a salt:{host}".encode()) % 10000 < 5000 for host in hosts]
        self.assertIn(True, below)
        self.assertIn(False, below)
        self.rules(f"{{rollout: {{percent: 50, by: [host], salt: a salt}}, {SET}}}")
        self.assertEqual([self.applies("ssh", host) for host in hosts], below)

    def test_by_machine_is_by_machine_id_or_by_the_host_name(self):
        key = ""
        if os.path.exists("/etc/machine-id"):
            with open("/etc/machine-id", encoding="ascii") as file:
                key = file.read().strip()
        key = key or os.uname().nodename
        self.rules(f"{{rollout: {{percent: 100, by: [machine, user], salt: s}}, {SET}}}")
        me = pwd.getpwuid(os.getuid()).pw_name
        rollout = self.explained("ssh", "x")["rules"][0]["rollout"]
        self.assertEqual(rollout, {"percent": 100, "by": ["machine", "user"], "salt": "s",
                                   "bucket": murmur3_32(f"s:{key}:{me}".encode()) % 10000 / 100})

    # mistakes

    def test_mistakes_name_the_place_and_what_to_write(self):
        for rule, said in (
                ("{when: {hots: a}, set: {}}", '2:11: error: rules[0].when.hots: unknown condition; '
                 'did you mean "host"?'),
                ("{wehn: {host: a}, set: {}}", '2:4: error: rules[0].wehn: unknown key; did you mean '
                 '"when"?'),
                ("{when: {host: a}}", "2:3: error: rules[0]: has no set; write `set: { KEY: VALUE }`"),
                ("{set: {capture: {tial: 1KiB}}}", '2:20: error: capture.tial: unknown key; did you '
                 'mean "tail"?'),
                ("{set: {rules: []}}", "2:10: error: rules: a rule cannot set rules; delete it"),
                ("{when: {terminal: maybe}, set: {}}", '2:21: error: rules[0].when.terminal: "maybe" '
                 "is not a boolean; write true or false"),
                ("{when: {host: 10}, set: {}}", '2:17: error: rules[0].when.host: "10" would be read '
                 "as something other than text; put it in quotes"),
                ("{when: {host: !web1}, set: {}}", "2:17: error: rules.when.host: tags are not "
                 "supported; delete it, or put the value in quotes if it begins with !"),
                ("{when: {host: *.example.org}, set: {}}", "aliases are not supported; write the "
                 "value out, or put it in quotes if it begins with *"),
                ("{rollout: {percent: 120, by: host, salt: s}, set: {}}", '2:23: error: '
                 'rules[0].rollout.percent: "120" is not a percentage; write 0 to 100'),
                ("{rollout: {percent: 10%, by: host, salt: s}, set: {}}", '"10%" is not a percentage'),
                ("{rollout: {percent: 1.234, by: host, salt: s}, set: {}}",
                 '"1.234" is not a percentage'),
                ("{rollout: {percent: 10, by: hots, salt: s}, set: {}}", '2:31: error: '
                 'rules[0].rollout.by: "hots" is not a valid name; did you mean "host"?'),
                ("{rollout: {percent: 10, by: host}, set: {}}",
                 "2:4: error: rules[0].rollout: has no salt; write a name")):
            path = self.rules(rule)
            outcome = self.run_raw(self.fd2_run("true"))
            self.assertStatus(outcome, 125)
            self.assertIn(said, outcome.err.decode())
            self.assertTrue(outcome.err.decode().startswith(f"fd2: {path}:2:"), outcome.err)

    def test_only_negated_patterns_are_warned_about_by_a_check(self):
        path = self.rules("{when: {host: ['!web1']}, set: {}}")
        outcome = self.run_raw([self.fd2, "config", "check"])
        self.assertStatus(outcome, 0)
        self.assertIn(f"{path}:2:17: warning: rules[0].when.host: only negated patterns: the rule "
                      "never applies", outcome.err.decode())
        self.assertEqual(self.run_raw(self.fd2_run("ssh", "x")).err, b"x\n")

    def test_a_check_looks_at_the_options_of_backends_in_rules(self):
        self.rules("{when: {host: a}, set: {options: {pipe: {capacity: much}}}}")
        outcome = self.run_raw([self.fd2, "config", "check"])
        self.assertStatus(outcome, 1)
        self.assertIn(b"options.pipe.capacity", outcome.err)
        self.rules("{when: {host: a}, set: {backends: {sync: [nosuch, pipe]}}}")
        outcome = self.run_raw([self.fd2, "config", "check"])
        self.assertStatus(outcome, 0)
        self.assertIn(b'no backend "nosuch"', outcome.err)

    def test_rules_are_written_in_files_only(self):
        outcome = self.run_raw(self.fd2_run("true", options=["--set", "rules=x"]))
        self.assertStatus(outcome, 125)
        self.assertIn(b"rules are written in files only", outcome.err)

    def test_a_link_goes_on_without_a_file_with_a_wrong_rule(self):
        os.mkdir(self.path("links"))
        os.symlink(self.fd2, self.path("links", "ssh"))
        self.env["PATH"] = self.path("links") + ":" + self.env["PATH"]
        self.rules("{when: {hots: web1}, set: {enabled: false}}")
        outcome = self.run_raw(["ssh", "web1"])
        self.assertStatus(outcome, 0)
        self.assertIn(b"this file is ignored\n", outcome.err)


class Explain(RulesCase):
    def test_explain_says_all_in_words(self):
        path = self.rules("{name: web, when: {host: 'web*'}, set: {capture: {tail: 1KiB}}}",
                          "{when: {host: 'db*'}, rollout: {percent: 0, by: host, salt: s}, set: {}}",
                          before="enabled: false\n")
        bucket = murmur3_32(b"s:db1") % 10000 / 100
        outcome = self.run_raw([self.fd2, "config", "explain", "--", "ssh", "-p", "22", "db1"])
        self.assertStatus(outcome, 0)
        lines = outcome.out.decode().splitlines()
        self.assertIn(f"file {path}: read", lines)
        self.assertIn("host: db1", lines)
        self.assertIn("link: (none)", lines)
        self.assertIn(f'rule "web" ({path}:3:3): does not apply: host "db1" does not match web*',
                      lines)
        self.assertIn(f"rule {path}:4:3: does not apply: bucket {bucket:g} is not below 0 percent "
                      '(rollout of 0 percent by host, salt "s")', lines)
        self.assertIn(f"enabled: false  # {path}:1:10", lines)
        self.assertIn(f"fd2 is disabled by {path}:1:10 (enabled: false)", lines)
        outcome = self.run_raw([self.fd2, "config", "explain", "--set", "enabled=true", "ssh",
                                "web1", "--json"])
        self.assertIn(f"capture.tail: 1KiB  # {path}:3:59, by the rule",
                      outcome.out.decode().splitlines())

    def test_show_says_that_there_are_rules(self):
        self.rules("{set: {surface: never}}", "{set: {}}")
        outcome = self.run_raw([self.fd2, "config", "show", "--origin"])
        self.assertIn("# 2 rules not applied here: fd2 config explain -- COMMAND",
                      outcome.out.decode().splitlines())
        self.assertEqual(self.run_raw([self.fd2, "config", "show", "surface"]).out, b"on-loss\n")

    def test_explain_as_through_a_link(self):
        self.rules("{when: {link: ssh}, set: {surface: never}}")
        self.assertEqual(self.explained("ssh", "x")["rules"][0]["result"], "differs")
        seen = self.explained("ssh", "x", options=["--link", "ssh"])
        self.assertEqual(seen["rules"][0]["result"], "applies")

    def test_explain_without_a_command_is_wrong_usage(self):
        for words in ([], ["--"], ["--jsno", "--", "ssh"]):
            outcome = self.run_raw([self.fd2, "config", "explain", *words])
            self.assertStatus(outcome, 2)
            self.assertIn(b"fd2: config explain: ", outcome.err)

    def test_explain_of_a_wrong_configuration_is_1(self):
        self.write("config/fd2/fd2.yaml", "surface: sometimes\n")
        outcome = self.run_raw([self.fd2, "config", "explain", "--", "ssh", "x"])
        self.assertStatus(outcome, 1)
        self.assertIn(b"surface", outcome.err)


class Ssh(harness.SshCase):
    def test_rsync_scp_and_git_reach_a_rule_by_host(self):
        """They call ssh: its command line names the host."""
        harness.needs_tool("rsync", "scp", "git")
        os.mkdir(self.path("config", "fd2"))
        self.write("config/fd2/fd2.yaml", f"rules:\n- when: {{host: {self.host}}}\n"
                   f"  set: {{log: {{file: {self.path('log')}, lines: true}}}}\n")
        self.assertStatus(self.run_raw([self.fd2, "link", self.path("links")]), 0)
        self.script("ssh", f'exec /usr/bin/ssh -F {self.server.config} "$@"\n')
        self.env["PATH"] = f"{self.path('links')}:{self.env['PATH']}"
        self.write("file", "text\n")
        for words in (
                ["rsync", "-e", f"{self.fd2} run -- ssh", self.path("file"),
                 f"{self.host}:{self.path('absent', 'x')}"],
                ["scp", "-O", "-S", self.path("links", "ssh"), f"{self.host}:{self.path('absent')}",
                 self.path("copy")],
                ["git", "ls-remote", f"ssh://{self.host}{self.path('absent')}"]):
            with self.subTest(words[0]):
                if os.path.exists(self.path("log")):
                    os.unlink(self.path("log"))
                outcome = self.run_raw(words)
                self.assertNotEqual(outcome.code, 0, str(outcome))
                self.assertTrue(os.path.exists(self.path("log")))


if __name__ == "__main__":
    harness.main()
