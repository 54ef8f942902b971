"""`fd2 conform` itself: what a plugin does to it, and what it prints."""
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree

TOOL = os.environ["FD2_CONFORM"]
# A sanitizer would make an exit of a crash.
for name in ("ASAN_OPTIONS", "TSAN_OPTIONS"):
    os.environ[name] = os.environ.get(name, "") + ":handle_segv=0"

STATE = tempfile.TemporaryDirectory()
os.environ["XDG_STATE_HOME"] = STATE.name

FEW = "^(N10|G01|G02|F14)$"  # at once, whatever the machine does


def plugin(defect):
    return os.path.join(os.environ["FD2_MUTANTS"], f"mutant-{defect.lower()}.so")


def run(*arguments):
    return subprocess.run([TOOL, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=250)


def backend(*arguments):
    """The exit status, and what --json says of the one backend."""
    done = run("--json", *arguments)
    return done.returncode, json.loads(done.stdout)["backends"][0]


def processes_of(defect):
    """Those that have the mutant mapped, or were forked from one that had."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps:
                if f"/memfd:{os.path.basename(plugin(defect))}" in maps.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found


def wait_for(condition):
    until = time.monotonic() + 60
    while not condition():
        if time.monotonic() > until:
            raise AssertionError("it did not happen")
        time.sleep(0.01)


class Tool(unittest.TestCase):
    def assertOneVerdict(self, defect, status, reason, *arguments):
        code, said = backend("--include", "^N10$", *arguments, plugin(defect))
        self.assertEqual(code, 1)
        self.assertFalse(said["conforms"])
        self.assertEqual([check["status"] for check in said["checks"]], [status])
        self.assertRegex(said["checks"][0]["reason"] or "", reason)
        self.assertEqual(processes_of(defect), [])
        return said["checks"][0]

    def test_a_crash_while_the_file_is_loaded_is_a_crash(self):
        self.assertOneVerdict("R03", "crash", r"SIGSEGV")

    def test_a_hang_in_open_is_a_hang_with_its_threads(self):
        seen = self.assertOneVerdict("R04", "hang", r"no answer within 2 s", "--limit", "2")
        self.assertRegex("\n".join(seen["threads"]), r"fd2-conform")

    def test_a_hang_keeps_what_was_found_before_it(self):
        code, said = backend("--include", "^E08$", "--limit", "2", plugin("R11"))
        check = said["checks"][0]
        self.assertEqual((code, check["status"]), (1, "hang"))
        self.assertEqual(len(check["findings"]), 1)
        self.assertEqual(check["findings"][0]["expected"],
                         "ops.info(nullptr, &info) == FD2_E_INVALID")
        self.assertEqual(check["findings"][0]["seen"], "OK == INVALID")

    def test_findings_beyond_twenty_are_counted(self):
        _, said = backend("--include", "^G18$", plugin("G08"))
        check = said["checks"][0]
        self.assertRegex(check["findings"][0]["seen"],
                         r"^init = OK; .*; join = [A-Z]+, expected [A-Z]+$")
        self.assertEqual(check["findings_left_out"], 0)
        _, said = backend("--include", "^K02$", plugin("K02"))
        check = said["checks"][0]
        self.assertEqual(len(check["findings"]), 20)
        self.assertGreater(check["findings_left_out"], 0)

    def test_leaving_with_status_0_is_no_pass(self):
        self.assertOneVerdict("R05", "crash", r"status 0 before the check was over")

    def test_what_a_plugin_writes_to_every_descriptor_is_no_verdict(self):
        if os.environ["FD2_SANITIZED"]:
            self.skipTest("a sanitizer prints too: output does not count")
        seen = self.assertOneVerdict("R06", "fail", "^$")
        self.assertRegex(seen["findings"][0]["expected"], "nothing is printed")

    def test_a_plugin_that_would_fill_the_disk_is_stopped(self):
        self.assertOneVerdict("R12", "crash", "SIGXFSZ")

    def test_a_process_that_a_plugin_leaves_is_found_and_ended(self):
        seen = self.assertOneVerdict("R10", "fail", "^$")
        self.assertTrue(seen["left_behind"])

    def test_a_file_that_is_no_plugin_fails(self):
        with tempfile.NamedTemporaryFile(suffix=".so") as file:
            file.write(b"no plugin")
            file.flush()
            code, said = backend("--include", FEW, file.name)
        self.assertEqual(code, 1)
        self.assertEqual(said["checks"][0]["id"], "describe")
        self.assertIn("X1", said["checks"][0]["rules"])
        self.assertTrue(said["checks"][0]["title"])

    def test_a_file_that_is_no_plugin_fails_alone(self):
        with tempfile.NamedTemporaryFile(suffix=".so") as file:
            file.write(b"no plugin")
            file.flush()
            done = run("--json", "--include", "^(N10|X05)$", plugin("none"), file.name)
        self.assertEqual([one["conforms"] for one in json.loads(done.stdout)["backends"]],
                         [True, False])

    def test_one_at_a_time_and_eight_at_a_time_give_the_same_verdicts(self):
        verdicts = []
        for jobs in ("1", "8"):
            _, said = backend("--include", "^[BCFGNT]", "-j", jobs, plugin("F14"))
            verdicts.append([(check["id"], check["status"]) for check in said["checks"]])
        self.assertEqual(*verdicts)
        self.assertIn(("F14", "fail"), verdicts[0])

    def test_the_verdict_of_a_whole_profile_is_recorded(self):
        store = os.path.join(STATE.name, "fd2", "verdicts")
        run("--include", FEW, plugin("G07"))
        run("--no-record", "--exclude", "[A-FH-Z]", plugin("G07"))
        self.assertFalse(os.path.exists(store))
        with open(plugin("H05"), "rb") as file:
            verdict = os.path.join(store, hashlib.sha256(file.read()).hexdigest())
        # Of an earlier run with hand-over, which the profile core does not check.
        os.makedirs(store, 0o755)
        with open(verdict, "w", encoding="utf-8") as file:
            file.write("fd2-verdict 1\nconforms no\nrefuted tty handover\nfailed H10 X01\n")
        done = run("-j", "4", plugin("H05"))
        self.assertEqual(done.returncode, 1, done.stdout)
        with open(verdict, encoding="utf-8") as file:
            said = file.read()
        self.assertRegex(said, r"(?m)^refuted .*\bhandover\b")
        self.assertRegex(said, r"(?m)^failed .*\bX01\b")
        self.assertNotIn("tty", said)
        self.assertRegex(said, r"(?m)^conforms no$")
        self.assertRegex(said, r"(?m)^refuted .*\breopenable\b")
        self.assertRegex(said, r"(?m)^failed .*\bH05\b")

    def test_text_shows_the_failure_first_and_how_to_run_it_again(self):
        done = run("--include", FEW, plugin("F14"))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"(?s)FAIL F14 .*expected .*seen .*rules +L9.*"
                                      r"--debug F14 '/.*mutant-f14.so'.*group.*"
                                      r"does not conform: 3 passed, 1 failed in ")

    def test_a_debugger_stops_in_the_plugin(self):
        if not shutil.which("gdb") or os.environ["FD2_SANITIZED"]:
            self.skipTest("needs gdb, and no sanitizer")
        done = subprocess.run(
            ["gdb", "-nx", "-batch", "-ex", "set breakpoint pending on", "-ex", "break get_extension",
             "-ex", "run", "-ex", "backtrace 1", "--args", TOOL, "--debug", "N10", plugin("F14")],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=250)
        if "ptrace: " in done.stdout or "Cannot PTRACE" in done.stdout:
            self.skipTest("gdb may not trace here")
        self.assertRegex(done.stdout, r"#0 .*get_extension .*mutant\.cpp")

    def test_explain_has_the_text_of_the_rules(self):
        self.assertRegex(run("--explain", "F14").stdout,
                         r"rules  of docs/abi.md\n    L9 +take_child_end must give a descriptor")

    def test_an_interrupted_run_prints_what_is_over(self):
        # R04 hangs in open. The first failure is told at once; what comes then hangs as well.
        page = os.path.join(STATE.name, "interrupted.html")
        with subprocess.Popen([TOOL, "--json", "--html", page, "-j", "1", "--include",
                               "^(S01|N10|G01|G02)$", plugin("R04")],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as tool:
            wait_for(lambda: processes_of("R04"))
            tool.send_signal(signal.SIGINT)
            out, err = tool.communicate(timeout=60)
        self.assertNotIn(b"nothing was checked", err)
        with open(page, encoding="utf-8") as file:
            self.assertIn(">interrupted<", file.read())
        self.assertEqual(tool.returncode, -signal.SIGINT)
        said = json.loads(out)["backends"][0]
        self.assertFalse(said["conforms"])
        self.assertGreater(said["unfinished"], 0)
        self.assertEqual(said["unfinished"] + len(said["checks"]), 4)
        self.assertEqual(processes_of("R04"), [])

    def test_a_failure_is_told_at_once(self):
        self.assertRegex(run("--include", FEW, plugin("F14")).stderr,
                         r"(?m)^mutant-f14: F14: fail \(\d of 4 checks done\)$")

    def test_junit_tap_and_a_page_say_the_same(self):
        with tempfile.TemporaryDirectory() as directory:
            page = os.path.join(directory, "page.html")
            done = run("--junit", "--html", page, "--include", FEW, plugin("F14"))
            with open(page, encoding="utf-8") as file:
                text = file.read()
        suite = ElementTree.fromstring(done.stdout).find("testsuite")
        self.assertEqual([suite.get(name) for name in ("tests", "failures", "errors", "skipped")],
                         ["4", "1", "0", "0"])
        self.assertRegex(suite.find("testcase/failure").get("message"), r"blocks\(.*seen false")
        self.assertIn("does not conform", text)
        self.assertNotRegex(text, r"src=|href=(?!\"#)|url\(")
        tap = run("--tap", "--include", FEW, plugin("F14")).stdout
        self.assertRegex(tap, r"^TAP version 13\n1\.\.4\n")
        self.assertEqual(len(re.findall(r"^not ok ", tap, re.M)), 1)
        self.assertEqual(len(re.findall(r"^ok ", tap, re.M)), 3)

    def test_a_failed_cell_of_the_page_leads_to_its_evidence(self):
        with tempfile.TemporaryDirectory() as directory:
            page = os.path.join(directory, "page.html")
            run("--html", page, "--include", "^(F14|S10|N10)$", plugin("F14"), "/bin/sh")
            with open(page, encoding="utf-8") as file:
                text = file.read()
        for link in ("F14-1", "S10-2", "evidence-1", "evidence-2"):
            self.assertIn(f'<a href="#{link}">', text)
        for link in re.findall(r'href="#([^"]*)"', text):
            self.assertEqual(text.count(f' id="{link}"'), 1, link)
        evidence = dict(re.findall(r'(?s)<section id="([^"]*)">(.*?)</section>', text))
        self.assertEqual(sorted(evidence), ["F14-1", "S10-2", "describe-2"])
        self.assertRegex(evidence["F14-1"], r"(?s)blocks\(.*seen.*rules L9; again: "
                                            r"<code>fd2 conform --debug F14 '/.*mutant-f14.so'")
        self.assertRegex(evidence["describe-2"], r"(?s)load plugin: .*; again: .*--debug describe ")

    def test_an_ability_that_is_not_claimed_is_noted(self):
        proves = {"H04": "KEEPS_WRITERS", "H05": "REOPENABLE", "H07": "ATOMIC", "H14": "COMPACT",
                  "K01": "WAKE"}
        checks = f"^({'|'.join(proves)}|H02)$"
        code, said = backend("--include", checks, plugin("R13"))
        self.assertEqual(code, 0)
        noted = {check["id"]: check["notes"] for check in said["checks"]}
        self.assertEqual(noted, {"H02": []} | {
            check: [f"works, but is not claimed: {claim}"] for check, claim in proves.items()})
        _, claims = backend("--include", checks, plugin("none"))
        self.assertEqual([note for check in claims["checks"] for note in check["notes"]], [])
        with tempfile.TemporaryDirectory() as directory:
            page = os.path.join(directory, "page.html")
            text = run("--html", page, "--include", checks, plugin("R13")).stdout
            with open(page, encoding="utf-8") as file:
                html = file.read()
        junit = run("--junit", "--include", checks, plugin("R13")).stdout
        tap = run("--tap", "--include", checks, plugin("R13")).stdout
        ElementTree.fromstring(junit)
        for claim in proves.values():
            for report in (text, html, junit, tap):
                self.assertIn(f"works, but is not claimed: {claim}", report)

    def test_a_read_end_that_was_not_made_non_blocking_is_noticed(self):
        if "thread" in os.environ["FD2_SANITIZED"]:
            self.skipTest("calls are not held up beside ThreadSanitizer")
        os.environ["FD2_TEST_SCALE"] = "0.05"
        self.addCleanup(os.environ.pop, "FD2_TEST_SCALE")
        code, said = backend("--include", "^E04$", plugin("R14"))
        check = said["checks"][0]
        self.assertEqual((code, check["status"]), (1, "fail"), check)
        stuck = [found["context"][-1] for found in check["findings"]
                 if "join returns TIMEDOUT: it does not end" in found["seen"]]
        self.assertRegex("\n".join(stuck), r"(?m)^fcntl number \d+ fails with E", check)

    def test_what_a_failed_call_leaves_in_the_file_system_is_found(self):
        if "thread" in os.environ["FD2_SANITIZED"]:
            self.skipTest("calls are not held up beside ThreadSanitizer")
        code, said = backend("--include", "^(T16|E04)$", plugin("R15"))
        status = {check["id"]: check["status"] for check in said["checks"]}
        self.assertEqual((code, status), (1, {"T16": "pass", "E04": "fail"}), said)
        self.assertRegex(json.dumps(said), r"/left-\d+ is left")

    def test_a_waiver_holds_until_its_day(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("# known\nF14 2999-12-31 bug 7\n")
            file.flush()
            code, said = backend("--waivers", file.name, "--include", "^F14$", plugin("F14"))
            self.assertEqual((code, said["checks"][0]["status"]), (0, "waived"))
            self.assertRegex(said["checks"][0]["reason"], "until 2999-12-31: bug 7")
            file.seek(0)
            file.write("F14 2001-01-01 bug 7\n")
            file.truncate()
            file.flush()
            done = run("--waivers", file.name, "--include", "^F14$", plugin("F14"))
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, r":1: the waiver of F14 has expired")
            file.seek(0)
            file.write("F14 soon\n")
            file.truncate()
            file.flush()
            done = run("--waivers", file.name, plugin("F14"))
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, r":1: not a waiver; expected: ID YYYY-MM-DD REASON")

    def test_nothing_checked_is_no_success(self):
        for arguments, said in (
                (["--include", "nothing", plugin("none")], "leave no check to run"),
                (["--include", "^X", "--exclude", "X", plugin("none")], "leave no check to run"),
                (["/no/such.so"], "no such file: /no/such.so"),
                (["no-such"], "no backend 'no-such' is installed"),
                ([], "name a plugin"),
                (["--include", "(", plugin("none")],
                 'conform: --include: "(" is not a regular expression: '),
                (["--exclude", "(", plugin("none")],
                 'conform: --exclude: "(" is not a regular expression: '),
                (["--explain", "Q99"], "no check 'Q99'"),
                (["--debug", "Q99", plugin("none")], "no check 'Q99'"),
                (["--jobs", "x"], 'conform: --jobs: "x" is not a number from 1 to 256'),
                (["--waivers", "/no/file", plugin("none")],
                 "--waivers: read: /no/file: No such file or directory (ENOENT)"),
                (["--waivers", "/", plugin("none")], "--waivers: read: /: Is a directory (EISDIR)"),
                (["--html", "/no/x", "--include", FEW, plugin("none")],
                 "--html: write: /no/x: No such file or directory (ENOENT)"),
                (["--include", "^K22$", plugin("none")], "nothing was checked")):
            done = run(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(said, done.stderr)

    def test_a_wrong_option_of_the_plugin_is_told_in_words(self):
        for wrong, said in (("capacity=x", "options.mutant-none.capacity: \"x\""),
                            ("capacity=65536", '"65536" has no unit; write 64KiB'),
                            ("capacity=9999GiB", "out of range"),
                            ("capacity", "options.mutant-none.capacity: \"\""),
                            ("capacty=64KiB", "did you mean \"capacity\"?")):
            done = run("--include", FEW, plugin("none") + "?" + wrong)
            self.assertEqual(done.returncode, 1)
            self.assertIn(said, " ".join(done.stdout.split()))

    def test_options_are_written_as_in_the_configuration(self):
        code, said = backend("--include", "^H14$", plugin("h14") + "?capacity=256KiB")
        self.assertEqual((code, said["options"]), (1, "capacity=256KiB"))
        self.assertIn(f"{1 << 18} held, {1 << 19} claimed",
                      " ".join(said["checks"][0]["findings"][0]["context"]))

    def test_a_stdout_that_cannot_be_written_fails(self):
        for words in (["--list"], ["--explain", "K04"], ["--include", FEW, plugin("none")]):
            with open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run([TOOL, *words], stdin=subprocess.DEVNULL, stdout=full,
                                      stderr=subprocess.PIPE, text=True, timeout=250)
            self.assertEqual(done.returncode, 2)
            self.assertIn("cannot write to stdout (ENOSPC)", done.stderr)

    def test_ids_are_unique_and_explained(self):
        checks = json.loads(run("--list", "--json", "--profile", "all").stdout)["checks"]
        ids = [check["id"] for check in checks]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertGreater(len(ids), 80)
        for check in checks:
            self.assertTrue(check["rules"] and check["title"] and check["how"], check)
        self.assertRegex(run("--explain", "K04").stdout, r"(?s)^K04 .*how.*rules.*F2")


class Host(unittest.TestCase):
    def test_a_run_outlives_a_backend_that_ignores_finish(self):
        # Something holds the stderr for longer than this test may take.
        done = subprocess.run([os.environ["FD2_COMMAND"], "run", "--backend", plugin("K01"), "--",
                               "sh", "-c", "sleep 250 >&- <&- & echo words >&2; exit 3"],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              timeout=120, env={"PATH": os.environ["PATH"],
                                                 "FD2_PLUGINS_TRIAL": "never"})  # where it hangs
        self.assertEqual((done.returncode, done.stderr), (3, "words\n"))


if __name__ == "__main__":
    # A test is named without its class: CTest knows methods only.
    unittest.main(argv=sys.argv[:1] + [word for name in sys.argv[1:] for word in ("-k", name)])
