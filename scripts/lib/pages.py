"""The project's pages: which there are, what is in them, whether their links lead somewhere.

Used by scripts/docs, which renders them, and by the tests of the documents. Pages are named
relative to the root of the tree.
"""

import glob
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIRST = "README.md"  # from here every page can be reached

FENCE = re.compile(r"^```([^`\n]*)\n(.*?)^```[ \t]*$", re.S | re.M)


def pages(suffix=".md"):
    """The project's own pages; nothing that was built or is hidden."""
    found = []
    for directory, below, files in os.walk(ROOT):
        below[:] = sorted(d for d in below if not d.startswith((".", "build")))
        found += [os.path.relpath(os.path.join(directory, f), ROOT) for f in sorted(files)
                  if f.endswith(suffix)]
    return found


def man_pages():
    return [page for page in pages(".1") + pages(".5") if page.startswith("docs/man/")]


def read(page):
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        return file.read()


def fences(text):
    """(line number of the first line in it, what it is marked with, text) of each fenced block."""
    return [(text.count("\n", 0, m.start()) + 2, m[1].strip(), m[2])
            for m in FENCE.finditer(text)]


def without_fences(text):
    """The same number of lines, those of fenced blocks empty."""
    return FENCE.sub(lambda m: "\n" * m[0].count("\n"), text)


# --- headings ---------------------------------------------------------------------------------


def anchor(heading):
    """The name that a forge gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")


def anchors(text):
    """The names of all headings of a page; one that comes again has a number."""
    found = set()
    for heading in re.findall(r"^#{1,6}[ \t]+(.*?)[ \t]*#*$", without_fences(text), re.M):
        name, number = anchor(heading), 0
        while (name if number == 0 else f"{name}-{number}") in found:
            number += 1
        found.add(name if number == 0 else f"{name}-{number}")
    return found


# --- links ------------------------------------------------------------------------------------


def is_elsewhere(target):
    return re.match(r"[a-z][a-z0-9+.-]*:|//", target) is not None


def resolved(page, target):
    """(path, anchor) of a relative link on a page."""
    path, _, name = target.partition("#")
    if not path:
        return page, name
    return os.path.normpath(os.path.join(os.path.dirname(page), path)), name


def links(page):
    """(line number, target) of each relative link."""
    text = re.sub(r"`[^`\n]*`", "", without_fences(read(page)))
    for pattern in (r"\]\(\s*<?([^)>\s]+)>?[^)]*\)", r"^\[[^\]]+\]:\s*(\S+)",
                    r"<(?:img|a)\b[^>]*?(?:src|href)=\"([^\"]+)\""):
        for match in re.finditer(pattern, text, re.M):
            if not is_elsewhere(match[1]):
                yield text.count("\n", 0, match.start()) + 1, match[1]


def named_paths(page):
    """(line number, path) of what stands as code and begins with a directory of the tree. A letter
    like the X of `plugins/X` stands for any name."""
    text = without_fences(read(page))
    for match in re.finditer(r"`([\w.-]+(?:/[\w.*-]+)+/?)`", text):
        first = match[1].split("/")[0]
        if first.strip(".") and os.path.isdir(os.path.join(ROOT, first)):
            yield text.count("\n", 0, match.start()) + 1, re.sub(r"\b[A-Z]\b", "*", match[1])


def dead_links():
    """(what is wrong, how many links were followed): no file, no heading, a page without a way to
    it, a path that is named and not there."""
    problems, count, ways = [], 0, {}
    for page in pages():
        ways[page] = set()
        for line, target in links(page):
            count += 1
            path, name = resolved(page, target)
            ways[page].add(path)
            if path.startswith("..") or not os.path.exists(os.path.join(ROOT, path)):
                problems.append(f"{page}:{line}: dead link {target}")
            elif name and (not path.endswith(".md") or name not in anchors(read(path))):
                problems.append(f"{page}:{line}: no such heading: {target}")
        for line, path in named_paths(page):
            if not path.startswith("build/") and not glob.glob(os.path.join(ROOT, path)):
                problems.append(f"{page}:{line}: there is no {path}")
    seen, rest = set(), [FIRST]
    while rest:
        page = rest.pop()
        if page not in seen:
            seen.add(page)
            rest += ways.get(page, ())
    problems += [f"{page}: no way of links leads here from {FIRST}"
                 for page in [*ways, *man_pages()] if page not in seen]
    if count == 0:
        problems.append("not one link was found")
    return problems, count
