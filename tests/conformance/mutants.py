#!/usr/bin/env python3
"""Proves that the checks of `fd2 conform` can fail.

    mutants.py [--all] [--removals] [--write] [--print FILE] [ID...]

FD2_CONFORM is the program, FD2_MUTANTS the directory of the mutants: backends with one defect each
(mutant.cpp), named after the check that must find it. That check alone is run. With --all every check
is, and only those that mutants.txt declares may fail beside its own. --removals removes each
check in turn and runs its mutant again: that must not count as found, or this program would not
notice that a check has gone. --write: mutants.txt gets what was seen. --print: FILE gets the matrix,
in Markdown. ID: only these mutants; FILE keeps the rows of the others.
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "mutants.txt")
HEAD = """# Each check of `fd2 conform` finds the defect that it is for

Printed by `scripts/mutants --print`. A *mutant* is the same backend with one defect
([mutant.cpp](../../tests/conformance/mutant.cpp)); each one was run through all {checks} checks.
{mutants} mutants, {problems} problems: each mutant fails the check that it is named after, and what
else it fails was known and is declared in [mutants.txt](../../tests/conformance/mutants.txt). The
backend without a defect fails none.
"""
BAD = ("fail", "crash", "hang", "warn")


def read_table():
    table = {}
    with open(TABLE, encoding="utf-8") as file:
        for line in file:
            words = line.split("#")[0].split()
            if words:
                table[words[0]] = set(words[1:])
    return table


def catalogue():
    out = subprocess.run([os.environ["FD2_CONFORM"], "--list", "--profile", "all", "--json"],
                         check=True, stdout=subprocess.PIPE).stdout
    return {check["id"]: check for check in json.loads(out)["checks"]}


def failing(mutant, include, exclude):
    """The checks that the mutant fails."""
    file = os.path.join(os.environ["FD2_MUTANTS"], f"mutant-{mutant.lower()}.so")
    command = [os.environ["FD2_CONFORM"], "--json", "-j", "1", "--limit", "30",
               "--include", include, *(["--exclude", exclude] if exclude else []), file]
    # What hangs is known to: 40 s of patience become 2.
    run = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL,
                         env={**os.environ, "FD2_TEST_SCALE": "0.05"})
    if run.returncode == 2 and not run.stdout:  # the only check of its group was left out
        return set()
    checks = json.loads(run.stdout)["backends"][0]["checks"]
    return {check["id"] for check in checks if check["status"] in BAD}


def print_matrix(file, known, seen, problems, partial):
    """partial: rows of mutants that were not run stay as FILE has them."""
    rows = {}
    if partial:
        with open(file, encoding="utf-8") as before:
            found = (re.match(r"\| ([A-Z]\d+) \|", line) for line in before)
            rows = {match[1]: match.string for match in found if match}
    for mutant in seen:
        own = mutant if mutant in seen[mutant] else "**nothing**"
        more = " ".join(sorted(seen[mutant] - {mutant})) or "–"
        rows[mutant] = f"| {mutant} | {known[mutant]['title']} | {own} | {more} |\n"
    with open(file, "w", encoding="utf-8") as out:
        out.write(HEAD.format(mutants=len(rows), checks=len(known), problems=len(problems)))
        group = ""
        for mutant in sorted(rows):
            if mutant[0] != group:
                out.write("\n| defect of | what that check proves | found by | also fails |\n|---|---|---|---|\n")
                group = mutant[0]
            out.write(rows[mutant])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--removals", action="store_true")
    parser.add_argument("--print", metavar="FILE")
    parser.add_argument("ids", nargs="*")
    options = parser.parse_args()
    table, known = read_table(), catalogue()
    wanted = options.ids or sorted(table)
    problems = []

    def look(mutant):
        include = "." if options.all or mutant == "none" else f"^{mutant}$"
        return failing(mutant, include, "")

    def not_found(failed):
        return [f"{mutant}: its own check does not find it" for mutant in failed
                if mutant not in failed[mutant]]

    def all_of(look, mutants):
        with concurrent.futures.ThreadPoolExecutor(4 * (os.cpu_count() or 1)) as pool:
            for mutant, failed in zip(mutants, pool.map(look, mutants)):
                print(f"{mutant:5} {' '.join(sorted(failed)) or '-'}", flush=True)
                yield mutant, failed

    seen = dict(all_of(look, ["none", *wanted]))
    # A busy machine can make the good one slow, too.
    wrong = [check for check in seen["none"] if check[0] != "P"]
    if wrong:
        problems.append(f"without a defect: fails {sorted(wrong)}")
    problems += not_found({mutant: seen[mutant] for mutant in wanted})
    if options.removals:
        print("Each mutant again, without its own check:")
        for mutant, failed in all_of(lambda m: failing(m, f"^{m[0]}", f"^{m}$"), wanted):
            if not not_found({mutant: failed}):
                problems.append(f"{mutant}: nobody notices that its check has gone")
    for mutant in wanted:
        more = seen[mutant] - {mutant} - table.get(mutant, set())
        if more and options.all and not options.write:
            problems.append(f"{mutant}: also fails {' '.join(sorted(more))}, which is not declared")
    if not options.ids:
        for check in known.values():
            if check["level"] == "must" and check["id"] not in table:
                problems.append(f"{check['id']}: no mutant")
    if options.write:
        with open(TABLE, encoding="utf-8") as file:
            head = [line for line in file if line.startswith("#")]
        for mutant in wanted:
            table[mutant] = table.get(mutant, set()) | seen[mutant] - {mutant}
        with open(TABLE, "w", encoding="utf-8") as file:
            file.writelines(head)
            for mutant in sorted(table):
                file.write(" ".join([mutant, *sorted(table[mutant])]) + "\n")
    if options.print:
        print_matrix(options.print, known, {mutant: seen[mutant] for mutant in wanted}, problems,
                     partial=bool(options.ids))
    for problem in problems:
        print("WRONG: " + problem)
    print(f"{len(wanted)} mutants, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
