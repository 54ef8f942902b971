#!/usr/bin/env python3
"""The commands, options and settings that stand within sentences and tables exist, and the settings
are accepted with their values. (What stands in blocks is run by commands_test.py.)"""
import re
import subprocess
import sys

import documents

FEWEST = 100
PLACEHOLDERS = {"backends=a,b"}  # words for any name
OTHERS = {"--timeout"}  # rsync's


def spans(page):
    """(line number, text) of what stands between backticks, in one line each."""
    text = documents.without_fences(documents.read(page))
    position = 0
    for paragraph in re.split(r"(\n\s*\n)", text):
        for match in re.finditer(r"`([^`]+)`", paragraph):
            line = text.count("\n", 0, position + match.start()) + 1
            yield line, " ".join(match[1].split())
        position += len(paragraph)


class Command:
    """What the command says of itself, and of settings."""

    def __init__(self, scratch):
        self.scratch, self.settings = scratch, {}
        self.commands = set(re.findall(r"^  ([a-z-]+)  +[A-Z]", self.help(""), re.M))
        of_config = re.findall(r"^  ([a-z-]+)  +[A-Z]", self.help("config"), re.M)
        self.options = {name: self.options_of(name) for name in self.commands}
        self.options.update({f"config {name}": self.options_of(f"config {name}")
                             for name in of_config})

    def help(self, name):
        return subprocess.run([documents.fd2(), *name.split(), "--help"], stdout=subprocess.PIPE,
                              check=True, text=True, env=self.scratch.environment).stdout

    def options_of(self, name):
        return set(re.findall(r"--[a-z][a-z-]+", self.help(name))) | {"--help"}

    def refuses(self, setting):
        if setting not in self.settings:
            status, said = self.scratch.run(f"fd2 config show --set '{setting}'")
            self.settings[setting] = said if status != 0 else ""
        return self.settings[setting]


def wrong_with(text, command):
    words = text.split()
    if words[0] == "fd2" and len(words) > 1 and re.fullmatch(r"[a-z-]+", words[1]):
        name = " ".join(words[1:3]) if words[1] == "config" and len(words) > 2 else words[1]
        if words[1] not in command.commands:
            return f"no command of fd2: {words[1]}"
        if " " in name and re.fullmatch(r"[a-z]+", words[2]) and name not in command.options:
            return f"no command of fd2: {name}"
        known = command.options.get(name, command.options[words[1]])
        words = words[:words.index("--")] if "--" in words else words
    elif words[0].startswith("--"):
        known = set.union(*command.options.values()) | OTHERS | {"--version", "--"}
    else:
        return None
    for word in words:
        option = word.split("=")[0]
        if option.startswith("--") and option not in known:
            return f"no option: {option}"
    return None


def main():
    problems, count = [], 0
    with documents.Scratch() as scratch:
        command = Command(scratch)
        for page in documents.pages():
            for line, text in spans(page):
                count += 1
                wrong = wrong_with(text, command)
                if wrong:
                    problems.append(f"{page}:{line}: `{text}`: {wrong}")
                for setting in re.findall(r"--set ([a-z][\w.-]*=\S*)", text):
                    if setting not in PLACEHOLDERS and command.refuses(setting):
                        problems.append(f"{page}:{line}: {command.refuses(setting).strip()}")
    if count < FEWEST:
        problems.append(f"only {count} pieces of code were found")
    return documents.verdict(problems, f"{count} pieces of code looked at, "
                             f"{len(command.settings)} settings tried")


if __name__ == "__main__":
    sys.exit(main())
