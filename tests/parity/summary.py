#!/usr/bin/env python3
"""The parity matrix as one table.

    summary.py DIRECTORY

Reads what the rows left there; exit status 1 if a cell is not green or a row is missing, 77 if there
is none at all (the machine has no ssh or no rsync).
"""

import json
import os
import sys

ROWS = 2 * 2 * 5  # transports, states of the flag, backends
MARKS = {"ok": "ok", "skipped": "-"}


def mark(text):
    return MARKS.get(text.partition(":")[0], "BAD")


def main():
    directory = sys.argv[1]
    rows = []
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            rows.append(json.load(file))
    if not rows:
        print("no results: nothing of the matrix was run")
        return 77
    rows.sort(key=lambda row: (row["transport"] != "sync", row["flag"] != "off", row["backend"]))
    scenarios = list(rows[0]["cells"])
    wide = max(len(name) for name in scenarios)
    for number, row in enumerate(rows, 1):
        print(f"{number:2}  {row['transport']}, flag {row['flag']}, {row['backend']}")
    print("\n" + " " * wide + "  " + "".join(f"{number:>4}" for number in range(1, len(rows) + 1)))
    green = skipped = 0
    for name in scenarios:
        marks = [mark(row["cells"].get(name, "missing")) for row in rows]
        green += marks.count("ok")
        skipped += marks.count("-")
        print(f"{name:{wide}}  " + "".join(f"{mark:>4}" for mark in marks))
    total = len(scenarios) * ROWS
    print(f"\n{green} of {total} cells green, {skipped} skipped")
    return 0 if green + skipped == total else 1


if __name__ == "__main__":
    sys.exit(main())
