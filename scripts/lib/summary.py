#!/usr/bin/env python3
"""Says what ran, from the JUnit files that CTest wrote.

    summary.py [--brief] [--checks PASSED FAILED] FILE...

For each group of tests (the part of the name before the colon) one line; then each failure, and
each skip with its reason; last, alone on its line, `N passed, N failed, N skipped`. --brief prints
the failures only, each with its file and the end of what it printed, and the last line; --checks
adds checks that are no CTest tests to it. Exit status 1 when anything failed or nothing ran.
"""

import argparse
import collections
import re
import sys
import xml.etree.ElementTree as ElementTree

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
OUTPUT_LINES = 30  # shown per failure by --brief; the whole is in the JUnit file
Test = collections.namedtuple("Test", "group name verdict reason seconds output")


def verdict_of(case):
    """CTest's word for a test, and why when it is not `passed`."""
    output = case.findtext("system-out") or ""
    skipped, failure = case.find("skipped"), case.find("failure")
    if case.get("status") == "run" and failure is None:
        return PASSED, ""
    if case.get("status") == "disabled":
        return SKIPPED, "disabled"
    if skipped is not None and "SKIP" in (skipped.get("message") or ""):
        said = re.search(r"^SKIP: (.*)$", output, re.MULTILINE)
        return SKIPPED, said.group(1) if said else "no reason given"
    # Anything else did not pass: failed, timed out, or not run because its program is missing.
    if case.get("status") == "fail":
        said = re.search(r"^[\w.]*(?:Error|Hang|Exception)\b.*", output, re.MULTILINE)
        return FAILED, (failure.get("message") if failure is not None else "") or (
            said.group(0)[:150] if said else "see above")
    return FAILED, "not run: " + ((skipped.get("message") if skipped is not None else "") or "?")


def read(path):
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = case.get("name")
        group = name.split(":")[0] if ":" in name else "other"
        verdict, reason = verdict_of(case)
        yield Test(group, name, verdict, reason, float(case.get("time") or 0),
                   case.findtext("system-out") or "")


def table(tests):
    groups = collections.defaultdict(list)
    for test in tests:
        groups[test.group].append(test)
    width = max([len(name) for name in groups] + [len("tests")])
    print(f"\n{'tests':<{width}}  {PASSED:>6}  {FAILED:>6}  {SKIPPED:>7}  {'seconds':>8}")
    for name in sorted(groups):
        counts = collections.Counter(test.verdict for test in groups[name])
        seconds = sum(test.seconds for test in groups[name])
        print(f"{name:<{width}}  {counts[PASSED]:>6}  {counts[FAILED]:>6}  {counts[SKIPPED]:>7}"
              f"  {seconds:>8.1f}")
    for heading, verdict in (("Skipped, and why:", SKIPPED), ("Failed:", FAILED)):
        chosen = [test for test in tests if test.verdict == verdict]
        if chosen:
            print("\n" + heading)
            for test in chosen:
                print(f"  {test.name} ({test.reason})")
    print()


def failures(path, tests):
    for test in tests:
        if test.verdict == FAILED:
            print(f"\nFailed in {path}: {test.name} ({test.reason})")
            for line in test.output.splitlines()[-OUTPUT_LINES:]:
                print("    " + line)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--brief", action="store_true")
    parser.add_argument("--checks", nargs=2, type=int, default=(0, 0), metavar=("PASSED", "FAILED"))
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    results = {path: list(read(path)) for path in options.files}
    tests = [test for file_tests in results.values() for test in file_tests]
    if options.brief:
        for path, file_tests in results.items():
            failures(path, file_tests)
    else:
        table(tests)
    counts = collections.Counter(test.verdict for test in tests)
    passed, failed = counts[PASSED] + options.checks[0], counts[FAILED] + options.checks[1]
    print(f"{passed} passed, {failed} failed, {counts[SKIPPED]} skipped")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
