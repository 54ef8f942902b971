"""`fd2 report`: what many reports come to, for people, for programs and for Prometheus."""

import json
import os
import resource
import subprocess

import harness


class Summary(harness.Case):
    def setUp(self):
        super().setUp()
        self.file = self.path("reports")
        self.script("ssh", "exit $1\n")
        for status in (0, 3, 3):
            self.run_raw(self.fd2_run("ssh", status,
                                      options=["--set", f"report.file={self.file}"]))

    def report(self, *words, status=0, **more):
        outcome = self.run_raw([self.fd2, "report", *words], **more)
        self.assertStatus(outcome, status)
        return outcome

    def first(self):
        with open(self.file, encoding="utf-8") as file:
            return json.loads(file.readline())

    def data(self, *words, **more):
        return json.loads(self.report("--json", *words, **more).out)

    def test_for_people(self):
        text = self.report(self.file).out.decode()
        self.assertIn(f"{self.file}: 3 runs\nstarted from 20", text)
        self.assertIn("Failures: 2 runs (66.7 %)\n", text)
        self.assertIn("     2  ssh      status 3\n", text)
        self.assertIn("\nBy remote host\n", text)

    def test_for_programs(self):
        data = self.data(self.file)
        self.assertEqual((data["schema"], data["runs"], data["failed"]), ("fd2.report/1", 3, 2))
        self.assertEqual(data["failures"], [{"command": "ssh", "how": "status 3", "runs": 2}])
        self.assertEqual([(host["host"], host["runs"]) for host in data["hosts"]],
                         [("3", 2), ("0", 1)])

    def test_the_configured_file_and_standard_input(self):
        os.mkdir(self.path("config", "fd2"))
        self.write("config/fd2/fd2.yaml", f"report: {{file: {self.file}}}\n")
        self.assertEqual(self.data()["runs"], 3)
        with open(self.file, "rb") as file:
            self.assertEqual(self.data("-", stdin=file)["runs"], 3)
        self.assertEqual(self.data(self.file, self.file)["runs"], 6)

    def test_a_pipe_is_read_to_its_end(self):
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        with subprocess.Popen(["sh", "-c", 'cat "$1" >"$2"', "sh", self.file, fifo]) as writer:
            self.assertEqual(self.data(fifo)["runs"], 3)
        self.assertEqual(writer.returncode, 0)
        outcome = self.run_raw(["bash", "-c", '"$0" report --json <(cat "$1")', self.fd2, self.file])
        self.assertEqual(json.loads(outcome.out)["runs"], 3)

    def test_a_log_file_serves_as_well(self):
        log = self.path("log")
        self.run_raw(self.fd2_run("sh", "-c", "echo x >&2", options=["--log", log]))
        data = self.data(log)
        self.assertEqual((data["runs"], data["passed_over"]["log_records"]), (1, 1))
        self.assertIsNone(data["passed_over"]["first"])

    def test_since(self):
        with open(self.file, "a", encoding="utf-8") as file:
            old = self.first()
            old["times"]["started"] = "2020-01-01T00:00:00.000000Z"
            file.write(json.dumps(old) + "\n")
        self.assertEqual(self.data(self.file)["runs"], 4)
        for since in ("24h", "2d", "2020-01-02"):
            data = self.data("--since", since, self.file)
            self.assertEqual((data["runs"], data["earlier_runs"]), (3, 1))
        self.assertEqual(self.data("--since", "2020-01-01T00:00Z", self.file)["runs"], 4)

    def test_lines_that_are_no_reports_are_counted_and_passed_over(self):
        with open(self.file, "r+b") as file:
            good = file.read()
            file.seek(0)
            file.write(good + b"\n{}\n\xff\n" + good[:100] + b"\n" + good)
        data = self.data(self.file)
        self.assertEqual(data["runs"], 6)
        self.assertEqual(data["passed_over"], {"damaged": 2, "foreign": 1, "log_records": 0,
                                               "first": {"file": self.file, "line": 5}})
        said = self.report(self.file).out.decode().replace("\n  ", " ")
        self.assertIn("2 damaged lines, 1 other line skipped, the first is "
                      f"line 5 of {self.file}", said)

    def test_a_long_file_of_many_hosts_takes_little_memory(self):
        line = json.dumps(self.first()).replace('"0"', '"3"')
        with open(self.file, "w", encoding="utf-8") as file:
            for number in range(30000):
                file.write(line.replace('"3"', f'"host{number:06}"') + "\n")
            file.write("x" * (40 << 20) + "\n" + line + "\n")
        limit = 56 << 20  # what one line of the longest kind needs; the file is larger
        self.assertGreater(os.stat(self.file).st_size, limit)
        data = self.data(self.file, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_DATA, (limit, limit)))
        self.assertEqual((data["runs"], data["passed_over"]["damaged"]), (30001, 1))
        self.assertEqual((len(data["hosts"]), data["other"]["hosts"]), (1000, 29001))

    def test_metrics_are_replaced_as_a_whole(self):
        out = self.write("fd2.prom", "old\n", 0o644)
        before = os.stat(out).st_ino
        outcome = self.report("--prometheus", "--out", out, self.file)
        self.assertEqual((outcome.out, outcome.err), (b"", b""))
        self.assertNotEqual(os.stat(out).st_ino, before)
        with open(out, encoding="utf-8") as file:
            text = file.read()
        self.assertIn('fd2_failures_total{command="ssh",how="status 3"} 2\n', text)
        names = set()
        for metric in text.splitlines():
            if metric.startswith("# TYPE "):
                names.add(metric.split()[2])
            elif not metric.startswith("#"):
                self.assertRegex(
                    metric, r'^[a-z0-9_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.]+$')
                self.assertIn(metric.split("{")[0].split()[0], names)
        self.assertEqual([name for name in os.listdir(self.dir) if name.startswith(".fd2")], [])
        # Nothing that fails touches it.
        self.report("--prometheus", "--out", out, self.path("missing"), status=2)
        with open(out, encoding="utf-8") as file:
            self.assertEqual(file.read(), text)
        relative = self.report("--prometheus", "--out", "fd2.prom", self.file, cwd=self.path("bin"))
        self.assertEqual(relative.err, b"")
        self.assertTrue(os.path.exists(self.path("bin", "fd2.prom")))

    def test_what_is_wrong_is_said_with_advice(self):
        missing = self.path("missing")
        for words, said in (
                ([], b"report: no FILE, and report.file is off (outside of rules); name a file"),
                ([missing], b"report: open: " + missing.encode()),
                ([self.dir], b"report: read: " + self.dir.encode()),
                (["--set", f"report.file={missing}"], b"the first run that is reported creates it"),
                (["--since", "soon", self.file], b'--since: "soon" is neither a duration'),
                (["--since", "", self.file], b"report: --since: empty value"),
                (["--json", "--prometheus", self.file], b"cannot be used together"),
                (["--since", "1h", "--prometheus", self.file], b"counters must not decrease"),
                (["--out", "/no/such/file", self.file], b"report: --out: open: /no/such/file"),
                (["--sinse", "1h"], b"did you mean '--since'")):
            outcome = self.report(*words, status=2)
            self.assertIn(said, outcome.err)
            self.assertEqual(outcome.out, b"")



if __name__ == "__main__":
    harness.main()
