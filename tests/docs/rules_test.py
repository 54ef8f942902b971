#!/usr/bin/env python3
"""Every obligation in the rules of docs/abi.md has a number of its own, and the tests that are named
beside it exist."""
import os
import re
import sys

import documents

PAGE = "docs/abi.md"
HEADING = "## The rules, one by one"
FEWEST = 90  # fewer rules: they were moved or are no longer recognised


def main():
    text = documents.read(PAGE)
    before, heading, section = text.partition(HEADING + "\n")
    if not heading:
        return documents.verdict([f"{PAGE}: there is no '{HEADING}'"], "nothing was read")
    section = re.split(r"^## ", section, flags=re.M)[0]
    first = before.count("\n") + 2
    files = dict(re.findall(r"^\[(\w+)\]: (\S+)$", section, re.M))
    problems, letter, last, numbers, named = [], None, 0, set(), set()
    for line, content in enumerate(section.split("\n"), first):
        def wrong(what):
            problems.append(f"{PAGE}:{line}: {what}")
        chapter = re.match(r"### ([A-Z]): ", content)
        if chapter:
            letter, last = chapter[1], 0
            continue
        rule = re.match(r"\| ([A-Z])(\d+) \| (.*) \| (.*) \|$", content)
        if not rule:
            if re.search(r"\bmust\b", content):
                wrong("an obligation without a number")
            elif content.startswith("| ") and not content.startswith("| | rule |"):
                wrong("a row that is no rule")
            continue
        number = rule[1] + rule[2]
        if number in numbers:
            wrong(f"{number} is there twice")
        numbers.add(number)
        if rule[1] != letter or int(rule[2]) <= last:
            wrong(f"{number} is out of its place")
        last = int(rule[2])
        if not re.search(r"\bmust\b", rule[3]):
            wrong(f"{number} obliges nobody: it has no 'must'")
        tests = re.findall(r"\[(\w+)\]", rule[4])
        if not re.fullmatch(r"–|(?:[A-Z]\d\d|\[\w+\])(?:, (?:[A-Z]\d\d|\[\w+\]))*", rule[4]):
            wrong(f"{number}: neither checks and tests nor a dash: {rule[4]}")
        for test in tests:
            named.add(test)
            if test not in files:
                wrong(f"{number}: [{test}] stands for no file")
    for name, target in files.items():
        path = os.path.normpath(os.path.join(os.path.dirname(PAGE), target))
        if not path.startswith(("tests/", "host/conformance/")) or not os.path.isfile(os.path.join(documents.ROOT, path)):
            problems.append(f"{PAGE}: [{name}]: {target} is no test file")
        if name not in named:
            problems.append(f"{PAGE}: [{name}] is not used by any rule")
    if len(numbers) < FEWEST:
        problems.append(f"{PAGE}: only {len(numbers)} rules were found")
    return documents.verdict(problems, f"{len(numbers)} rules, {len(files)} test files")


if __name__ == "__main__":
    sys.exit(main())
