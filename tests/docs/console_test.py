#!/usr/bin/env python3
"""What the pages show in ```console blocks happens.

A line that begins with `$ ` is a command, what follows it (up to the next one) is all that it
prints. `...` stands for any text within a line, a line of `...` for any number of lines. A command
ends with status 0, unless the next one is `echo $?`. The blocks of a page share a directory.
Commands that need a network, ssh or the sources are left out; so are those that do not begin with
fd2 or one of a few harmless words. Man pages take part with the `$ ` lines of their literal parts;
they show no output, so theirs is not looked at.
"""
import os
import re
import sys

import documents

HARMLESS = {"fd2", "echo", "cat", "printf", "mkdir", "ls", "chmod", "touch", "wc", "grep"}
ELSEWHERE = {"ssh", "sshd", "scp", "sftp", "rsync", "git", "borg", "ansible", "sudo", "apt",
             "apt-get", "man", "cmake", "ninja", "ctest"}


def runs_here(command):
    tokens = re.findall(r"[\w./+~=-]+", command)
    while tokens and re.match(r"[A-Z][A-Z0-9_]*=", tokens[0]):
        tokens.pop(0)
    return (bool(tokens) and tokens[0] in HARMLESS
            and not any(os.path.basename(t) in ELSEWHERE for t in tokens))


def steps(block):
    """[line offset, command, expected output] of a console block."""
    out = []
    for number, line in enumerate(block.splitlines()):
        if line.startswith("$ "):
            out.append([number, line[2:], []])
        elif out and not out[-1][2] and out[-1][1].endswith("\\"):
            out[-1][1] = out[-1][1][:-1] + line
        elif out:
            out[-1][2].append(line)
    return out


def agrees(expected, printed):
    pattern = ""
    for line in expected:
        if line == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part) for part in line.split("...")) + r"\n"
    if printed and not printed.endswith("\n"):
        printed += "\n"
    return re.fullmatch(pattern, printed) is not None


def man_steps(text):
    """The commands of a man page's literal displays, with the roff taken away."""
    out = []
    for display in re.finditer(r"^\.Bd -literal.*?\n(.*?)^\.Ed", text, re.S | re.M):
        line = text.count("\n", 0, display.start()) + 2
        plain = display[1].replace("\\(aq", "'").replace("\\-", "-").replace("\\e", "\\")
        out += [[line + number, command, None] for number, command, _ in steps(plain)]
    return out


def try_page(page, all_steps, problems):
    ran = 0
    with documents.Scratch() as scratch:
        before = 0
        for position, (line, command, expected) in enumerate(all_steps):
            if not runs_here(command):
                before = 0
                continue
            ran += 1
            status, printed = scratch.run(command, before)
            asked = position + 1 < len(all_steps) and all_steps[position + 1][1] == "echo $?"
            if not isinstance(status, int) or (status != 0 and not asked):
                problems.append(f"{page}:{line}: status {status}: {command}\n{printed}")
            elif expected is not None and not agrees(expected, printed):
                problems.append(f"{page}:{line}: prints something else: {command}\n{printed}")
            before = status if isinstance(status, int) else 1
    return ran


def main():
    documents.fd2()
    if os.path.exists("/etc/fd2/fd2.yaml"):
        documents.skip("/etc/fd2/fd2.yaml would change what is printed")
    problems, ran = [], 0
    for page in documents.pages():
        found = [[start + number, command, expected]
                 for start, block in documents.blocks(documents.read(page), "console")
                 for number, command, expected in steps(block)]
        ran += try_page(page, found, problems) if found else 0
    for page in documents.pages(".1") + documents.pages(".5"):
        ran += try_page(page, man_steps(documents.read(page)), problems)
    if ran == 0:
        problems.append("not one command was run")
    return documents.verdict(problems, f"{ran} commands run")


if __name__ == "__main__":
    sys.exit(main())
