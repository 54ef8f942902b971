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
        """Runs with a list of backends, sockets as good as any; (outcome, stats)."""
        listed = json.dumps([first, *then])
        if "require:" not in text:
            text += "require: []\n"
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

    def test_a_name_that_is_not_installed(self):
        steps = self.assertCarried(*self.fall("mine"), "pipe", ("mine", "unsupported"))
        self.assertIn(f"no mine.so in {PLUGINS}", steps[0]["message"])
        # The caller's list falls back too; one name alone means that one.
        for words in (["--set", "backends=mine,pipe"], ["--set", "backends.sync=mine,pipe"]):
            outcome = self.run_raw(self.fd2_run("sh", "-c", "echo to stderr >&2; exit 7",
                                                options=words))
            self.assertStatus(outcome, 7)
            self.assertEqual(outcome.err, b"to stderr\n")
        for words in (["--backend", "socketpiar"], ["--set", "backends=socketpiar"]):
            outcome = self.run_raw(self.fd2_run("true", options=words))
            self.assertStatus(outcome, 125)
            self.assertIn(b'did you mean "socketpair"?', outcome.err)

    def test_the_check_of_a_file_warns_of_what_is_not_installed(self):
        config = self.config("backends:\n  sync: [socketpiar, pipe]\n"
                             "options:\n  mine: {depth: 1}\n")[1]
        outcome = self.run_raw([self.fd2, "config", "check", config])
        self.assertStatus(outcome, 0)
        said = outcome.err.decode().splitlines()
        self.assertIn(f'{config}:2:10: warning: backends.sync[0]: no backend "socketpiar" in '
                      f"{PLUGINS}", said[0])
        self.assertIn('did you mean "socketpair"?', said[0])
        self.assertIn(f'{config}:4:3: warning: options.mine: no backend "mine" in {PLUGINS}',
                      said[1])
        self.assertIn(b": ok", outcome.out)

    def test_a_run_without_proc(self):
        unshare = shutil.which("unshare")
        if unshare is None or self.run_raw([unshare, "-rm", "true"]).code != 0:
            self.skipTest("no mount namespace can be made here")
        bare = [unshare, "-rm", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]
        for backend in ("pipe", "pty", "socketpair", "tcpshim", "tokio-like-async"):
            self.assertCarried(*self.fall(backend, [], prefix=bare), backend)
        # Nor is the place of the executable known from /proc then.
        self.env.pop("FD2_PLUGIN_PATH", None)
        self.assertCarried(*self.fall("socketpair", ["pipe"], prefix=bare), "socketpair")

    def test_a_user_namespace_in_which_root_is_not_mapped(self):
        # Its files, `/` among them, belong to the overflow uid there.
        config = self.write("namespace.yaml", "capture: {tail: 1KiB}\n")
        prefix = [*self.for_nobody(alone=True), "unshare", "--map-root-user"]
        if self.run_raw([*prefix, "true"]).code != 0:
            self.skipTest("no user namespace can be made here")
        outcome = self.run_raw([*prefix, *self.fd2_run(
            "sh", "-c", "echo captured >&2; exit 7", options=["--config", config, "--explain"])])
        self.assertStatus(outcome, 7)
        self.assertIn(b"captured", outcome.err)
        self.assertNotIn(b"refused", outcome.err)

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

    def test_a_shortage_of_our_own_is_not_said_of_a_backend(self):
        """No backend was tried: none is named."""
        for backend in ("tokio-like-async", "socketpair"):
            outcome, report = self.fall(backend, [], prefix=[WITHOUT, "eventfd"])
            self.assertCarried(outcome, report, "inherit")
            self.assertRegex(report.stats["inherit_reason"], "eventfd.*EPERM")
            self.assertRegex(outcome.err, b"warning: nothing is captured.*eventfd")
            self.assertNotIn(backend.encode(), outcome.err)

    def test_tcp_without_netlink_works_and_says_that_the_end_is_by_silence(self):
        for prefix, told in ((["env"], b"everything that the command wrote is captured"),
                             ([WITHOUT, "netlink"], b"the kernel does not report")):
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

    # what is said where nothing is captured

    def warning(self, *options, env=()):
        """What fd2 says before the command does, of a run in which every backend is refused."""
        outcome = self.run_raw(
            self.fd2_run(self.child, "say", "to stdout", "to stderr", "7",
                         options=["--set", "require=tty,atomic", *options]),
            env=dict(self.env, **dict(env)))
        self.assertStatus(outcome, 7)
        *said, last = outcome.err.decode().splitlines()
        self.assertEqual(last, "to stderr")
        return said

    def test_who_wants_the_stderr_is_told_that_there_is_none(self):
        for name, options in (("--stats", self.report().options[:2]),
                              ("--tail-out", ["--tail-out", self.path("tail")]),
                              ("log.lines", ["--log", self.path("log")]),
                              ("forward.mode: off", ["--forward", "off"])):
            said = self.warning(*options, env={"FD2_REQUIRE": "tty,atomic"})
            self.assertEqual(len(said), 1, said)
            self.assertRegex(said[0], f"^fd2: warning: nothing is captured, but .*asks for it: "
                                      "no backend could be used; pty: does not meet "
                                      "`require`: lacks atomic; socketpair: does not meet "
                                      "`require`: lacks tty; pipe: does not meet `require`")
        with open(self.path("log"), encoding="utf-8") as file:
            logged = [json.loads(line) for line in file]
        self.assertEqual([each["level"] for each in logged
                          if "nothing is captured" in each.get("message", "")], ["warning"])

    def test_once_whatever_the_level_and_not_at_all_when_off(self):
        for level, count in (("trace", 1), ("warning", 1), ("error", 1), ("off", 0)):
            for log in ([], ["--log", self.path("log")]):
                said = self.warning("--forward", "off", "--set", f"log.console={level}", *log)
                self.assertEqual(len([line for line in said if "nothing is captured" in line]),
                                 count, f"at {level}: {said}")

    def test_nobody_is_told_who_wants_nothing(self):
        config = self.config("require: [tty, atomic]\n")
        outcome = self.run_raw(self.fd2_run(self.child, "say", "o", "to stderr", "7",
                                            options=config))
        self.assertEqual(outcome.err, b"to stderr\n")

    def test_an_installation_without_any_plugin_is_told_always(self):
        os.mkdir(self.path("empty"))
        lonely = shutil.copy(os.environ["FD2_COMMAND"], self.path("empty", "fd2"))
        env = dict(self.env, FD2_PLUGIN_PATH=self.path("empty"))
        outcome = self.run_raw([lonely, "run", "--", self.child, "say", "o", "to stderr", "7"],
                               env=env)
        if b"nothing is captured" not in outcome.err and os.path.isdir("/usr/local/lib/fd2"):
            self.skipTest("plugins are installed where this build looks for them")
        self.assertStatus(outcome, 7)
        said, last = outcome.err.decode().splitlines()
        self.assertEqual(last, "to stderr")
        self.assertRegex(said, "^fd2: warning: nothing is captured.*no pipe.so in .*empty")

    # what a command that is no remote shell may expect

    def test_a_command_opens_its_stderr_by_name(self):
        for options in ([], ["--transport", "async"]):
            outcome = self.run_raw(self.fd2_run("sh", "-c", "printf x >/dev/stderr; exit 7",
                                                options=options))
            self.assertEqual((outcome.code, outcome.err), (7, b"x"))

    def test_a_remote_shell_keeps_the_order_of_the_list(self):
        self.script("ssh", "echo to stderr >&2; exit 7\n")
        self.assertStatus(self.run_raw([self.fd2, "link", self.path("linked")]), 0)
        for word in ("ssh", self.path("bin", "ssh")):
            report = self.report()
            self.run_raw(self.fd2_run(word, report=report))
            self.assertEqual(report.stats["backend"], "socketpair")
            self.assertEqual(report.stats["fallback"], [])
        log = self.path("log")
        self.run_raw([self.path("linked", "ssh")],
                     env=dict(self.env, FD2_LOG_FILE=log, FD2_LOG_LINES="true"))
        with open(log, encoding="utf-8") as file:
            self.assertEqual({json.loads(line).get("backend") for line in file}, {"socketpair"})

    def test_who_says_what_is_required_or_names_backends_is_obeyed(self):
        for options, env in ((["--set", "require="], {}), ([], {"FD2_REQUIRE": "wake"}),
                             (self.config("require: []\n"), {}),
                             (["--set", "require-unless-ssh="], {}),
                             ([], {"FD2_REQUIRE_UNLESS_SSH": "wake"}),
                             (["--backend", "socketpair"], {}),
                             ([], {"FD2_BACKENDS": "socketpair,pipe"})):
            report = self.report()
            outcome = self.run_raw(self.fd2_run("sh", "-c", "exit 7", report=report,
                                                options=options), env=dict(self.env, **env))
            self.assertStatus(outcome, 7)
            self.assertEqual(report.stats["backend"], "socketpair", f"{options} {env}")

    def test_the_order_of_a_file_is_no_requirement_less(self):
        report = self.report()
        config = self.config("backends: {sync: [tcpshim, socketpair, pipe]}\n")
        self.assertStatus(self.run_raw(self.fd2_run("sh", "-c", "exit 7", report=report,
                                                    options=config)), 7)
        stats = report.stats
        self.assertEqual(stats["backend"], "pipe")
        self.assertEqual([each["message"] for each in stats["fallback"]],
                         ["does not meet `require-unless-ssh`: lacks reopenable"] * 2)

    def test_an_ordinary_run_has_nothing_to_tell(self):
        """Neither the report of a run in which nobody chose anything, nor --explain."""
        report = self.report()
        outcome = self.run_raw(self.fd2_run("sh", "-c", "exit 7", report=report,
                                            options=["--explain"]))
        self.assertStatus(outcome, 7)
        self.assertEqual((report.stats["backend"], report.stats["fallback"]), ("pipe", []))
        self.assertNotIn(b"require", outcome.err)

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
