"""What the tests of the installed tree and of the Debian packages share."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

import harness  # noqa: E402

BACKENDS = ("pipe", "pty", "socketpair", "tcpshim", "tokio-like-async")
# In place of ssh: the host is told, the command runs here.
FAKE_SHELL = '#!/bin/sh\nexport THERE="$1"; shift; exec sh -c "$*"\n'


class Case(harness.Case):
    def say(self, *argv, code=0, **environment):
        """Runs it; what it printed on both. Fails unless it ends with `code`."""
        outcome = self.run_raw(argv, env={**self.env, **environment}, stderr=subprocess.STDOUT)
        self.assertStatus(outcome, code)
        return outcome.out.decode()
