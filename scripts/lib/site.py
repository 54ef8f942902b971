#!/usr/bin/env python3
"""Renders the project's pages to HTML, and fails on a link that leads nowhere.

    site.py DIRECTORY

Needs Debian's python3-markdown, and mandoc for the man pages. A page keeps its place: docs/abi.md
becomes docs/abi.html. What a page links to beside pages (sources, schemas) is shown as it is. The
directory is made anew.
"""

import html
import os
import posixpath
import re
import shutil
import subprocess
import sys
import urllib.parse
from html.parser import HTMLParser

import markdown
from markdown.extensions.toc import TocExtension

import pages

HERE = os.path.dirname(os.path.abspath(__file__))
STYLE = "style.css"
MARK = ".fd2-docs"  # stands in every directory that was made here

# Who reads what, in which order. A page that no reader has comes last, by itself.
READERS = (
    ("Everybody", ("README.md", "docs/README.md", "CHANGELOG.md")),
    ("Users", ("docs/behaviour.md", "docs/choosing-a-backend.md", "docs/stats.md",
               "docs/limits.md", "docs/man/fd2.1", "docs/man/fd2-run.1")),
    ("Operators", ("docs/operating.md", "docs/configuration.md", "docs/rules.md", "docs/man/fd2.yaml.5",
                   "docs/troubleshooting.md", "docs/security.md", "SECURITY.md",
                   "docs/versioning.md")),
    ("Programs that embed fd2", ("docs/embedding.md",)),
    ("Contributors", ("CONTRIBUTING.md", "docs/architecture.md", "docs/parity.md",
                      "bench/README.md")),
    ("Authors of backends", ("docs/writing-a-backend.md", "docs/abi.md",
                             "docs/man/fd2-conform.1", "plugins/pipe/README.md",
                             "plugins/pty/README.md", "plugins/socketpair/README.md",
                             "plugins/tcpshim/README.md", "plugins/tokio-like-async/README.md")),
)


def is_page(path):
    return path.endswith(".md") or path in pages.man_pages()


def output_of(path):
    """Where the HTML of a page, file or directory goes."""
    if path == pages.FIRST:
        return "index.html"
    if path.endswith(".md"):
        return path[:-len(".md")] + ".html"
    if os.path.isdir(os.path.join(pages.ROOT, path)):
        return path + "/index.html"
    return path + ".html"


def way(source, target):
    """The link from one output to another."""
    return urllib.parse.quote(posixpath.relpath(target, posixpath.dirname(source) or "."))


def title_of(path):
    if path.endswith(".md"):
        return re.search(r"^# (.*)", pages.read(path), re.M)[1].replace("`", "")
    if is_page(path):
        name, section = os.path.basename(path).rsplit(".", 1)
        return f"{name}({section})"
    return path


class Site:
    def __init__(self, directory):
        self.directory = directory
        self.pages = pages.pages() + pages.man_pages()
        self.shown = set()  # files and directories that pages link to
        self.copied = set()  # pictures, and reports that are HTML already
        read = {page for _, some in READERS for page in some}
        more = [page for page in self.pages if page not in read]
        gone = read.difference(self.pages)
        if gone:
            raise SystemExit(f"READERS in {__file__} names pages that are not there: {gone}")
        self.readers = [*READERS, ("More", more)] if more else READERS

    def write(self, path, body):
        output = output_of(path)
        target = os.path.join(self.directory, output)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as out:
            out.write(f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title_of(path))}</title>
<link rel="stylesheet" href="{way(output, STYLE)}">
</head>
<body>
{self.navigation(path, output)}
<main>
{body}
</main>
</body>
</html>
""")

    def navigation(self, path, output):
        out = ["<nav>", '<div class="title">fd2</div>']
        for who, some in self.readers:
            out += [f"<h2>{html.escape(who)}</h2>", "<ul>"]
            for page in some:
                here = ' class="here"' if page == path else ""
                out.append(f'<li><a{here} href="{way(output, output_of(page))}">'
                           f"{html.escape(title_of(page))}</a></li>")
            out.append("</ul>")
        return "\n".join([*out, "</nav>"])

    def linked(self, path, match):
        """A link of a page, as it is among the outputs."""
        target = html.unescape(match[2])
        if pages.is_elsewhere(target):
            return match[0]
        file, name = pages.resolved(path, target)
        if match[1] == "src" or file.endswith(".html"):
            self.copied.add(file)
            return f'{match[1]}="{way(output_of(path), file)}"'
        if not is_page(file):
            self.shown.add(file)
        link = way(output_of(path), output_of(file)) + ("#" + name if name else "")
        return f'{match[1]}="{html.escape(link)}"'

    def page(self, path):
        body = markdown.markdown(
            pages.read(path), output_format="html5",
            extensions=["extra", "sane_lists", TocExtension(
                slugify=lambda heading, _: pages.anchor(heading))])
        body = re.sub(r'\b(href|src)="([^"]*)"', lambda match: self.linked(path, match), body)
        self.write(path, body)

    def man_page(self, path):
        """Pages of ours that a man page refers to are links."""
        body = subprocess.run(["mandoc", "-Thtml", "-Ofragment,man=%N(%S)",
                               os.path.join(pages.ROOT, path)],
                              check=True, stdout=subprocess.PIPE, text=True).stdout
        ours = {title_of(page): page for page in pages.man_pages()}

        def link(match):
            target = ours.get(match[2])
            if not target:
                return match[3]
            return f'<a{match[1]}href="{way(output_of(path), output_of(target))}">{match[3]}</a>'

        self.write(path, re.sub(r'<a( class="Xr" )href="([^"]*)">(.*?)</a>', link, body))

    def source(self, path):
        file = os.path.join(pages.ROOT, path)
        if os.path.isdir(file):
            inside = [f"{path}/{name}" for name in sorted(os.listdir(file))
                      if not name.startswith((".", "build"))]
            items = "\n".join(f'<li><a href="{way(output_of(path), output_of(each))}">'
                              f"{html.escape(each)}</a></li>" for each in inside)
            body = f"<ul>\n{items}\n</ul>"
            self.shown.update(each for each in inside if not is_page(each))
        else:
            body = f"<pre><code>{html.escape(pages.read(path))}</code></pre>"
        self.write(path, f"<h1>{html.escape(path)}</h1>\n{body}")

    def build(self):
        for page in self.pages:
            (self.page if page.endswith(".md") else self.man_page)(page)
        done = set()
        while self.shown - done:
            for path in sorted(self.shown - done):
                self.source(path)
                done.add(path)
        for path in self.copied:
            target = os.path.join(self.directory, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(os.path.join(pages.ROOT, path), target)
        shutil.copy(os.path.join(HERE, "site.css"), os.path.join(self.directory, STYLE))
        return len(self.pages), len(done)


class Links(HTMLParser):
    """The names and the links of one output."""

    def __init__(self, text):
        super().__init__()
        self.names, self.links = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id":
                self.names.add(value)
            elif name in ("href", "src"):
                self.links.append(value)


def dead_ends(directory):
    """What is wrong with the links as they were rendered."""
    outputs = {}
    for place, _, files in os.walk(directory):
        for name in files:
            file = os.path.join(place, name)
            if name.endswith(".html"):
                with open(file, encoding="utf-8") as text:
                    outputs[os.path.relpath(file, directory)] = Links(text.read())
    problems = []
    for output, found in outputs.items():
        for link in found.links:
            if pages.is_elsewhere(link):
                continue
            path, _, name = urllib.parse.unquote(link).partition("#")
            path = posixpath.normpath(posixpath.join(posixpath.dirname(output), path)) if path \
                else output
            if not os.path.isfile(os.path.join(directory, path)):
                problems.append(f"{output}: dead link {link}")
            elif name and name not in outputs[path].names:
                problems.append(f"{output}: no such heading: {link}")
    return problems


def make_anew(directory):
    if os.path.isdir(directory) and os.listdir(directory):
        if not os.path.exists(os.path.join(directory, MARK)):
            raise SystemExit(f"{directory} is not empty, and was not made by scripts/docs")
        shutil.rmtree(directory)
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, MARK), "w", encoding="ascii"):
        pass


def main():
    directory = os.path.abspath(sys.argv[1])
    problems, links = pages.dead_links()
    if not problems:
        make_anew(directory)
        count, sources = Site(directory).build()
        problems = dead_ends(directory)
    for problem in problems:
        print(problem)
    if problems:
        print(f"{len(problems)} problems: the manual in {directory} is not usable")
        return 1
    print(f"{count} pages, {sources} files that they show, {links} links; begin with "
          f"{directory}/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
