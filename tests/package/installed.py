#!/usr/bin/env python3
"""Installs the build tree and moves what was installed: `installed.py install`, `... remove`.

The moved tree lies in a temporary directory, because nothing is loaded from below a directory that
others may write, as a checkout may be. Where it lies stands in the file FD2_PACKAGE_PLACE.
"""

import os
import shutil
import subprocess
import sys
import tempfile

PLACE = os.environ["FD2_PACKAGE_PLACE"]


def prefix():
    """The moved tree."""
    with open(PLACE, encoding="utf-8") as file:
        return os.path.join(file.read(), "moved", "tree")


def install():
    remove()
    os.umask(0o022)
    scratch = tempfile.mkdtemp(prefix="fd2-package-")
    with open(PLACE, "w", encoding="utf-8") as file:
        file.write(scratch)
    first = os.path.join(scratch, "first")
    os.environ.pop("DESTDIR", None)
    status = subprocess.run([os.environ["CMAKE"], "--install", os.environ["FD2_BUILD_DIR"],
                             "--prefix", first]).returncode
    if status == 0:
        os.mkdir(os.path.join(scratch, "moved"))
        os.rename(first, prefix())
    return status


def remove():
    try:
        with open(PLACE, encoding="utf-8") as file:
            shutil.rmtree(file.read(), ignore_errors=True)
        os.unlink(PLACE)
    except FileNotFoundError:
        pass
    return 0


if __name__ == "__main__":
    sys.exit({"install": install, "remove": remove}[sys.argv[1]]())
