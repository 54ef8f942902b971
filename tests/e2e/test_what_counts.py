"""Which settings counted: in the report, in --explain, and in `config check` and `doctor`."""

import json
import os

import harness


class WhatCounts(harness.Case):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("config", "fd2"))
        self.script("ssh", 'echo "$*" >&2\n')

    def test_a_run_says_which_rule_applies(self):
        path = self.write("config/fd2/fd2.yaml", "rules:\n- {name: web, when: {host: web1}, rollout: "
                          "{percent: 100, by: host, salt: s}, set: {capture: {tail: 1KiB}}}\n")
        bucket = 71.64  # MurmurHash3_x86_32 of s:web1 is 0x50fada4c
        report = self.report()
        outcome = self.run_raw(self.fd2_run("ssh", "web1", report=report, options=["--explain"]))
        self.assertIn(f'fd2: rule "web" ({path}:2:3) applies: bucket {bucket} is below 100 percent',
                      outcome.err.decode())
        self.assertEqual(report.stats["rule"], {"name": "web", "file": path, "line": 2,
                                                "percent": 100, "bucket": bucket})
        outcome = self.run_raw(self.fd2_run("ssh", "db1", report=report, options=["--explain"]))
        self.assertNotIn(b"rule", outcome.err)
        self.assertIsNone(report.stats["rule"])

    def test_a_flag_that_is_off_is_seen(self):
        path = self.write("config/fd2/fd2.yaml", "features: {ssh-socketpair-stderr: false}\n")
        origin = f"{path}:1:35"
        report = self.report()
        outcome = self.run_raw(self.fd2_run("ssh", "x", report=report, options=["--explain"]))
        self.assertIn(f"fd2: features.ssh-socketpair-stderr is off ({origin}), which has no effect "
                      "on this run\n", outcome.err.decode())
        self.assertEqual((report.stats["flag"], report.stats["flag_origin"],
                          report.stats["flag_counts"]), (False, origin, False))
        outcome = self.run_raw(self.fd2_run("ssh", "x", report=report, options=[
            "--explain", "--transport", "async"]))
        self.assertIn(f"fd2: features.ssh-socketpair-stderr is off ({origin})\n",
                      outcome.err.decode())
        self.assertTrue(report.stats["flag_counts"])
        for words in (["check"], ["check", path]):
            outcome = self.run_raw([self.fd2, "config", *words])
            self.assertStatus(outcome, 0)
            self.assertIn(f"{origin}: warning: features.ssh-socketpair-stderr: has no effect on fd2 "
                          "run, because transport is sync (built-in)", outcome.err.decode())
        outcome = self.run_raw([self.fd2, "doctor"])
        self.assertIn(b"has no effect on fd2 run", outcome.out)

    def test_a_disabled_fd2_is_seen_by_check_and_doctor(self):
        path = self.write("config/fd2/fd2.yaml", "enabled: false\nsurface: sometimes\n")
        outcome = self.run_raw([self.fd2, "config", "check"])
        self.assertStatus(outcome, 1)
        self.assertIn(f"{path}:1:10: warning: enabled: fd2 is disabled: commands run as without it",
                      outcome.err.decode())
        outcome = self.run_raw([self.fd2, "doctor", "--json"])
        seen = json.loads(outcome.out)
        self.assertEqual(seen["summary"]["would_use"], "inherit")
        levels = {check["seen"]: check["level"] for check in seen["checks"]
                  if check["subject"] == "configuration"}
        self.assertEqual(set(levels.values()), {"warning"}, levels)
        self.assertTrue(any("fd2 is disabled" in text for text in levels), levels)
        # Of what a run would do there is nothing to judge, and no other key to blame.
        self.assertNotIn("a run", [check["subject"] for check in seen["checks"]])


if __name__ == "__main__":
    harness.main()
