#!/usr/bin/env python3
"""Every block of every page is fenced and says what it is: commands are `sh` or `console`, which
commands_test.py runs; YAML is accepted by fd2, JSON can be read; and `text` tells nobody to type
anything."""
import json
import os
import re
import sys

import commands_test
import documents

# bat: for a Windows console; nothing here can run it.
KINDS = {"sh", "console", "text", "c", "cpp", "cmake", "json", "yaml", "bat"}
FEWEST = 50


def indented(text):
    """Line numbers of code blocks that are indented, and not fenced."""
    lines = documents.without_fences(text).split("\n")
    return [number + 1 for number, line in enumerate(lines)
            if re.match(r"(?:    |\t)\S", line) and number and not lines[number - 1].strip()]


def programs():
    """The first words of all commands."""
    found = set()
    for page in documents.pages() + documents.man_pages():
        for _, _, commands in commands_test.blocks_of(page):
            found.update(step[1].split()[0] for step in commands)
    return {word for word in found if "=" not in word}


def wrong_with(kind, block, known, scratch):
    if kind not in KINDS:
        return f"is marked {kind!r}, and none of {', '.join(sorted(KINDS))}"
    if kind == "text":
        # Columns are no command, and neither is a message such as `ssh command: host ...`.
        typed = [line for line in block.splitlines()
                 if line.startswith("$ ") or (line.split() and line.split()[0] in known
                                              and "  " not in line.split(" #")[0].strip()
                                              and not re.match(r"[\w ]+: ", line))]
        return f"has a command: {typed[0]}" if typed else None
    if kind == "json":
        try:
            json.loads(block)
        except ValueError as why:
            return f"is no JSON: {why}"
    if kind == "yaml":
        with open(os.path.join(scratch.home, "block.yaml"), "w", encoding="utf-8") as out:
            out.write(block)
        check = "fd2 config check block.yaml"
        if block.startswith("causes:"):
            check = "fd2 why --list --set why.rules=$PWD/block.yaml"
        status, printed = scratch.run(check)
        return None if status == 0 else f"is not accepted: {printed}"
    return None


def main():
    problems, count, known = [], 0, programs()
    with documents.Scratch() as scratch:
        for page in documents.pages():
            text = documents.read(page)
            for line, kind, block in documents.fences(text):
                count += 1
                wrong = wrong_with(kind, block, known, scratch)
                if wrong:
                    problems.append(f"{page}:{line}: the block {wrong}")
            problems += [f"{page}:{line}: a block that is indented, and not fenced"
                         for line in indented(text)]
            if len(re.findall(r"^ *(?:```|~~~)", text, re.M)) != 2 * len(documents.fences(text)):
                problems.append(f"{page}: a fence is open, indented, or of another kind")
    if count < FEWEST:
        problems.append(f"only {count} blocks were found")
    return documents.verdict(problems, f"{count} blocks looked at")


if __name__ == "__main__":
    sys.exit(main())
