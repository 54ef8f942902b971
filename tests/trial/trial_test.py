"""The trial of plugins: what crashes or hangs there is a step of the list of attempts, once.

Every run lists a plugin that misbehaves and then `pipe`; the command writes to stdout and stderr
and exits 7.
"""

import glob
import hashlib
import json
import os
import pwd
import shutil

import harness

PLUGINS = os.environ.get("FD2_TRIAL_PLUGINS", "")
PLACE = b"@counter" + bytes(248)  # see plugin.c


class Trial(harness.Case):
    def plugin(self, name, directory="mine"):
        """A copy of the plugin that counts how often it is mapped, in a content of its own."""
        os.makedirs(self.path(directory), exist_ok=True)
        with open(os.path.join(PLUGINS, name + ".so"), "rb") as file:
            content = file.read()
        self.assertEqual(content.count(PLACE), 1)
        counter = self.path(name + ".count").encode()
        target = self.path(directory, name + ".so")
        with open(target, "wb") as file:
            file.write(content.replace(PLACE, counter + bytes(256 - len(counter))))
        os.chmod(target, 0o755)
        return target

    def mapped(self, name):
        """How often it was, up to now."""
        try:
            return os.path.getsize(self.path(name + ".count"))
        except FileNotFoundError:
            return 0

    def named(self, *listed):
        """Options that list these files and backends; the caller vouches for the directories."""
        files = [each for each in listed if each.startswith("/")]
        names = [os.path.basename(each).removesuffix(".so") for each in listed]
        return [word for file in files for word in ("--plugin-path", os.path.dirname(file))] + \
               ["--set", "backends=" + ",".join(names)]

    def run_list(self, *listed, options=(), prefix=()):
        report = self.report()
        words = self.named(*listed) + list(options)
        outcome = self.run_raw([*prefix, *self.fd2_run(
            self.child, "say", "to stdout", "to stderr", "7", report=report, options=words)])
        self.assertStatus(outcome, 7)
        self.assertEqual(outcome.out, b"to stdout\n")
        self.assertTrue(outcome.err.endswith(b"to stderr\n"), outcome)
        self.assertNothingLeft()
        self.said = outcome.err.decode()
        return report.stats

    def assertFalls(self, stats, code, *words, backend="pipe"):
        self.assertEqual(stats["backend"], backend)
        self.assertEqual(stats["bytes"], 10)
        (step,) = stats["fallback"]
        self.assertEqual(step["code"], code, step)
        for each in words:
            self.assertIn(each, step["message"])
        return step["message"]

    def assertUsed(self, stats, backend="well-behaved"):
        self.assertEqual((stats["backend"], stats["bytes"], stats["fallback"]), (backend, 10, []))

    # what misbehaves

    def falls_once(self, name, *words):
        """It is one step of the list, remembered with its reason, and tried again when asked to."""
        file = self.plugin(name)
        said = self.assertFalls(self.run_list(file, "pipe"), "internal", file, *words)
        self.assertIn(f"to try it again: fd2 conform --trial {file}", said)
        self.assertEqual(self.mapped(name), 1)
        self.assertFalls(self.run_list(file, "pipe"), "internal", file, *words,
                         "when it was tried at 20", "fd2 conform --trial")
        self.assertEqual(self.mapped(name), 1)
        again = self.run_raw([self.fd2, "conform", "--trial", file])
        self.assertStatus(again, 1)
        self.assertIn(words[0].encode(), again.out)
        self.assertEqual(self.mapped(name), 2)
        self.assertNothingLeft()

    def test_a_crash_while_it_is_loaded(self):
        self.falls_once("crash-at-load", "crashed (SIGSEGV) while it was loaded")

    def test_a_crash_in_init(self):
        self.falls_once("crash-in-init", "crashed (SIGSEGV) in init")

    def test_leaving_with_status_0(self):
        self.falls_once("exit-at-load", "exited with status 0 while it was loaded")

    def test_an_abort_with_its_last_words(self):
        self.falls_once("abort-at-load", "crashed (SIGABRT) while it was loaded",
                        "it printed: tables differ")

    def test_what_it_writes_to_every_descriptor_reaches_nobody(self):
        self.falls_once("writes-everywhere", "nothing is printed to stdout or stderr")

    def test_a_process_that_it_leaves_is_ended(self):
        self.falls_once("leaves-orphan", "no process is left behind")

    def stops_for_now(self, name, code, *words):
        """It may be the machine's load: nothing is recorded, the next process tries again."""
        file = self.plugin(name)
        for count in (1, 2):
            self.assertFalls(self.run_list(file, "pipe"), code, file, *words)
            self.assertEqual(self.mapped(name), count)
        self.assertEqual(glob.glob(self.path("state/fd2/verdicts/*")), [])

    def test_a_hang_while_it_is_loaded(self):
        self.stops_for_now("hang-at-load", "timedout", "did not answer within 5 s while it was loaded")

    def test_a_hang_in_open(self):
        self.stops_for_now("hang-in-open", "timedout", "did not answer within 5 s in open")

    def test_a_process_that_somebody_else_killed(self):
        self.stops_for_now("killed-in-init", "internal", "crashed (SIGKILL) in init")

    def test_a_torn_copy(self):
        whole = self.plugin("well-behaved")
        size = os.path.getsize(whole)
        os.mkdir(self.path("torn"))
        fell = 0
        for part in range(1, 8):
            for tail in (b"", bytes(size - size * part // 8)):
                torn = self.path("torn", "well-behaved.so")
                with open(whole, "rb") as file, open(torn, "wb") as copy:
                    copy.write(file.read(size * part // 8) + tail)
                with self.subTest(eighths=part, zeros=len(tail)):
                    stats = self.run_list(torn, "pipe")
                    self.assertEqual(stats["bytes"], 10)
                    self.assertEqual(len(stats["fallback"]), stats["backend"] == "pipe")
                    fell += stats["backend"] == "pipe"
        self.assertGreater(fell, 2)  # what is not needed to run may be missing

    # what does not

    def test_a_good_one_is_tried_once_for_each_content(self):
        file = self.plugin("well-behaved")
        for count in (2, 3, 4):  # the trial, and each run
            self.assertUsed(self.run_list(file))
            self.assertEqual(self.mapped("well-behaved"), count)
        with open(file, "ab") as content:
            content.write(b"another build")
        self.assertUsed(self.run_list(file))
        self.assertEqual(self.mapped("well-behaved"), 6)

    def test_a_passed_trial_is_no_verdict_about_conformance(self):
        file = self.plugin("well-behaved")
        self.assertUsed(self.run_list(file))
        shown = self.run_raw([self.fd2, "plugins", "--plugin-path", os.path.dirname(file), "--json"])
        mine = [one for one in json.loads(shown.out)["plugins"] if one["file"] == file]
        self.assertEqual([(one["usable"], one["conforms"]) for one in mine], [(True, None)])

    def test_one_that_declines_is_asked_by_the_run_itself(self):
        file = self.plugin("refuses-open")
        for count in (2, 4):
            self.assertFalls(self.run_list(file, "pipe"), "unsupported", "not today")
            self.assertEqual(self.mapped("refuses-open"), count)

    def test_a_trial_that_is_made_by_hand_counts(self):
        file = self.plugin("well-behaved")
        self.assertUsed(self.run_list(file))
        (record,) = glob.glob(self.path("state/fd2/verdicts/*.trial"))
        with open(record, "w", encoding="utf-8") as text:
            text.write("fd2-trial 1\npassed no\nwhy crashed in a dream\n")
        self.assertFalls(self.run_list(file, "pipe"), "internal", "crashed in a dream")
        by_hand = self.run_raw([self.fd2, "conform", "--trial", file])
        self.assertStatus(by_hand, 0)
        self.assertEqual(by_hand.out.decode(), f"{file}: passed its trial\n")
        self.assertUsed(self.run_list(file))

    def test_a_checked_backend_is_not_tried(self):
        file = self.plugin("well-behaved")
        with open(file, "rb") as content:
            digest = hashlib.sha256(content.read()).hexdigest()
        os.makedirs(self.path("state/fd2/verdicts"))
        self.write(f"state/fd2/verdicts/{digest}", "fd2-verdict 1\nconforms yes\n")
        self.assertUsed(self.run_list(file))
        self.assertEqual(self.mapped("well-behaved"), 1)
        self.assertEqual(glob.glob(self.path("state/fd2/verdicts/*.trial")), [])

    # whom it concerns

    def checked(self, *lines):
        """Options for the directory `mine`, named by a file and checked, and its backend."""
        return self.config("\n".join([
            "backends:", "  sync: [well-behaved]", "require: []", "plugins:",
            f"  path: [{self.path('mine')}]", *("  " + line for line in lines), ""]))

    def run_checked(self, *lines, prefix=()):
        report = self.report()
        self.env.pop("FD2_PLUGIN_PATH", None)  # it comes before what a file names
        outcome = self.run_raw([*prefix, *self.fd2_run(
            self.child, "say", "to stdout", "to stderr", "7", report=report,
            options=self.checked(*lines))])
        self.assertStatus(outcome, 7)
        self.assertUsed(report.stats)

    def test_what_root_owns_elsewhere_is_tried(self):
        if os.geteuid() != 0:
            self.skipTest("only root can own it")
        os.chmod(self.dir, 0o755)
        self.plugin("well-behaved")
        for count in (2, 3):
            self.run_checked()
            self.assertEqual(self.mapped("well-behaved"), count)

    def test_what_crashes_and_is_roots_is_a_step_of_the_list(self):
        if os.geteuid() != 0:
            self.skipTest("only root can own it")
        os.chmod(self.dir, 0o755)
        self.env.pop("FD2_PLUGIN_PATH", None)
        for name in ("abort-at-load", "hang-at-load"):
            file = self.plugin(name)
            report = self.report()
            outcome = self.run_raw(self.fd2_run(
                self.child, "say", "to stdout", "to stderr", "7", report=report,
                options=["--set", f"backends={file},pipe"]))
            self.assertStatus(outcome, 7)
            self.assertEqual(report.stats["backend"], "pipe")

    def test_what_came_with_fd2_and_only_root_may_write_is_not_tried_unless_that_is_asked_for(self):
        if os.geteuid() != 0:
            self.skipTest("only root can own it")
        os.chmod(self.dir, 0o755)
        bin_directory = self.path("prefix", "bin")
        os.makedirs(bin_directory)
        for program in (os.environ["FD2_COMMAND"], os.environ["FD2_CONFORM"]):
            shutil.copy(program, bin_directory)
        self.fd2 = os.path.join(bin_directory, "fd2")
        os.makedirs(self.path("prefix", "lib", "fd2"))
        self.plugin("well-behaved", "prefix/lib/fd2/backends")
        os.makedirs(self.path("mine"))
        self.run_checked()
        self.assertEqual(self.mapped("well-behaved"), 1)
        self.assertEqual(glob.glob(self.path("state/fd2/verdicts/*")), [])
        self.run_checked("trial: always")
        self.assertEqual(self.mapped("well-behaved"), 3)
        self.run_checked("trial: always")
        self.assertEqual(self.mapped("well-behaved"), 4)

    def test_what_a_user_owns_is_tried(self):
        prefix = self.for_nobody()
        shutil.copy(os.environ["FD2_CONFORM"], self.path("bin", "fd2-conform"))
        file = self.plugin("well-behaved")
        nobody = pwd.getpwnam("nobody")
        os.chown(file, nobody.pw_uid, nobody.pw_gid)
        for count in (2, 3):
            self.run_checked(prefix=prefix)
            self.assertEqual(self.mapped("well-behaved"), count)

    def test_never_is_never(self):
        file = self.plugin("well-behaved")
        for count in (1, 2):
            self.assertUsed(self.run_list(file, options=["--set", "plugins.trial=never"]))
            self.assertEqual(self.mapped("well-behaved"), count)

    # where it cannot be done

    def test_without_a_record_each_run_tries(self):
        self.env["XDG_STATE_HOME"] = "/dev/null"
        file = self.plugin("well-behaved")
        for count in (2, 4):
            self.assertUsed(self.run_list(file, options=["--set", "log.console=debug"]))
            self.assertEqual(self.mapped("well-behaved"), count)
            self.assertIn("the outcome of a trial is not recorded", self.said)

    def test_without_the_program_nothing_is_tried(self):
        self.readable_for_others()
        shutil.copy(os.environ["FD2_CONFORM"], self.path("bin", "fd2-conform"))
        os.chmod(self.path("bin", "fd2-conform"), 0o644 if os.geteuid() != 0 else 0o600)
        file = self.plugin("well-behaved")
        self.assertUsed(self.run_list(file, options=["--set", "log.console=debug"]))
        self.assertIn("plugins are loaded without a trial: execute: ", self.said)
        os.unlink(self.path("bin", "fd2-conform"))
        self.assertUsed(self.run_list(file, options=["--set", "log.console=debug"]))
        self.assertIn("plugins are loaded without a trial: no ", self.said)
        self.assertEqual(self.mapped("well-behaved"), 2)

    def test_few_descriptors_are_no_fault_of_the_plugin(self):
        harness.needs_tool("prlimit")
        file = self.plugin("well-behaved")
        self.assertUsed(self.run_list(file, prefix=["prlimit", "--nofile=100:100"]))
        self.assertEqual(self.mapped("well-behaved"), 1)
        self.assertUsed(self.run_list(file, prefix=["prlimit", "--nofile=100:2000"]))
        self.assertEqual(self.mapped("well-behaved"), 3)

    def test_small_files_are_no_fault_of_the_plugin(self):
        harness.needs_tool("prlimit")
        file = self.plugin("well-behaved")
        small = os.path.getsize(file) + 4096
        self.assertUsed(self.run_list(file, prefix=["prlimit", f"--fsize={small}:{small}"]))
        self.assertEqual(self.mapped("well-behaved"), 1)
        self.assertUsed(self.run_list(file, prefix=["prlimit", f"--fsize={small}:unlimited"]))
        self.assertEqual(self.mapped("well-behaved"), 3)

    def test_a_small_stack_is_no_fault_of_the_plugin(self):
        harness.needs_tool("prlimit")
        file = self.plugin("well-behaved")
        self.assertUsed(self.run_list(file, prefix=["prlimit", "--stack=65536:65536"]))
        self.assertEqual(self.mapped("well-behaved"), 1)
        self.assertUsed(self.run_list(file, prefix=["prlimit", "--stack=65536:unlimited"]))
        self.assertEqual(self.mapped("well-behaved"), 3)

    def test_what_breaks_with_little_memory_is_not_recorded(self):
        harness.needs_tool("prlimit")
        file = self.plugin("crash-in-init")
        for count in (1, 2):
            self.assertFalls(self.run_list(file, "pipe", prefix=["prlimit", "--data=4000000000"]),
                             "internal", "crashed (SIGSEGV) in init")
            self.assertEqual(self.mapped("crash-in-init"), count)

    def test_a_trial_goes_with_whom_it_is_made_for(self):
        file = self.plugin("hang-at-load")
        run = self.spawn(self.fd2_run("true", options=self.named(file, "pipe")))
        harness.until(lambda: self.mapped("hang-at-load") == 1, "the plugin is mapped")
        run.kill()
        run.wait()
        harness.until(lambda: not [pid for pid in harness.descendants()
                                   if harness.state_of(pid) not in ("Z", "")], "all are gone")

    # the other commands

    def test_the_list_shows_what_failed_its_trial(self):
        file = self.plugin("crash-in-init")
        self.run_list(file, "pipe")
        words = ["--plugin-path", os.path.dirname(file)]
        listed = self.run_raw([self.fd2, "plugins", *words, "crash-in-init"])
        self.assertIn(b"usable: no: try plugin: ", listed.out)
        self.assertIn(b"crashed (SIGSEGV) in init, when it was tried at 20", listed.out)
        self.assertEqual(self.mapped("crash-in-init"), 1)
        doctor = json.loads(self.run_raw([self.fd2, "doctor", "--json", *words]).out)
        self.assertIn("when it was tried at", json.dumps(doctor))
        self.assertEqual(self.mapped("crash-in-init"), 1)
        never = self.run_raw([self.fd2, "plugins", *words, "--set", "plugins.trial=never",
                              "crash-in-init"])
        self.assertIn(b"crashed (SIGSEGV)\n", never.out)
        self.assertEqual(self.mapped("crash-in-init"), 2)

    def test_nobody_but_a_run_tries(self):
        self.plugin("well-behaved")
        words = ["--plugin-path", self.path("mine")]
        for command in (["plugins"], ["doctor"]):
            self.run_raw([self.fd2, *command, *words])
        self.assertEqual(glob.glob(self.path("state/fd2/verdicts/*")), [])


if __name__ == "__main__":
    harness.main()
