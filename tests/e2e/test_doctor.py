"""`fd2 doctor`: each thing that it looks at, really broken, is said with its way out."""

import json
import os
import pty
import random
import resource
import shutil
import socket
import sys
from subprocess import DEVNULL, PIPE

import harness

WITHOUT = os.environ.get("FD2_E2E_WITHOUT", "")
BROKEN = os.environ.get("FD2_E2E_BROKEN_PLUGINS", "")
CANNOT = 77  # of `without`


class Doctor(harness.Case):
    def examine(self, *options, prefix=(), status=None, **more):
        """What it says, as data; its exit status is held against what it says."""
        outcome = self.run_raw([*prefix, self.fd2, "doctor", "--json", *options], **more)
        if prefix and outcome.code == CANNOT:
            self.skipTest(f"{prefix[0]} cannot do its work here")
        return self.read(outcome, status)

    def read(self, outcome, status=None):
        self.assertIn(outcome.code, (0, 1), str(outcome))
        said = json.loads(outcome.out)
        problems = [one for one in said["checks"] if one["level"] == "problem"]
        self.assertStatus(outcome, 1 if problems else 0)
        if status is not None:
            self.assertStatus(outcome, status)
        for one in said["checks"]:
            if one["level"] != "ok":
                self.assertTrue(one["advice"], f"no way out: {one}")
        return said

    def assertSays(self, said, level, subject, *words):
        """Some check of this subject and level has these words in what was seen or advised."""
        found = [one for one in said["checks"] if one["subject"].startswith(subject)]
        for one in found:
            text = one["seen"] + "\n" + (one["advice"] or "")
            if one["level"] == level and all(word in text for word in words):
                return one
        return self.fail(f"no {level} of {subject} with {words} among {found}")

    def assertNoTrouble(self, said, subject):
        for one in said["checks"]:
            if one["subject"].startswith(subject):
                self.assertIn(one["level"], ("ok", "note"), one)

    def namespace(self, *flags):
        """The words that make a namespace, or a skip."""
        unshare = shutil.which("unshare")
        if unshare is None or self.run_raw([unshare, *flags, "true"]).code != 0:
            self.skipTest("no such namespace can be made here")
        return [unshare, *flags]

    # what is well

    def test_where_all_is_well_nothing_is_broken(self):
        said = self.examine(status=0)
        self.assertEqual(said["summary"]["would_use"], "socketpair")
        self.assertEqual(said["summary"]["problems"], 0)
        self.assertSays(said, "ok", "a run", "uses socketpair", "captured")
        for name in ("pipe", "pty", "socketpair", "tcpshim", "tokio-like-async"):
            self.assertSays(said, "ok", f"backend {name}", "bytes in lines")
        self.assertSays(said, "ok", "fd2 on PATH", self.fd2)
        self.assertSays(said, "ok", "open files", "channels")
        self.assertSays(said, "ok", "/proc")
        self.assertSays(said, "ok", "pidfd")
        self.assertSays(said, "ok", "configuration", "no file")

    def test_the_text_says_what_the_data_say(self):
        said = self.examine()
        outcome = self.run_raw([self.fd2, "doctor", "-v"])
        self.assertStatus(outcome, 0)
        self.assertEqual(outcome.err, b"")
        lines = outcome.out.decode().splitlines()
        shown = [line.split()[0] for line in lines[:-1] if not line.startswith(" ")]
        self.assertEqual(sorted(shown), sorted(one["level"] for one in said["checks"]))
        self.assertEqual(lines[-1], said["summary"]["text"])
        advice = [line.strip() for line in lines if line.startswith(" ")]
        self.assertEqual(sorted(advice), sorted(one["advice"] for one in said["checks"]
                                                if one["advice"]))

    def test_the_text_begins_with_what_is_wrong_and_counts_what_is_ok(self):
        options = ["--set", "capture.tail=1", "--set", "backends=tcpshim",
                   "--plugin-path", self.path("absent")]
        said = self.examine(*options, status=1)
        order = {"problem": 0, "warning": 0, "note": 1, "ok": 2}
        for flag, levels in (([], [0, 1]), (["-v"], [0, 1, 2])):
            outcome = self.run_raw([self.fd2, "doctor", *options, *flag])
            self.assertStatus(outcome, 1)
            shown = [order[line.split()[0]] for line in outcome.out.decode().splitlines()[:-1]
                     if not line.startswith(" ") and " checks; -v" not in line]
            self.assertEqual(shown, sorted(shown))
            self.assertEqual([level for level in levels if level in shown],
                             sorted(set(shown)))
            count = sum(one["level"] == "ok" for one in said["checks"])
            self.assertEqual(f"ok       {count} checks; -v lists them" in outcome.out.decode(),
                             not flag)

    def test_what_is_wrong_is_shown_before_the_rest_is_known(self):
        """A program called ssh that does not answer is waited for; the problem is there already."""
        self.script("ssh", f"echo >'{self.path('asked')}'; read leash <'{self.path('leash')}'\n")
        os.mkfifo(self.path("leash"))
        process = self.spawn([self.fd2, "doctor", "--set", "capture.tail=1"], stdout=PIPE)
        self.assertIn(b"problem  configuration", process.stdout.readline())
        self.assertIsNone(process.poll())
        process.kill()
        process.communicate()

    def test_where_every_run_fails_no_backend_is_said_to_be_used(self):
        for options in (["--set", "capture.tail=1"], ["--set", "nonsense"],
                        ["--set", "log.file=/nowhere/fd2.log"], []):
            with self.subTest(options):
                fails = self.run_raw(self.fd2_run("true", options=options)).code == 125
                summary = self.examine(*options)["summary"]
                self.assertEqual(summary["would_use"] is None, fails)
                self.assertEqual(summary["text"].endswith("fd2 run would fail"), fails)

    def test_what_each_backend_holds_is_measured(self):
        numbers = {one["backend"]: one for one in self.examine()["backends"]}
        read_end, write_end = os.pipe()
        self.assertEqual(numbers["pipe"]["holds_of_blocks"], harness.fill(write_end))
        os.close(read_end)
        os.close(write_end)
        self.assertGreater(numbers["socketpair"]["holds_of_blocks"],
                           numbers["socketpair"]["holds_of_lines"])
        self.assertEqual({name: one["opens_by_name"] for name, one in numbers.items()},
                         {"pipe": True, "pty": True, "socketpair": False, "tcpshim": False,
                          "tokio-like-async": False})
        larger = self.examine("--set", "options.pipe.capacity=256KiB")["backends"]
        self.assertGreater(next(one for one in larger if one["backend"] == "pipe")
                           ["holds_of_blocks"], numbers["pipe"]["holds_of_blocks"])

    def test_dev_stderr_of_a_command_depends_on_the_backend(self):
        self.assertSays(self.examine(), "warning", "/dev/stderr of ssh", "reopenable")
        said = self.examine("--set", "backends=pipe")
        self.assertEqual(said["summary"]["would_use"], "pipe")
        self.assertFalse([one for one in said["checks"]
                          if one["subject"] == "/dev/stderr of ssh"])

    def test_what_it_foretells_is_what_a_run_does(self):
        off = ["--set", "transport=async", "--set", "features.ssh-socketpair-stderr=false"]
        cases = [([], []), (["--set", "backends=pipe,tcpshim"], []), (off, []),
                 (["--set", "require=reopenable"], []), (["--set", "require=tty,atomic"], []),
                 (["--set", "require=tty,atomic", "--set", "fallback.inherit=false"], []),
                 (["--set", "options.socketpair.no-such=1"], []), (["--set", "capture.x=1"], []),
                 ([], [WITHOUT, "socketpair"]), ([], [WITHOUT, "eventfd"])]
        self.script("ssh", "exit 0\n")  # it foretells what becomes of a remote shell
        for options, prefix in cases:
            with self.subTest(options=options, prefix=prefix):
                foretold = self.examine(*options, prefix=prefix)["summary"]["would_use"]
                report = self.report()
                outcome = self.run_raw([*prefix, *self.fd2_run("ssh", report=report,
                                                               options=options)])
                self.assertStatus(outcome, 125 if foretold is None else 0)
                if foretold is not None:
                    self.assertEqual(report.stats["backend"], foretold)

    # the configuration

    def test_a_broken_configuration_file(self):
        for options, more in ((self.config("capture: {tial: 1MiB}\n"), {}),
                              ([], {"env": dict(self.env, FD2_CONFIG=self.path("absent.yaml"))}),
                              (["--set", "capture.tail=100"], {}), (["--set", "nonsense"], {})):
            said = self.examine(*options, status=1, **more)
            self.assertSays(said, "problem", "configuration")
            self.assertIsNone(said["summary"]["would_use"])
            self.assertSays(said, "ok", "kernel")
        self.assertIn("would fail", said["summary"]["text"])

    def test_files_that_were_read_are_named(self):
        options = self.config("surface: never\n")
        self.assertSays(self.examine(*options, status=0), "ok", "configuration", options[1],
                        "valid")
        said = self.examine(status=0, env=dict(self.env, FD2_CAPTURE_TIAL="1MiB"))
        self.assertSays(said, "warning", "configuration", "FD2_CAPTURE_TIAL", "FD2_CAPTURE_TAIL")

    def test_an_option_that_a_backend_does_not_have(self):
        said = self.examine("--set", "options.tcpshim.capcity=1MiB", status=1)
        self.assertSays(said, "problem", "configuration", "capcity")
        self.assertEqual(said["summary"]["would_use"], "socketpair")
        said = self.examine("--set", "options.socketpair.capcity=1MiB", status=1)
        self.assertIsNone(said["summary"]["would_use"])
        self.assertSays(said, "problem", "a run", "125", "option of socketpair")
        self.assertSays(said, "warning", "backend socketpair", "options are invalid")
        self.assertEqual(json.dumps(said).count("capcity"), 1)

    def test_a_log_that_cannot_be_written(self):
        for file, level in (("/no/such/directory/log", "warning"), (self.path("home"), "warning"),
                            (self.path("log"), "ok")):
            said = self.examine("--set", f"log.file={file}")
            self.assertSays(said, level, "log", file)
            said = self.examine("--set", f"log.file={file}", "--set", "log.required=true")
            self.assertSays(said, "ok" if level == "ok" else "problem", "log", file)
        self.assertFalse(os.path.exists(self.path("log")))

    def test_settings_under_which_nothing_is_captured(self):
        off = ["--set", "transport=async", "--set", "features.ssh-socketpair-stderr=false"]
        said = self.examine(*off, status=0)
        self.assertEqual(said["summary"]["would_use"], "inherit")
        self.assertSays(said, "warning", "a run", "inherits", "transport: sync")
        said = self.examine("--set", "require=tty,atomic", status=1)
        self.assertEqual(said["summary"]["would_use"], "inherit")
        self.assertSays(said, "warning", "a run", "lacks tty", "`require`")
        said = self.examine("--set", "require=tty,atomic", "--set", "fallback.inherit=false",
                            status=1)
        self.assertIsNone(said["summary"]["would_use"])
        self.assertSays(said, "problem", "a run", "make one of these usable, or turn on "
                        "fallback.inherit: socketpair, ")
        said = self.examine("--set", "require=tty", "--set", "backends=tcpshim", status=1)
        self.assertSays(said, "problem", "a run", "make tcpshim usable")

    def test_a_plugin_in_the_list_that_does_not_exist(self):
        said = self.examine("--set", "backends=/no/such.so,pipe", status=0)
        self.assertSays(said, "warning", "a run", "skips /no/such.so: ", "(ENOENT)",
                        "correct the path in the list, or install the plugin")

    # plugins

    def test_a_broken_plugin_and_a_file_that_is_none(self):
        os.mkdir(self.path("mine"))
        self.write("mine/junk.so", "junk")
        self.write("mine/README", "words")
        shutil.copy(os.path.join(BROKEN, "no-join.so"), self.path("mine"))
        said = self.examine("--plugin-path", self.path("mine"), status=0)
        self.assertSays(said, "warning", "backend junk", "file too short")
        self.assertSays(said, "warning", "backend no-join", "malformed")
        self.assertSays(said, "note", f"plugins in {self.path('mine')}", "README")
        self.assertEqual(said["summary"]["would_use"], "socketpair")

    def with_broken(self, name, called=None):
        """A directory with a copy of one of the plugins that do harm."""
        os.makedirs(self.path("mine"), exist_ok=True)
        shutil.copy(os.path.join(BROKEN, name + ".so"),
                    self.path("mine", (called or name) + ".so"))
        return ["--plugin-path", self.path("mine")]

    def test_a_plugin_that_crashes_is_a_line_like_others(self):
        options = self.with_broken("crashes")
        said = self.examine(*options, status=0)
        self.assertSays(said, "warning", "backend crashes", "crashed (SIGSEGV)",
                        self.path("mine", "crashes.so"))
        self.assertSays(said, "ok", "backend socketpair")
        self.assertSays(said, "ok", "a run", "uses socketpair")
        self.with_broken("exits")
        self.assertSays(self.examine(*options, status=0), "warning", "backend exits",
                        "ended with status 3")
        self.assertNothingLeft()

    def test_a_plugin_that_crashes_in_the_list_is_a_problem(self):
        options = self.with_broken("crashes", "socketpair")
        said = self.examine(*options, status=1)
        self.assertSays(said, "problem", "a run", "crashed (SIGSEGV)", "from the list")
        self.assertSays(said, "warning", "backend socketpair", "crashed (SIGSEGV)")
        self.assertSays(said, "ok", "backend pipe")
        self.assertIsNone(said["summary"]["would_use"])

    def test_a_plugin_that_hangs_is_given_up(self):
        options = self.with_broken("hangs")
        said = self.examine(*options, status=0)
        self.assertSays(said, "warning", "backend hangs", "did not answer within 10 s")
        self.assertSays(said, "ok", "a run", "uses socketpair")
        self.assertNothingLeft()

    def test_what_a_plugin_writes_does_not_come_between(self):
        options = self.with_broken("noisy")
        said = self.examine(*options, status=0)  # which reads JSON
        self.assertSays(said, "note", "backend noisy", "not in the list")
        for words in (["doctor"], ["plugins"], ["plugins", "--json"]):
            outcome = self.run_raw([self.fd2, *words, *options])
            self.assertStatus(outcome, 0)
            self.assertNotIn(b"noise", outcome.out + outcome.err)

    def test_a_list_of_plugins_has_a_row_for_each_broken_one(self):
        options = self.with_broken("crashes")
        self.with_broken("exits")
        self.with_broken("no-join")
        self.write("mine/junk.so", "junk")
        whole = shutil.copy(os.path.join(self.env["FD2_PLUGIN_PATH"], "pipe.so"),
                            self.path("mine", "foreign.so"))
        with open(whole, "r+b") as file:
            file.seek(18)
            machine = file.read(2)
            other, name = ((b"\xb7\0", "aarch64") if machine != b"\xb7\0" else
                           (b"\x3e\0", "x86_64"))
            file.seek(18)
            file.write(other)
        outcome = self.run_raw([self.fd2, "plugins", "--json", *options])
        self.assertStatus(outcome, 0)
        rows = {row["backend"]: row for row in json.loads(outcome.out)["plugins"]}
        for backend, words in (("crashes", "crashed (SIGSEGV)"), ("exits", "status 3"),
                               ("no-join", "malformed"), ("junk", "too short"),
                               ("foreign", f"built for {name}, this is {os.uname().machine}")):
            self.assertFalse(rows[backend]["usable"])
            self.assertIn(words, rows[backend]["why_not"])
            self.assertIn(rows[backend]["file"], rows[backend]["why_not"])
        for backend in ("pipe", "pty", "socketpair", "tcpshim", "tokio-like-async"):
            self.assertTrue(rows[backend]["usable"], rows[backend])
        # With a plugin that crashes, also the options of it cannot be checked.
        config = self.config("options: {crashes: {depth: 1}}\n")[1]
        outcome = self.run_raw([self.fd2, "config", "check", config],
                               env=dict(self.env, FD2_PLUGIN_PATH=self.path("mine")))
        self.assertStatus(outcome, 1)
        self.assertIn(b"options.crashes: cannot be checked", outcome.err)
        self.assertIn(b"crashed (SIGSEGV)", outcome.err)

    def test_mutated_copies_of_a_plugin_never_end_the_list(self):
        """92 of 300 such copies crash the process that loads them."""
        with open(os.path.join(self.env["FD2_PLUGIN_PATH"], "pipe.so"), "rb") as file:
            whole = file.read()
        os.mkdir(self.path("mine"))
        chance = random.Random(4711)
        for i in range(60):
            bytes_ = bytearray(whole)
            for _ in range(chance.choice((1, 4, 16, 64))):
                bytes_[chance.randrange(min(len(bytes_), 0x3000))] = chance.randrange(256)
            with open(self.path("mine", f"m{i}.so"), "wb") as file:
                file.write(bytes_)
        outcome = self.run_raw([self.fd2, "plugins", "--json", "--plugin-path", self.path("mine")])
        self.assertStatus(outcome, 0)
        rows = json.loads(outcome.out)["plugins"]
        self.assertEqual(len([row for row in rows if row["backend"].startswith("m")]), 60)
        self.assertNothingLeft()

    def test_a_broken_copy_that_hides_the_whole_one(self):
        os.mkdir(self.path("mine"))
        self.write("mine/socketpair.so", "junk")
        said = self.examine("--plugin-path", self.path("mine"), status=0)
        self.assertSays(said, "warning", "backend socketpair", "file too short")
        self.assertSays(said, "note", "plugins in ", "socketpair.so is not used")
        self.assertSays(said, "ok", "a run", "tries socketpair, pipe; uses pipe")
        self.assertEqual(said["summary"]["would_use"], "pipe")

    def test_an_empty_directory_and_one_that_is_not_there(self):
        os.mkdir(self.path("empty"))
        for name in ("empty", "absent"):
            said = self.examine("--plugin-path", self.path(name))
            self.assertSays(said, "warning", f"plugins in {self.path(name)}", "--plugin-path")

    def test_without_any_plugin_a_run_captures_nothing(self):
        if os.path.exists("/usr/local/lib/fd2/backends"):
            self.skipTest("fd2 is installed in /usr/local")
        os.makedirs(self.path("alone", "bin"))
        self.fd2 = shutil.copy(os.environ["FD2_COMMAND"], self.path("alone", "bin", "fd2"))
        self.env.pop("FD2_PLUGIN_PATH", None)
        said = self.examine(status=1)
        self.assertSays(said, "problem", "plugins", "no backend was found")
        self.assertSays(said, "problem", "a run", "inherits")
        self.assertEqual(said["summary"]["would_use"], "inherit")

    def test_a_copy_with_a_directory_for_plugins_uses_no_other(self):
        """Neither the one that was chosen at build time, nor that of another copy."""
        for name in ("one", "two"):
            os.makedirs(self.path(name, "bin"))
            shutil.copy(os.environ["FD2_COMMAND"], self.path(name, "bin", "fd2"))
            shutil.copytree(self.env["FD2_PLUGIN_PATH"], self.path(name, "lib", "fd2", "backends"))
        os.remove(self.path("two", "lib", "fd2", "backends", "socketpair.so"))
        self.env.pop("FD2_PLUGIN_PATH", None)
        for name, backend in (("one", "socketpair"), ("two", "pipe")):
            self.fd2 = self.path(name, "bin", "fd2")
            said = self.examine(status=0)
            self.assertEqual(said["summary"]["would_use"], backend)
            places = [one["subject"] for one in said["checks"]
                      if one["subject"].startswith("plugins in ")]
            self.assertEqual(places, [f"plugins in {self.path(name, 'lib', 'fd2', 'backends')}"])

    def test_a_directory_in_which_others_may_write(self):
        shutil.copytree(self.env["FD2_PLUGIN_PATH"], self.path("open"))
        os.chmod(self.path("open"), 0o777)
        config = self.config(f"plugins: {{path: ['{self.path('open')}']}}\n")
        self.env.pop("FD2_PLUGIN_PATH")
        said = self.examine(*config, status=1)
        self.assertSays(said, "problem", f"plugins in {self.path('open')}", "writable by others",
                        f"run: chmod go-w {self.path('open')}")
        os.chmod(self.path("open"), 0o755)
        self.assertNoTrouble(self.examine(*config), "plugins in")

    # what the kernel refuses

    def test_a_filter_that_refuses_socketpair(self):
        said = self.examine(prefix=[WITHOUT, "socketpair"], status=0)
        self.assertSays(said, "warning", "socketpair", "EPERM", "filter")
        self.assertSays(said, "warning", "backend socketpair", "EPERM")
        self.assertSays(said, "ok", "a run", "tries socketpair, pipe; uses pipe")
        self.assertSays(said, "ok", "kernel", "seccomp")
        self.assertEqual(said["summary"]["would_use"], "pipe")

    def test_a_filter_that_refuses_pipes(self):
        only = ["--set", "backends=pipe"]
        said = self.examine(*only, prefix=[WITHOUT, "pipe"], status=1)
        self.assertSays(said, "warning", "pipes", "EPERM")
        self.assertEqual(said["summary"]["would_use"], "inherit")
        said = self.examine(*only, "--set", "fallback.inherit=false", prefix=[WITHOUT, "pipe"],
                            status=1)
        self.assertIsNone(said["summary"]["would_use"])

    def test_a_filter_that_refuses_what_every_run_needs(self):
        said = self.examine(prefix=[WITHOUT, "eventfd"], status=1)
        self.assertSays(said, "problem", "a run", "inherits")
        self.assertSays(said, "warning", "a run", "eventfd", "allow the call")

    def test_a_filter_that_refuses_a_pidfd(self):
        said = self.examine(prefix=[WITHOUT, "pidfd"])
        self.assertSays(said, "warning", "pidfd", "EPERM")

    def test_a_kernel_that_does_not_tell_of_tcp(self):
        for options, level in (([], "note"), (["--set", "backends=tcpshim"], "warning")):
            said = self.examine(*options, prefix=[WITHOUT, "netlink"], status=0)
            self.assertSays(said, level, "backend tcpshim", "SOCK_DIAG", "settle")

    def test_a_network_without_a_loopback(self):
        prefix = self.namespace("-rn")
        said = self.examine(prefix=prefix, status=0)
        self.assertSays(said, "note", "loopback", "down", "ip link set lo up")
        self.assertSays(said, "note", "backend tcpshim", "not in the list")
        said = self.examine("--set", "backends=tcpshim,pipe", prefix=prefix, status=0)
        self.assertSays(said, "warning", "loopback", "down")
        self.assertSays(said, "warning", "backend tcpshim", "ip link set lo up")
        self.assertEqual(said["summary"]["would_use"], "pipe")

    def test_a_buffer_that_the_kernel_does_not_grant(self):
        with open("/proc/sys/net/core/wmem_max", encoding="ascii") as file:
            if int(file.read()) >= 1 << 29:
                self.skipTest("wmem_max grants everything")
        said = self.examine("--set", "options.socketpair.sndbuf=512MiB", status=0)
        self.assertSays(said, "note", "net.core.wmem_max", "512MiB", "sysctl -w")
        self.assertSays(self.examine("--set", "options.socketpair.sndbuf=8KiB", "--set",
                                     "options.tokio-like-async.sndbuf=8KiB"),
                        "ok", "net.core.wmem_max")

    # limits

    def test_few_descriptors(self):
        """However few: it says what is missing. What runs out differs from one limit to the next."""
        levels = set()
        for limit in range(5, 28):
            said = self.examine(preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_NOFILE, (limit, limit)))
            self.assertSays(said, "warning", "open files", str(limit), "hard limit")
            runs = [one for one in said["checks"] if one["subject"] == "a run"]
            if said["summary"]["would_use"] != "inherit" and runs[-1]["level"] != "ok":
                self.assertIn("EMFILE", runs[-1]["seen"])  # and not that the shell was short of it
            for one in said["checks"]:
                if "EMFILE" in one["seen"] and one["level"] != "ok":
                    levels.add(one["level"])
                    self.assertIn("ulimit -n", one["advice"])
        self.assertGreaterEqual(levels, {"note", "warning"})

    def test_a_soft_limit_that_may_be_raised(self):
        said = self.examine(status=0, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (24, 64)))
        self.assertSays(said, "warning", "open files", "ulimit -n 64")

    def test_a_user_with_too_many_pipes(self):
        hog = self.write("hog.py", """
import fcntl, os, resource, subprocess, sys
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
kept = []
while True:
    kept.append(os.pipe())
    if fcntl.fcntl(kept[-1][0], 1032) < 65536:  # F_GETPIPE_SZ
        break
    if len(kept) > 20000:
        sys.exit(77)
    try:
        fcntl.fcntl(kept[-1][0], 1031, 1 << 20)  # F_SETPIPE_SZ
    except PermissionError:
        pass
sys.exit(subprocess.run(sys.argv[1:]).returncode)
""")
        said = self.examine(prefix=[*self.for_nobody(), sys.executable, hog])
        self.assertSays(said, "warning", "pipes", "instead of 65536", "pipe-user-pages-soft")
        numbers = {one["backend"]: one for one in said["backends"]}
        self.assertLess(numbers["pipe"]["holds_of_blocks"], 65536)

    def test_a_user_who_may_have_one_process(self):
        """Nothing can be started then, and a run says so too."""
        prefix = ["prlimit", "--nproc=1", *self.for_nobody(alone=True)]
        said = self.examine(prefix=prefix, status=1)
        self.assertSays(said, "warning", "processes and threads", "at most 1 ", "ulimit -u")
        self.assertSays(said, "warning", "backend socketpair", "EAGAIN", "ulimit -u")
        self.assertSays(said, "problem", "a run", "EAGAIN", "ulimit -u")
        self.assertIsNone(said["summary"]["would_use"])
        self.assertStatus(self.run_raw([*prefix, *self.fd2_run("true")]), 125)

    # our own stderr

    def on(self, fd, **more):
        before = harness.flags_of(fd)
        said = self.examine(stderr=fd, **more)
        self.assertFlagsUnchanged(fd, before)
        return said

    def test_each_kind_of_stderr_is_told(self):
        ours, theirs = pty.openpty()
        left, right = socket.socketpair()
        read_end, write_end = os.pipe()
        with open(self.path("file"), "wb") as file:
            for fd, words in ((theirs, "a terminal"), (right.fileno(), "a socket"),
                              (write_end, "a pipe"), (file.fileno(), "a file")):
                self.assertSays(self.on(fd), "ok", "stderr", words, "written")
        self.assertSays(self.examine(stderr=DEVNULL), "ok", "stderr", "/dev/null")
        for fd in (ours, theirs, read_end, write_end):
            os.close(fd)
        left.close()
        right.close()

    def test_a_closed_stderr(self):
        said = self.examine(prefix=["sh", "-c", 'exec "$@" 2>&-', "sh"], stderr=None)
        self.assertSays(said, "warning", "stderr", "closed")

    def test_a_stderr_that_is_not_open_for_writing(self):
        with open("/dev/null", "rb") as null:
            self.assertSays(self.on(null.fileno()), "warning", "stderr", "for writing")

    def test_a_non_blocking_stderr(self):
        read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        self.assertSays(self.on(write_end), "warning", "stderr", "non-blocking")
        os.set_blocking(write_end, True)
        self.assertNoTrouble(self.on(write_end), "stderr")
        os.close(read_end)
        os.close(write_end)

    def test_a_full_stderr_and_one_that_nobody_reads(self):
        read_end, write_end = os.pipe()
        filled = harness.fill(write_end)
        self.assertSays(self.on(write_end), "warning", "stderr", "full")
        self.assertEqual(len(os.read(read_end, 1 << 20)), filled)
        self.assertNoTrouble(self.on(write_end), "stderr")
        os.close(read_end)
        self.assertSays(self.on(write_end), "warning", "stderr", "no reader left")
        os.close(write_end)

    def test_another_users_stderr(self):
        read_end, write_end = os.pipe()
        said = self.examine(prefix=self.for_nobody(), stderr=write_end)
        self.assertSays(said, "note", "stderr", "written by splice")
        os.close(read_end)
        os.close(write_end)

    def test_a_machine_without_dev_stderr(self):
        prefix = self.namespace("-rm")
        os.mkdir(self.path("dev"))
        for link, words in (("true", "missing"), ('ln -s null "$0/stderr"', "points to null")):
            script = ('mount -t tmpfs none "$0" && touch "$0/null" && mount --bind /dev/null '
                      f'"$0/null" && {link} && mount --rbind "$0" /dev && exec "$@"')
            said = self.examine(prefix=[*prefix, "sh", "-c", script, self.path("dev")])
            self.assertSays(said, "warning", "/dev/stderr", words, "ln -sfn /proc/self/fd/2")

    def test_a_machine_without_dev(self):
        prefix = self.namespace("-rm")
        said = self.examine(prefix=[*prefix, "sh", "-c", 'mount -t tmpfs none /dev && exec "$@"',
                                    "sh"], status=0)
        self.assertSays(said, "warning", "/dev/stderr", "is missing")
        self.assertSays(said, "ok", "a run", "socketpair")

    def test_a_machine_without_a_shell(self):
        prefix = self.namespace("-rm")
        script = 'mount --bind /dev/null /bin/sh && exec "$@"'
        said = self.examine(prefix=[*prefix, "sh", "-c", script, "sh"], status=0)
        self.assertSays(said, "note", "a run", "uses socketpair", "/bin/sh")

    def test_a_machine_without_proc(self):
        prefix = self.namespace("-rm")
        said = self.examine(prefix=[*prefix, "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"',
                                    "sh"], status=0)
        self.assertSays(said, "warning", "/proc", "mount -t proc")
        self.assertSays(said, "warning", "/dev/stderr", "/proc")
        self.assertEqual(said["summary"]["would_use"], "socketpair")
        self.assertSays(said, "ok", "a run", "uses socketpair")

    # programs

    def test_programs_that_are_not_on_the_path(self):
        command = os.path.abspath(os.environ["FD2_COMMAND"])
        os.mkdir(self.path("nothing"))
        outcome = self.run_raw([command, "doctor", "--json"],
                               env=dict(self.env, PATH=self.path("nothing")))
        said = self.read(outcome, 0)
        self.assertSays(said, "note", "ssh", "not on PATH")
        self.assertSays(said, "note", "rsync", "not on PATH")
        self.assertSays(said, "warning", "fd2 on PATH", "rsync -e")
        self.write("nothing/fd2", "#!/bin/sh\n", 0o755)
        outcome = self.run_raw([command, "doctor", "--json"],
                               env=dict(self.env, PATH=self.path("nothing")))
        self.assertSays(self.read(outcome, 0), "warning", "fd2 on PATH", "different copy")

    def test_versions_are_asked_for_without_a_risk(self):
        self.script("ssh", "printf 'OpenFoo\\033[2J_1\\n'; exec sleep 1000")
        self.script("rsync", "exit 3")
        said = self.examine()
        self.assertSays(said, "ok", "ssh", "OpenFoo")
        self.assertNothingLeft()
        self.assertSays(said, "ok", "rsync", self.path("bin", "rsync"))
        outcome = self.run_raw([self.fd2, "doctor", "-v"])
        self.assertNotIn(b"\033", outcome.out)
        self.assertIn(b"\\x1b[2J", outcome.out)

    # the command line

    def test_how_it_is_called(self):
        outcome = self.run_raw([self.fd2, "doctor", "now"])
        self.assertStatus(outcome, 2)
        outcome = self.run_raw([self.fd2, "help", "doctor"])
        self.assertStatus(outcome, 0)
        for word in (b"Exit status", b"Examples:", b"--json"):
            self.assertIn(word, outcome.out)
        for shell in ("bash", "zsh", "fish"):
            outcome = self.run_raw([self.fd2, "completion", shell])
            self.assertRegex(outcome.out, rb"(?s)doctor.*json")

    def test_where_its_words_cannot_be_written_the_status_says_so(self):
        with open("/dev/full", "wb") as full:
            outcome = self.run_raw([self.fd2, "doctor"], stdout=full, stderr=PIPE)
        self.assertStatus(outcome, 1)


if __name__ == "__main__":
    harness.main()
