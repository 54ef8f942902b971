#!/usr/bin/env python3
"""The backends that docs/abi.md walks through compile without a warning, load and carry."""
import json
import os
import re
import shutil
import sys

import documents

COMMON = "-O1 -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden -D_GNU_SOURCE -pthread"


def compiler(variable, fallback):
    return os.environ.get(variable) or shutil.which(fallback)


def main():
    text = documents.read("docs/abi.md")
    include = os.path.join(documents.ROOT, "abi", "include")
    sources = [block for language in ("cpp", "c") for _, block in documents.blocks(text, language)
               if "fd2_backend_entry_v1(" in block or "FD2_BACKEND(" in block]
    problems = []
    if len(sources) < 2:
        problems.append(f"docs/abi.md: {len(sources)} whole backends were found, not 2")
    with documents.Scratch() as scratch:
        os.mkdir(os.path.join(scratch.home, "mine"))
        for source in sources:
            name = re.match(r"(?://|/\*) (([a-z]+)\.(c|cpp))\b", source)
            file, backend, kind = name.groups()
            with open(os.path.join(scratch.home, file), "w", encoding="utf-8") as out:
                out.write(source)
            tool = compiler("CC", "cc") if kind == "c" else compiler("CXX", "c++")
            if not tool:
                documents.skip("there is no compiler")
            standard = "-std=c11" if kind == "c" else "-std=c++20"
            for command in (
                    f"{tool} {standard} {COMMON} -I{include} {file} -o mine/{backend}.so",
                    f"fd2 plugins --plugin-path mine --json > list",
                    f"fd2 run --plugin-path mine --backend {backend} --forward off --stats report "
                    "--tail-out tail -- sh -c 'seq 9999 >&2'",
                    "seq 9999 | cmp - tail"):
                status, printed = scratch.run(command)
                if status != 0:
                    problems.append(f"{file}: status {status}: {command}\n{printed}")
                    break
            else:
                with open(os.path.join(scratch.home, "list"), encoding="utf-8") as listing:
                    row = [p for p in json.load(listing)["plugins"] if p["backend"] == backend]
                if not row or not row[0]["usable"]:
                    problems.append(f"{file}: is not usable: {row}")
    return documents.verdict(problems, f"{len(sources)} backends tried")


if __name__ == "__main__":
    sys.exit(main())
