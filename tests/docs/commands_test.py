#!/usr/bin/env python3
"""Every command in the documents runs, in the world that world.py makes, as it stands there.

- In a ```console block a line that begins with `$ ` is a command, what follows it (up to the next
  one) is all that it prints. `...` stands for any text within a line, a line of `...` for any
  number of lines. A command ends with status 0, unless the next one is `echo $?`.
- Each line of a ```sh block is a command that ends with status 0; the block is one shell's.
- Man pages take part with the `$ ` lines of their literal parts; they show no output.

The blocks of a page share a directory. ELSEWHERE lists the commands that are not run here, builds
and the project's own scripts: every other one is run, and what stands there and in no page any more
is an error. Pages that are named on the command line are tried alone.
"""
import os
import re
import shutil
import sys

import documents
import world


def stage(name):
    return f'"{name}"' in documents.read(".ci/run"), f"the stage '{name}' of .ci/run"


def test(file, method):
    return f"def {method}(" in documents.read(file), f"{method} in {file}"


def by_hand(why):
    return True, f"by hand: {why}"


BENCH = by_hand("takes minutes, and says nothing on a busy machine")
MORE_STAGES = by_hand("is what runs the tests; its parts are CTest's business")
SYSTEM = by_hand("writes to /etc; that the file is read is shown by tests/unit/settings")
RELEASE = by_hand("takes minutes; .ci/run builds the preset dev, and tests/package installs it")
PORTS = by_hand("is a stage of its own; installs compilers, and builds for minutes")
PACKAGE, DEBIAN = "tests/package/test_package.py", "tests/package/test_debian.py"
NEW_BACKEND = test(PACKAGE, "test_a_new_backend_builds_and_conforms")

ELSEWHERE = {
    "scripts/demo": stage("scripts/demo"),
    "scripts/test": stage("scripts/test (gcc)"),
    "scripts/test --quick": MORE_STAGES,
    "scripts/test --long": MORE_STAGES,
    "scripts/test -L docs": MORE_STAGES,
    "scripts/test -R 'e2e ssh' -j1": MORE_STAGES,
    ".ci/run": MORE_STAGES,
    "cmake --preset dev && cmake --build build/dev && ctest --preset dev":
        stage("scripts/test (gcc)"),
    "cmake --preset dev": stage("scripts/test (gcc)"),
    "ninja -C build/dev test_capture": stage("scripts/test (gcc)"),
    "ctest --test-dir build/dev -R '^capture:'": stage("scripts/test (gcc)"),
    "FD2_COMMAND=build/dev/bin/fd2 python3 tests/e2e/test_same.py "
    "test_small_commands_say_and_end_the_same":
        test("tests/e2e/test_same.py", "test_small_commands_say_and_end_the_same"),
    **dict.fromkeys((
        "scripts/test-windows", "scripts/lib/windows-deps.sh", "cmake --preset windows-mingw",
        "cmake --build build/windows-mingw", "cmake --build build/windows-mingw --target fd2_zip"),
        by_hand("takes minutes, and a compiler and an emulator for Windows")),
    "pacman -S --needed mingw-w64-ucrt-x86_64-{gcc,cmake,ninja,boost,yaml-cpp,cli11,nlohmann-json,catch}":
        by_hand("MSYS2's, on Windows"),
    'git config --global core.sshCommand "fd2 run -- C:/Windows/System32/OpenSSH/ssh.exe"':
        by_hand("for git for Windows"),
    'GIT_SSH_COMMAND="fd2 run -- ssh" git fetch': by_hand("for git for Windows"),
    "scripts/docs": test("tests/docs/build_test.py", "main"),
    "scripts/package": by_hand("takes minutes; tests/package/debian.py makes the same packages"),
    "sudo apt install ./build/debian/fd2_*.deb":
        test(DEBIAN, "test_fd2_carries_rsync_over_ssh_and_goes_without_a_trace"),
    "sudo install -D -m 644 fd2.yaml /etc/fd2/fd2.yaml": SYSTEM,
    "cmake -S mine -B mine/build": NEW_BACKEND,
    "cmake --build mine/build": NEW_BACKEND,
    "ctest --test-dir mine/build --output-on-failure": NEW_BACKEND,
    "fd2 conform --profile all mine/build/mine.so": NEW_BACKEND,
    "scripts/bench": BENCH,
    "scripts/bench --quick": BENCH,
    "scripts/bench --only capacity": BENCH,
    "cmake --preset release -DCMAKE_INSTALL_PREFIX=/opt/fd2": RELEASE,
    "cmake --build --preset release": RELEASE,
    "cmake --install build/release":
        test(PACKAGE, "test_the_moved_command_uses_the_backends_of_its_tree"),
    "scripts/test-ports": PORTS,
    "scripts/lib/musl-deps.sh": PORTS,
    "cmake --preset linux-musl && cmake --build --preset linux-musl": PORTS,
    "scripts/linux-only": by_hand("tests/docs/CMakeLists.txt runs it with --check"),
    "c++ -std=c++20 program.cpp $(pkg-config --cflags --libs fd2) -o program":
        test(PACKAGE, "test_a_program_builds_with_pkg_config_and_the_plain_compiler"),
}


# What a page presupposes, beside the world.


def headers_are_there(here):
    for part in ("abi", "kit"):
        os.symlink(os.path.join(documents.ROOT, part), os.path.join(here.here, part))


def command_is_running(here):
    here.begin("fd2 run -- ssh host make")


def strict_is_there_and_a_command_runs(here):
    shutil.copy(os.path.join(documents.ROOT, "config", "strict.yaml"), here.here)
    here.begin("fd2 run --set backends=pipe -- ssh host make")
    status, said = here.run("until fd2 ps | grep -q make; do sleep 0.1; done")
    assert status == 0, said


def rules_are_there(here):
    shutil.copy(os.path.join(documents.ROOT, "config", "rules.yaml"), here.here)


PREPARED = {
    "docs/rules.md": rules_are_there,
    "docs/operating.md": strict_is_there_and_a_command_runs,
    "docs/writing-a-backend.md": headers_are_there,
    "docs/troubleshooting.md": command_is_running,
}

# What must be so when the commands of a page have run.
EFFECTS = {
    "README.md": (
        "diff -r tree ~/tree",
        'test "$(git -C repository rev-parse HEAD)" = "$(git -C ~/repository rev-parse main)"',
        "borg list --short ~/backup::today | grep -qx data/four",
        "test -L ~/.local/share/fd2-ssh/ssh",
        "cmp file ~/file",
    ),
    "docs/behaviour.md": (
        "test -L tools/ssh",
        "git rev-parse origin/main",
        "grep -q '\"exit\":{\"code\":0}' git.json",
    ),
    "docs/man/fd2.1": (
        "diff -r src ~/dst",
        "borg list --short ~/backup | grep -qx today",
        "git rev-parse origin/main",
    ),
    "docs/man/fd2-run.1": (
        "grep -qx 'backup: the last words' ssh.err",
        "grep -q '\"exit\":{\"code\":0}' ssh.json",
    ),
}


def plain(command):
    """Without the remark behind it."""
    return re.sub(r"\s+# .*$", "", command).strip()


def lines_of(block):
    """[line offset, command] of an sh block; after a backslash a line goes on in the next."""
    out = []
    for number, line in enumerate(block.splitlines()):
        if out and out[-1][1].endswith("\\"):
            out[-1][1] += "\n" + line
        elif line.strip() and not line.lstrip().startswith("#"):
            out.append([number, line])
    return out


def steps(block):
    """[line offset, command, expected output] of a console block."""
    out = []
    for number, line in enumerate(block.splitlines()):
        if line.startswith("$ "):
            out.append([number, line[2:], []])
        elif out and not out[-1][2] and out[-1][1].endswith("\\"):
            out[-1][1] = out[-1][1][:-1] + line
        elif out:
            out[-1][2].append(line)
    return out


def agrees(expected, printed):
    pattern = ""
    for line in expected:
        if line == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part) for part in line.split("...")) + r"\n"
    if printed and not printed.endswith("\n"):
        printed += "\n"
    return re.fullmatch(pattern, printed) is not None


def man_steps(text):
    """The commands of a man page's literal displays, with the roff taken away."""
    out = []
    for display in re.finditer(r"^\.Bd -literal.*?\n(.*?)^\.Ed", text, re.S | re.M):
        line = text.count("\n", 0, display.start()) + 2
        bare = display[1].replace("\\(aq", "'").replace("\\-", "-").replace("\\e", "\\")
        out += [[line + number, command, None] for number, command, _ in steps(bare)]
    return out


def blocks_of(page):
    """(kind, line number, commands) of each block that has any."""
    text = documents.read(page)
    if not page.endswith(".md"):
        return [("console", 0, man_steps(text))]
    return [(marked, line, lines_of(block) if marked == "sh" else steps(block))
            for line, marked, block in documents.fences(text) if marked in ("sh", "console")]


class Pages:
    """Goes through the pages; `problems`, `ran` and `seen` (of ELSEWHERE) are what comes of it."""

    def __init__(self, here):
        self.here, self.problems, self.ran, self.seen = here, [], 0, set()

    def is_elsewhere(self, command):
        self.seen.add(plain(command))
        return plain(command) in ELSEWHERE

    def shell(self, page, first, commands):
        """An sh block, by one shell that stops at the first failure."""
        at = os.path.join(self.here.path, "at")
        script = "set -e\n"
        for number, command in commands:
            if not self.is_elsewhere(command):
                script += f"echo {first + number} >'{at}'\n{command}\n"
                self.ran += 1
        status, printed = self.here.run(script)
        if status != 0:
            with open(at, encoding="ascii") as file:
                self.problems.append(f"{page}:{file.read().strip()}: status {status}\n{printed}")

    def console(self, page, first, commands):
        before = 0
        for position, (number, command, expected) in enumerate(commands):
            if self.is_elsewhere(command):
                before = 0
                continue
            self.ran += 1
            status, printed = self.here.run(command, before)
            where = f"{page}:{first + number}"
            asked = position + 1 < len(commands) and commands[position + 1][1] == "echo $?"
            if not isinstance(status, int) or (status != 0 and not asked):
                self.problems.append(f"{where}: status {status}: {command}\n{printed}")
            elif expected is not None and not agrees(expected, printed):
                self.problems.append(f"{where}: prints something else: {command}\n{printed}")
            before = status if isinstance(status, int) else 1

    def page(self, page):
        blocks = blocks_of(page)
        if not blocks:
            return
        self.here.renew()
        PREPARED.get(page, lambda _: None)(self.here)
        for kind, first, commands in blocks:
            (self.shell if kind == "sh" else self.console)(page, first, commands)
        for effect in EFFECTS.get(page, ()):
            status, printed = self.here.run(effect)
            if status != 0:
                self.problems.append(f"{page}: afterwards this is not so: {effect}\n{printed}")


def main():
    documents.fd2()
    chosen = sys.argv[1:]
    with world.World() as here:
        through = Pages(here)
        for page in chosen or documents.pages() + documents.man_pages():
            through.page(page)
    problems = through.problems
    if through.ran == 0:
        problems.append("not one command was run")
    for command, (found, where) in ELSEWHERE.items():
        if not found:
            problems.append(f"'{command}' should be run by {where}, which is not there")
        if not chosen and command not in through.seen:
            problems.append(f"'{command}' is listed as run elsewhere, and stands in no page")
    return documents.verdict(problems, f"{through.ran} commands run, {len(ELSEWHERE)} elsewhere")


if __name__ == "__main__":
    sys.exit(main())
