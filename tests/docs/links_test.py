#!/usr/bin/env python3
"""Every relative link of every page leads to a file, and to a heading where it names one."""
import os
import re
import sys

import documents


def without_code(text):
    text = re.sub(r"^```.*?^```[ \t]*$", lambda m: "\n" * m[0].count("\n"), text, flags=re.S | re.M)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(text):
    """The names that a forge gives to the headings of a page."""
    found = set()
    for heading in re.findall(r"^#{1,6}[ \t]+(.*?)[ \t]*#*$", re.sub(
            r"^```.*?^```[ \t]*$", "", text, flags=re.S | re.M), re.M):
        name = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")
        number = 0
        while (name if number == 0 else f"{name}-{number}") in found:
            number += 1
        found.add(name if number == 0 else f"{name}-{number}")
    return found


def targets(text):
    for pattern in (r"\]\(\s*<?([^)>\s]+)>?[^)]*\)", r"^\[[^\]]+\]:\s*(\S+)",
                    r"<(?:img|a)\b[^>]*?(?:src|href)=\"([^\"]+)\""):
        for match in re.finditer(pattern, text, re.M):
            yield text.count("\n", 0, match.start()) + 1, match[1]


def main():
    problems, count = [], 0
    for page in documents.pages():
        for line, target in targets(without_code(documents.read(page))):
            if re.match(r"[a-z][a-z0-9+.-]*:|//", target):
                continue
            count += 1
            path, _, anchor = target.partition("#")
            path = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
            if path.startswith("..") or not os.path.exists(os.path.join(documents.ROOT, path)):
                problems.append(f"{page}:{line}: dead link {target}")
            elif anchor and path.endswith(".md") and anchor not in anchors(documents.read(path)):
                problems.append(f"{page}:{line}: no such heading: {target}")
    if count == 0:
        problems.append("not one link was found")
    return documents.verdict(problems, f"{count} links followed")


if __name__ == "__main__":
    sys.exit(main())
