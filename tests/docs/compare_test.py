#!/usr/bin/env python3
"""Every cell of the README's comparison with `2>`, tee and script is what a run of it shows."""
import os
import re
import select
import shutil
import subprocess
import sys

import documents

HEADING = "| | shows stderr live |"
HELPER = 5  # seconds that the helper holds stderr
PATIENCE = 5  # seconds after which what is not shown yet counts as not shown live
TRIES = 30  # of what must never be incomplete
MOST_TRIES = 3000  # until what may be incomplete was so once

TALK = f"""\
#!/bin/sh
case $1 in
live) echo said >&2; read -r line <go ;;
apart) echo data; echo said >&2 ;;
status) echo said >&2; exit 3 ;;
last) seq 10000 >&2; echo said >&2 ;;
helper) trap '' HUP; sleep {HELPER} >/dev/null & echo $! >helper; echo said >&2 ;;
tty) if test -t 2; then touch terminal; fi ;;
esac
"""


def table():
    """{command: [whether it is so, ...]}, by the columns of the page."""
    lines = documents.read("README.md").split("\n")
    first = next(n for n, line in enumerate(lines) if line.startswith(HEADING))
    rows = {}
    for line in lines[first + 2:]:
        row = re.match(r"\| `(.*?)` \| (.*) \|$", line)
        if not row:
            break
        rows[row[1].replace("\\|", "|").replace("FILE", "file")] = [
            {"yes": True, "no": False, "not always": False}[cell] for cell in row[2].split(" | ")]
    return rows


class Trial:
    """Answers the columns for one command, each by running it; `CMD` in it is what it wraps."""

    def __init__(self, scratch, form):
        self.scratch, self.form = scratch, form

    def line(self, part):
        talk = f"./talk {part}"
        return self.form.replace("CMD", f"'{talk}'" if self.form.startswith("script") else talk)

    def shell(self, line):
        """As `subprocess.Popen` of bash, stdout and stderr in one pipe."""
        return subprocess.Popen(["bash", "-c", line], cwd=self.scratch.here, text=True,
                                env=self.scratch.environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def path(self, name):
        return os.path.join(self.scratch.here, name)

    def live(self):
        """The command ends only after its message has been seen, or was waited for in vain."""
        os.mkfifo(self.path("go"))
        command = self.shell(self.line("live"))
        shown = bool(select.select([command.stdout], [], [], PATIENCE)[0])
        with open(self.path("go"), "w", encoding="ascii") as go:
            go.write("\n")
        command.communicate(timeout=documents.LIMIT)
        os.unlink(self.path("go"))
        return shown

    def apart(self):
        return self.scratch.run(f'test "$({self.line("apart")})" = data')[0] == 0

    def status(self):
        return self.scratch.run(self.line("status"))[0] == 3

    def complete(self, claimed):
        """Whether the file has the last line whenever the command line has returned."""
        line = f"rm -f file; {self.line('last')}; grep -q said file || exit 99"
        for _ in range(TRIES if claimed else MOST_TRIES):
            if self.scratch.run(line)[0] == 99:
                return False
        return True

    def never_waits(self):
        """Our output is at its end while the helper still lives."""
        self.shell(self.line("helper")).communicate(timeout=documents.LIMIT)
        alive = "grep -q '^State:.[^Z]' /proc/$(cat helper)/status && kill $(cat helper)"
        return self.scratch.run(alive)[0] == 0

    def terminal(self):
        with open(self.path("line"), "w", encoding="utf-8") as out:
            out.write(self.line("tty"))
        self.scratch.run("rm -f terminal; script -qec 'bash line' /dev/null")
        return os.path.exists(self.path("terminal"))


def main():
    if not shutil.which("script"):
        documents.skip("script is not installed")
    rows, problems = table(), []
    with documents.Scratch() as scratch:
        with open(os.path.join(scratch.here, "talk"), "w", encoding="utf-8") as out:
            out.write(TALK)
        os.chmod(out.name, 0o755)
        for form, claims in rows.items():
            trial = Trial(scratch, form)
            seen = [trial.live(), trial.apart(), trial.status(), trial.complete(claims[3]),
                    trial.never_waits(), trial.terminal()]
            problems += [f"README.md: `{form}`, column {column}: it is {is_so}"
                         for column, (claim, is_so) in enumerate(zip(claims, seen), 1)
                         if claim != is_so]
    if len(rows) < 5:
        problems.append(f"README.md: the table has {len(rows)} rows")
    return documents.verdict(problems, f"{len(rows)} rows tried")


if __name__ == "__main__":
    sys.exit(main())
