#!/usr/bin/env python3
"""The C++ of docs/embedding.md is true: its programs compile without a warning and print what the
page says; every other piece stands in an example, which is compiled and run by other tests."""
import os
import re
import shlex
import shutil
import sys

import documents

PAGE = "docs/embedding.md"
FEWEST_PROGRAMS = 4
FEWEST_PIECES = 6

# In place of ssh: the remote command is the last word, and runs here.
SSH = '#!/bin/sh\nfor word; do last=$word; done\nexec sh -c "$last"\n'


def squeezed(text):
    """Without its indentation."""
    return "\n".join(line.strip() for line in text.strip().splitlines())


def examples():
    found = {}
    top = os.path.join(documents.ROOT, "examples")
    for directory, _, files in os.walk(top):
        for name in files:
            if name.endswith(".cpp"):
                path = os.path.relpath(os.path.join(directory, name), documents.ROOT)
                found[path] = squeezed(documents.read(path)) + "\n"
    return found


def output_after(text, block):
    """The ```text block that comes next, if no other block does."""
    rest = text[text.index(block) + len(block):]
    rest = re.sub(r"\A```[ \t]*\n", "", rest)
    following = re.search(r"^```(\w*)[ \t]*\n(.*?)^```[ \t]*$", rest, re.S | re.M)
    return following[2] if following and following[1] == "text" else None


def try_program(scratch, text, line, block, problems):
    where = f"{PAGE}:{line}"
    expected = output_after(text, block)
    if expected is None:
        problems.append(f"{where}: a program without its output in a ```text block")
        return
    if re.search(r"return [^;]*success\(\);", block):
        problems.append(f"{where}: returns a truth value as exit status: 1 for success")
    library = os.environ["FD2_LIBRARY"]
    with open(os.path.join(scratch.home, "program.cpp"), "w", encoding="utf-8") as out:
        out.write(block)
    compiler = shlex.quote(os.environ.get("CXX") or shutil.which("c++") or "c++")
    directory = shlex.quote(os.path.dirname(library))
    includes = " ".join("-I" + shlex.quote(os.path.join(documents.ROOT, "host", *path))
                        for path in (("include",), ("base", "include")))
    # Not optimised: gcc 12 has a false alarm about coroutines then, and takes longer.
    status, printed = scratch.run(
        f"{compiler} -std=c++20 -O0 -Wall -Wextra -Wconversion -Wshadow -Werror -pthread "
        f"{includes} program.cpp -o program -L{directory} -lfd2 -Wl,-rpath,{directory}")
    if status != 0:
        problems.append(f"{where}: does not compile:\n{printed}")
        return
    status, printed = scratch.run("./program")
    if printed != expected:
        problems.append(f"{where}: status {status}, prints:\n{printed}and not:\n{expected}")


def main():
    if not os.path.exists(os.environ.get("FD2_LIBRARY", "")):
        documents.skip("FD2_LIBRARY names no library")
    text = documents.read(PAGE)
    sources = examples()
    problems, programs, pieces = [], 0, 0
    with documents.Scratch() as scratch:
        ssh = os.path.join(scratch.path, "bin", "ssh")
        with open(ssh, "w", encoding="utf-8") as out:
            out.write(SSH)
        os.chmod(ssh, 0o755)
        for line, block in documents.blocks(text, "cpp"):
            if "int main(" in block:
                programs += 1
                try_program(scratch, text, line, block, problems)
                continue
            pieces += 1
            if not any(squeezed(block) + "\n" in source for source in sources.values()):
                problems.append(f"{PAGE}:{line}: stands in no example:\n{block}")
    if programs < FEWEST_PROGRAMS or pieces < FEWEST_PIECES:
        problems.append(f"{PAGE}: only {programs} programs and {pieces} pieces were found")
    return documents.verdict(problems, f"{programs} programs tried, {pieces} pieces found")


if __name__ == "__main__":
    sys.exit(main())
