#!/usr/bin/env python3
"""scripts/docs builds the manual: every page is there, and the navigation leads to it."""
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile

import documents


def main():
    if importlib.util.find_spec("markdown") is None or not shutil.which("mandoc"):
        documents.skip("python3-markdown or mandoc is not installed")
    with tempfile.TemporaryDirectory(prefix="fd2-docs-") as scratch:
        built = subprocess.run([os.path.join(documents.ROOT, "scripts", "docs"), scratch],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(built.stdout, end="")
        if built.returncode != 0:
            return documents.verdict([f"status {built.returncode}"], "nothing was looked at")
        problems = []
        found = [os.path.join(place, name) for place, _, names in os.walk(scratch)
                 for name in names if name.endswith(".html")]
        with open(os.path.join(scratch, "index.html"), encoding="utf-8") as file:
            navigation = file.read().partition("</nav>")[0]
        for page in documents.pages() + documents.man_pages():
            output = page[:-len(".md")] + ".html" if page.endswith(".md") else page + ".html"
            output = "index.html" if page == "README.md" else output
            if os.path.join(scratch, output) not in found:
                problems.append(f"{page}: there is no {output}")
            elif f'href="{output}"' not in navigation:
                problems.append(f"{page}: the navigation does not lead to {output}")
        return documents.verdict(problems, f"{len(found)} files of HTML")


if __name__ == "__main__":
    sys.exit(main())
