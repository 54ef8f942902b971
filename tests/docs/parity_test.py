#!/usr/bin/env python3
"""Every test and check that docs/parity.md names exists, under that very name."""

import os
import re
import sys

import documents

PAGE = "docs/parity.md"
FEWEST = 40
NAME = re.compile(r'(?:TEST_CASE\(|CHECK_CASE\(\w+, \w+, "[^"]*",)\s*((?:"[^"\n]*"\s*)+)')


def test_cases():
    names = set()
    for top in ("tests", "host/conformance/checks"):
        for directory, _, files in os.walk(os.path.join(documents.ROOT, top)):
            for name in files:
                path = os.path.relpath(os.path.join(directory, name), documents.ROOT)
                if name.endswith("_test.cpp") or path.startswith("host/") and name.endswith(".cpp"):
                    for literals in NAME.findall(documents.read(path)):
                        names.add("".join(re.findall(r'"([^"]*)"', literals)))
    suites = documents.read("tests/e2e/CMakeLists.txt")
    names.update("e2e " + suite for suite in re.findall(r"^fd2_e2e\((\w+)", suites, re.M))
    return names


def main():
    known = test_cases()
    named = re.findall(r'"([^"]+)"', documents.read(PAGE))
    problems = [f'{PAGE}: no test is called "{name}"' for name in named if name not in known]
    if len(named) < FEWEST:
        problems.append(f"{PAGE}: only {len(named)} tests are named")
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems; {len(named)} names, {len(known)} tests known")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
