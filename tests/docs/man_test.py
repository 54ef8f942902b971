#!/usr/bin/env python3
"""The man pages format without a complaint and know every option and command of the help."""
import os
import re
import shutil
import subprocess
import sys

import documents


def complaints(page):
    path = os.path.join(documents.ROOT, page)
    lint = subprocess.run(["mandoc", "-Tlint", path], stdout=subprocess.PIPE, text=True)
    # Whether the other pages are installed is no business of this one; and fd2 is no part of the
    # operating system that mandoc thinks it knows.
    fine = ("referenced manual not found", "operating system explicitly specified")
    out = [line for line in lint.stdout.splitlines() if not any(text in line for text in fine)]
    if shutil.which("man") and shutil.which("groff"):
        shown = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", path],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "LC_ALL": "C.UTF-8", "MANPAGER": "cat",
                                    "MANWIDTH": "80"})
        out += shown.stderr.splitlines()
        if shown.returncode != 0 or len(shown.stdout) < 500:
            out.append(f"{page}: man cannot show it")
        out += misnamed(page, shown.stdout.strip().splitlines())
    return out


def misnamed(page, lines):
    """What is wrong with the first and the last line: title and volume; system and date."""
    name, section = os.path.basename(page).rsplit(".", 1)
    title = f"{name.upper()}({section})"
    volume = {"1": "fd2 General Commands Manual", "5": "fd2 File Formats Manual"}[section]
    out = []
    if not lines or re.split(r"\s{2,}", lines[0].strip()) != [title, volume, title]:
        out.append(f"{page}: its header is {lines[:1]}")
    if not lines or not re.fullmatch(r"fd2\s{2,}\w+ \d+, \d{4}\s{2,}fd2", lines[-1].strip()):
        out.append(f"{page}: its footer is {lines[-1:]}")
    return out


def words_of_help(arguments, pattern):
    text = subprocess.run([documents.fd2(), *arguments], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    return set(re.findall(pattern, text, re.M))


def difference(page, told, shown, what):
    return ([f"{page}: does not know {what} {word}" for word in sorted(told - shown)] +
            [f"{page}: {what} {word} does not exist" for word in sorted(shown - told)])


def main():
    if not shutil.which("mandoc"):
        documents.skip("mandoc is not installed")
    found = documents.pages(".1") + documents.pages(".5")
    problems = [line for page in found for line in complaints(page)]
    if len(found) < 3:
        problems.append(f"only {len(found)} man pages were found")

    options = words_of_help(["run", "--help"], r"^  (?:-h,)?--([a-z-]+)")
    text = documents.read("docs/man/fd2-run.1")
    problems += difference("fd2-run.1", options - {"help"},
                           set(re.findall(r"^\.It Fl -([a-z-]+)", text, re.M)), "option --")
    more = words_of_help(["conform", "--help"], r"^  (?:-\w, )?--([a-z-]+)")
    rows = re.findall(r"^\.It .*", documents.read("docs/man/fd2-conform.1"), re.M)
    problems += difference("fd2-conform.1", more,
                           set(re.findall(r"Fl -([a-z-]+)", "\n".join(rows))), "option --")
    commands = words_of_help(["--help"], r"^  ([a-z-]+)  +[A-Z]")
    text = documents.read("docs/man/fd2.1")
    problems += difference("fd2.1", commands,
                           set(re.findall(r"^\.It (?:Cm|Ic) ([a-z-]+)", text, re.M)), "command ")
    return documents.verdict(problems, f"{len(found)} pages, {len(options)} options and "
                             f"{len(commands)} commands looked at")


if __name__ == "__main__":
    sys.exit(main())
