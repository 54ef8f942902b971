"""The other tools that call a remote shell: git, scp, sftp, borg, Ansible."""

import os
import subprocess

from parity import Scenario, Talk
from test_ssh_tools import checksums

# Says something on the way, so that there is stderr to carry also where the tool is silent.
CHATTY = ("-o", "PermitLocalCommand=yes", "-o", "LocalCommand=echo connected >&2")

PLAYBOOK = """\
- hosts: all
  gather_facts: false
  tasks:
    - copy:
        content: "carried\\n"
        dest: "{target}"
    - shell: "echo trouble >&2; cat {target}"
      register: seen
    - assert:
        that: seen.stdout == "carried"
"""


class ToolScenarios:
    """Part of a `ParityCase`."""

    def tool_scenarios(self):
        """Name → Scenario."""
        self.paths = 0
        return {
            "git: clone": Scenario(self.git_clone, tools=("git",)),
            "git: fetch": Scenario(self.git_fetch, tools=("git",)),
            "git: push": Scenario(self.git_push, tools=("git",)),
            "git: no repository": Scenario(self.git_missing, 128, tools=("git",)),
            "scp -S": Scenario(self.scp, tools=("scp",)),
            "sftp -S": Scenario(self.sftp, tools=("sftp",)),
            "borg: create": Scenario(self.borg_create, tools=("borg",)),
            "borg: check": Scenario(self.borg_check, tools=("borg",)),
            "ansible": Scenario(self.ansible, tools=("ansible-playbook",)),
        }

    def fresh(self, name):
        """A path that no run before has used."""
        self.paths += 1
        return self.path(f"{name}{self.paths}")

    def quietly(self, *words, **environment):
        subprocess.run(words, env={**self.env, **environment}, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    # git

    def git(self, *words):
        return ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]

    def origin(self):
        """A bare repository with one commit."""
        work, origin = self.fresh("work"), self.fresh("origin")
        self.quietly("git", "init", "-q", "-b", "main", work)
        with open(os.path.join(work, "file"), "wb") as file:
            file.write(os.urandom(100000))
        self.quietly("git", "-C", work, "add", ".")
        self.quietly(*self.git("-C", work, "commit", "-qm", "first"))
        self.quietly("git", "clone", "-q", "--bare", work, origin)
        return origin

    def head(self, repository):
        return self.run_raw(["git", "-C", repository, "rev-parse", "refs/heads/main"]).out

    def git_talk(self, *words, done):
        return Talk(lambda shell: ["env", f"GIT_SSH_COMMAND={shell}", *self.git(*words)], CHATTY,
                    done=done)

    def git_clone(self):
        origin, clone = self.origin(), self.fresh("clone")
        return self.git_talk(
            "clone", "-q", f"{self.host}:{origin}", clone,
            done=lambda: self.assertEqual(self.head(origin), self.head(clone)))

    def cloned(self):
        """A repository and a clone of it that reaches it through the remote shell."""
        origin, clone = self.origin(), self.fresh("clone")
        self.quietly("git", "clone", "-q", origin, clone)
        self.quietly("git", "-C", clone, "remote", "set-url", "origin", f"{self.host}:{origin}")
        return origin, clone

    def git_fetch(self):
        origin, clone = self.cloned()
        other = self.fresh("other")
        self.quietly("git", "clone", "-q", origin, other)
        self.quietly(*self.git("-C", other, "commit", "-q", "--allow-empty", "-m", "second"))
        self.quietly("git", "-C", other, "push", "-q")
        return self.git_talk(
            "-C", clone, "fetch", "-q", "origin", "main:refs/heads/fetched",
            done=lambda: self.assertEqual(self.head(origin), self.run_raw(
                ["git", "-C", clone, "rev-parse", "fetched"]).out))

    def git_push(self):
        origin, clone = self.cloned()
        self.quietly(*self.git("-C", clone, "commit", "-q", "--allow-empty", "-m", "second"))
        return self.git_talk("-C", clone, "push", "-q", "origin", "main",
                             done=lambda: self.assertEqual(self.head(origin), self.head(clone)))

    def git_missing(self):
        return self.git_talk("clone", "-q", f"{self.host}:{self.path('nowhere')}",
                             self.fresh("clone"), done=lambda: None)

    # copies

    def scp(self):
        there = self.fresh("copied")
        return Talk(lambda shell: ["scp", "-q", "-r", "-S", shell, self.path("from", "sub"),
                                   f"{self.host}:{there}"], CHATTY,
                    done=lambda: self.same_files(there))

    def sftp(self):
        there = self.fresh("copied")
        batch = self.write("batch", f"put -r {self.path('from', 'sub')} {there}\n")
        return Talk(lambda shell: ["sftp", "-q", "-S", shell, "-b", batch, self.host], CHATTY,
                    done=lambda: self.same_files(there))

    def same_files(self, there):
        self.assertEqual(checksums(self.path("from", "sub")), checksums(there))

    # borg

    BORG = {"BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}

    def borg(self, command, *words, done):
        environment = {**self.BORG, "BORG_BASE_DIR": self.path("home")}
        return Talk(lambda shell: ["borg", command, "--rsh", shell, *words], CHATTY, environment,
                    done, listens=True)

    def repository(self):
        path = self.fresh("repository")
        self.quietly("borg", "init", "-e", "none", path, **self.BORG,
                     BORG_BASE_DIR=self.path("home"))
        return path

    def borg_create(self):
        path = self.repository()
        return self.borg("create", f"ssh://{self.host}{path}::archive", self.path("from"),
                         done=lambda: self.quietly("borg", "extract", "--dry-run",
                                                   f"{path}::archive", **self.BORG,
                                                   BORG_BASE_DIR=self.path("home")))

    def borg_check(self):
        path = self.repository()
        self.quietly("borg", "create", f"{path}::archive", self.path("from"), **self.BORG,
                     BORG_BASE_DIR=self.path("home"))
        return self.borg("check", f"ssh://{self.host}{path}", done=lambda: None)

    # Ansible: several calls of the remote shell, through a ControlMaster that the first one starts

    def ansible(self):
        target, control = self.fresh("played"), self.fresh("cp")
        playbook = self.write("play.yml", PLAYBOOK.format(target=target))
        return Talk(lambda shell: ["ansible-playbook", "-i", f"{self.host},", "-e",
                                   f"ansible_ssh_executable={shell}", "--sftp-extra-args",
                                   f"-S {shell}", playbook],
                    environment={"ANSIBLE_SSH_CONTROL_PATH_DIR": control,
                                 "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
                                 "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"},
                    done=lambda: self.assertTrue(os.path.exists(target)))
