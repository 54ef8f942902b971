"""Falling back: each way in which a backend can fail, for real, and what becomes of the run.

The command writes "to stderr" and exits 7. However its stderr was carried, that must be seen.
"""

import errno
import json
import os
import resource
import shutil
from subprocess import PIPE

import harness

WITHOUT = os.environ.get("FD2_E2E_WITHOUT", "")
BROKEN = os.environ.get("FD2_E2E_BROKEN_PLUGINS", "")
PLUGINS = os.environ.get("FD2_PLUGIN_PATH", "")
CANNOT = 77  # of `without`


class Fallback(harness.Case):
    def fall(self, first, then=("pipe",), prefix=(), text="", **options):
        """Runs with a list of backends; (outcome, stats)."""
        listed = json.dumps([first, *then])
        config = self.config(f"backends:\n  sync: {listed}\n{text}")
        report = self.report(str(len(os.listdir(self.dir))))
        outcome = self.run_raw(
            [*prefix, *self.fd2_run(self.child, "say", "to stdout", "to stderr", "7",
                                    report=report, options=config)], **options)
        if prefix and outcome.code == CANNOT:
            self.skipTest(f"{prefix[0]} cannot do its work here")
        return outcome, report

    def assertCarried(self, outcome, report, backend, *trail):
        self.assertStatus(outcome, 7)
        self.assertEqual(outcome.out, b"to stdout\n")
        self.assertIn(b"to stderr\n", outcome.err)
        stats = report.stats
        self.assertEqual(stats["backend"], backend)
        self.assertEqual(stats["bytes"], 0 if backend == "inherit" else 10)
        self.assertEqual([(step["backend"], step["code"]) for step in stats["fallback"]],
                         list(trail))
        return stats["fallback"]

    def broken(self, name):
        return os.path.join(BROKEN, name + ".so")

    def test_a_file_that_is_not_there(self):
        missing = self.path("no-such.so")
        steps = self.assertCarried(*self.fall(missing), "pipe", (missing, "unsupported"))
        self.assertIn("no-such.so", steps[0]["message"])

    def test_a_plugin_of_another_contract(self):
        name = self.broken("wrong-entry")
        steps = self.assertCarried(*self.fall(name), "pipe", (name, "unsupported"))
        self.assertIn("fd2_backend_entry_v1", steps[0]["message"])

    def test_a_plugin_with_a_symbol_that_nobody_defines(self):
        name = self.broken("unresolved")
        steps = self.assertCarried(*self.fall(name), "pipe", (name, "unsupported"))
        self.assertIn("nobody_defines_this", steps[0]["message"])

    def test_a_plugin_whose_entry_refuses(self):
        name = self.broken("refuses")
        self.assertCarried(*self.fall(name), "pipe", (name, "unsupported"))

    def test_a_plugin_that_lacks_a_function(self):
        name = self.broken("no-join")
        self.assertCarried(*self.fall(name), "pipe", (name, "internal"))

    def test_a_backend_that_refuses_to_open(self):
        name = self.broken("good")
        self.assertCarried(*self.fall(name), "pipe", (name, "unsupported"))

    def test_no_text_of_a_failure_stands_between_the_lines_of_the_command(self):
        outcome, _ = self.fall(self.path("no-such.so"))
        self.assertEqual(outcome.err, b"to stderr\n")

    def test_socketpair_under_a_filter(self):
        steps = self.assertCarried(
            *self.fall("socketpair", prefix=[WITHOUT, "socketpair"]), "pipe",
            ("socketpair", "denied"))
        self.assertEqual(steps[0]["errno"], errno.EPERM)

    def test_pipe_and_tcp_under_a_filter(self):
        self.assertCarried(*self.fall("pipe", ["socketpair"], prefix=[WITHOUT, "pipe"]),
                           "socketpair", ("pipe", "denied"))
        self.assertCarried(*self.fall("tcpshim", ["socketpair"], prefix=[WITHOUT, "tcp"]),
                           "socketpair", ("tcpshim", "denied"))

    def test_an_event_loop_or_a_thread_that_cannot_be_had(self):
        for backend in ("tokio-like-async", "socketpair"):
            self.assertCarried(
                *self.fall(backend, [], prefix=[WITHOUT, "eventfd"]), "inherit",
                (backend, "denied"))

    def test_tcp_without_netlink_works_and_says_that_the_end_is_by_silence(self):
        for prefix, told in ((["env"], b"everything that it wrote itself is here"),
                             ([WITHOUT, "netlink"], b"the kernel does not tell")):
            outcome = self.run_raw(
                [*prefix, *self.fd2_run("sh", "-c", "sleep 60 >/dev/null & echo to stderr >&2; exit 7",
                                        options=["--backend", "tcpshim", "--explain"])])
            if outcome.code == CANNOT:
                self.skipTest("seccomp is not to be had here")
            self.assertStatus(outcome, 7)
            self.assertTrue(outcome.err.startswith(b"to stderr\n"))
            self.assertIn(told, outcome.err)

    def test_tcp_in_a_network_without_a_loopback(self):
        unshare = shutil.which("unshare")
        if unshare is None or self.run_raw([unshare, "-rn", "true"]).code != 0:
            self.skipTest("no network namespace can be made here")
        for backend in ("tcpshim", "tokio-like-async"):
            outcome, report = self.fall(
                backend, prefix=[unshare, "-rn"],
                text="options:\n  tokio-like-async: {medium: tcp}\n")
            steps = self.assertCarried(outcome, report, "pipe", (backend, "unsupported"))
            self.assertEqual(steps[0]["errno"], errno.ENETUNREACH)

    def test_a_requirement_that_only_the_third_meets(self):
        self.assertCarried(
            *self.fall("tcpshim", ["socketpair", "pipe"], text="require: [reopenable]\n"), "pipe",
            ("tcpshim", "unsupported"), ("socketpair", "unsupported"))

    def test_a_requirement_that_depends_on_an_option(self):
        both = "require: [event-loop, reopenable]\n"
        self.assertCarried(*self.fall("tokio-like-async", text=both), "inherit",
                           ("tokio-like-async", "unsupported"), ("pipe", "unsupported"))
        self.assertCarried(
            *self.fall("tokio-like-async",
                       text=both + "options:\n  tokio-like-async: {medium: pipe}\n"),
            "tokio-like-async")

    def test_when_all_refuse_the_command_inherits(self):
        missing = self.path("no-such.so")
        self.assertCarried(*self.fall(missing, ["socketpair"], prefix=[WITHOUT, "socketpair"]),
                           "inherit", (missing, "unsupported"), ("socketpair", "denied"))

    def test_when_all_refuse_and_inherit_is_forbidden_nothing_is_started(self):
        outcome, _ = self.fall("socketpair", [], prefix=[WITHOUT, "socketpair"],
                               text="fallback: {inherit: false}\n")
        self.assertStatus(outcome, 125)
        self.assertEqual(outcome.out, b"")
        self.assertNotIn(b"to stderr", outcome.err)
        self.assertIn(b"socketpair", outcome.err)
        self.assertIn(b"EPERM", outcome.err)

    def test_too_few_descriptors_for_a_backend(self):
        # What a loaded plugin, the spawn and the report need is there; what an event loop needs
        # (three descriptors beside the pair) is not.
        seen = set()
        for limit in range(8, 40):
            outcome, report = self.fall(
                "tokio-like-async", ["pipe"], stdout=PIPE,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
            if outcome.code != 7:
                continue
            stats = report.stats
            for step in stats["fallback"]:
                self.assertEqual((step["code"], step["errno"]), ("resource", errno.EMFILE))
            seen.add(stats["backend"])
            self.assertIn(b"to stderr\n", outcome.err)
        self.assertIn("tokio-like-async", seen)
        self.assertIn("inherit", seen)

    def test_explain_tells_each_step(self):
        config = self.config('backends:\n  sync: ["%s", socketpair, pipe]\n'
                             'require: [reopenable]\n' % self.path("no-such.so"))
        outcome = self.run_raw(self.fd2_run(self.child, "say", "o", "to stderr", "7",
                                            options=[*config, "--explain"]))
        lines = outcome.err.decode().splitlines()
        self.assertEqual(lines[0], "to stderr")
        said = "\n".join(lines[1:])
        self.assertRegex(said, r"no-such\.so")
        self.assertRegex(said, r"socketpair.*reopenable")
        self.assertRegex(said, r"backend pipe")
        self.assertTrue(all(line.startswith("fd2: ") for line in lines[1:]), said)


if __name__ == "__main__":
    harness.main()
