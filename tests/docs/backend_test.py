#!/usr/bin/env python3
"""The backends that `fd2 new-backend` writes compile without a warning, load and carry."""
import json
import os
import shutil
import sys

import documents

COMMON = "-O1 -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden -D_GNU_SOURCE -pthread"


def compiler(variable, fallback):
    return os.environ.get(variable) or shutil.which(fallback)


def main():
    include = " ".join("-I" + os.path.join(documents.ROOT, part, "include")
                       for part in ("abi", "kit"))
    problems = []
    languages = (("c", "backend.c", compiler("CC", "cc"), "-std=c11"),
                 ("c++", "backend.cpp", compiler("CXX", "c++"), "-std=c++20"))
    with documents.Scratch() as scratch:
        for language, file, tool, standard in languages:
            if not tool:
                documents.skip("there is no compiler")
            name = "mine-with-a-long-name-" + ("c" if language == "c" else "cpp")
            for command in (
                    f"fd2 new-backend made/{name} --language {language} >said && "
                    "grep -e -DCMAKE_PREFIX_PATH= said",  # this fd2 is not installed
                    f"{tool} {standard} {COMMON} {include} made/{name}/{file} "
                    f"-o made/{name}/{name}.so",
                    f"fd2 plugins --plugin-path made/{name} --json > list",
                    f"fd2 run --plugin-path made/{name} --backend {name} --forward off "
                    "--stats report --tail-out tail -- sh -c 'seq 9999 >&2'",
                    "seq 9999 | cmp - tail",
                    f"! fd2 new-backend made/{name} 2>said && grep 'is not empty' said",
                    "! grep -r 'c-pipe\\|cpp-pair' made"):
                status, printed = scratch.run(command)
                if status != 0:
                    problems.append(f"{language}: status {status}: {command}\n{printed}")
                    break
            else:
                with open(os.path.join(scratch.home, "list"), encoding="utf-8") as listing:
                    row = [p for p in json.load(listing)["plugins"] if p["backend"] == name]
                if not row or not row[0]["usable"]:
                    problems.append(f"{language}: is not usable: {row}")
        for wrong, expected, why in (
                ("made/Mine", 1, "cannot be the name of a backend"),
                ("made/" + "a" * 33, 1, "cannot be the name of a backend"),
                ("list/mine", 1, "create directory"),
                ("made/other --language rust", 2, "is not a valid choice; write one of c, c++")):
            status, _ = scratch.run(f"fd2 new-backend {wrong} 2>said")
            found, printed = scratch.run(f"grep -F '{why}' said || cat said")
            if status != expected or why not in printed:
                problems.append(f"new-backend {wrong}: status {status}: {printed}")
    return documents.verdict(problems, f"{len(languages)} backends tried")


if __name__ == "__main__":
    sys.exit(main())
