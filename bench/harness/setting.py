"""What every measurement is given."""

import dataclasses
import os
import random


@dataclasses.dataclass
class Setting:
    programs: str  # directory of the built bench programs
    fd2: str
    beside: str | None  # another build's command, measured in the same rounds
    plugins: str  # directory
    scratch: str  # a temporary directory
    writer_cpu: int
    relay_cpu: int
    quick: bool
    tokio_loop: str | None = None  # the built peer
    failed: bool = False
    notes: list = dataclasses.field(default_factory=list)
    order: random.Random = dataclasses.field(default_factory=lambda: random.Random(2))

    def program(self, name):
        return os.path.join(self.programs, name)

    def has(self, name):
        return os.path.exists(self.program(name))

    def choose(self, full, quick):
        return quick if self.quick else full

    def shuffled(self, candidates):
        order = list(candidates)
        self.order.shuffle(order)
        return order

    def note(self, text):
        """Something the reader of the figures should know; said once."""
        if text not in self.notes:
            self.notes.append(text)

    def fail(self, text):
        """Something that was there did not work; a peer that is not installed is no failure."""
        self.failed = True
        self.note(text)


def clean_environment(fd2, plugins, scratch):
    """For us and all we start: nothing of the caller's configuration takes part. A command that
    finds its backends beside itself is left to do so."""
    for name in list(os.environ):
        if name.startswith(("FD2_", "RSYNC_")) or name in ("BASH_ENV", "ENV"):
            del os.environ[name]
    if plugins != os.path.join(os.path.dirname(os.path.dirname(fd2)), "lib", "fd2", "backends"):
        os.environ["FD2_PLUGIN_PATH"] = plugins
    os.environ["XDG_CONFIG_HOME"] = os.path.join(scratch, "no-configuration")
