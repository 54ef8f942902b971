#!/usr/bin/env python3
"""The Debian packages of the tree, and a clean Debian to try them in.

    debian.py packages   builds them into FD2_DEBIAN_DIR, unless FD2_DEBIAN_PACKAGES names some
    debian.py root       makes the clean Debian's archive there, unless there is one of today
    debian.py try        the latter, then every test of test_debian.py

A clean Debian is unpacked from its archive into a tmpfs in a mount namespace of the test: nobody
else sees what is mounted, and it goes with the process, however that ends.
"""

import ctypes
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PLACE = os.environ["FD2_DEBIAN_DIR"]
ARCHIVE = os.path.join(PLACE, "clean-root.tar")
WHY_NOT = os.path.join(PLACE, "why-no-root")
SUITE = "bookworm"
# An older one names versions that the mirror may no longer have.
OLDEST_ROOT_SECONDS = 24 * 3600
CLONE_NEWNS = 0x20000
MNT_DETACH = 2
SKIPPED = 77

# What a root has beside Debian's minimum: what `rsync -e 'fd2 run -- ssh'` needs, and no more.
TOOLS = ("rsync", "openssh-client", "openssh-server")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C",
               "DEBIAN_FRONTEND": "noninteractive"}


def packages():
    """Paths of the packages by name."""
    directory = os.environ.get("FD2_DEBIAN_PACKAGES", os.path.join(PLACE, "packages"))
    found = sorted(glob.glob(os.path.join(directory, "*.deb")))
    return {os.path.basename(path).split("_")[0]: path for path in found}


def build():
    """The tree again, for the prefix /usr: where the backends lie is compiled in. Compiled as the tree
    around it, so that ccache has nearly all of it."""
    if "FD2_DEBIAN_PACKAGES" in os.environ:
        return 0
    for tool in ("dpkg-shlibdeps", "file"):
        if shutil.which(tool) is None:
            print(f"SKIP: {tool} is not installed")
            return SKIPPED
    os.umask(0o022)
    os.environ.pop("DESTDIR", None)
    tree, out = os.path.join(PLACE, "tree"), os.path.join(PLACE, "packages")
    shutil.rmtree(out, ignore_errors=True)
    cmake = os.environ["CMAKE"]
    for words in (
            [cmake, "-G", "Ninja", "-S", ROOT, "-B", tree, "-DCMAKE_INSTALL_PREFIX=/usr",
             "-DFD2_TESTS=OFF", *os.environ["FD2_SAME"].split("|"),
             f"-DCMAKE_C_COMPILER={os.environ['CC']}",
             f"-DCMAKE_CXX_COMPILER={os.environ['CXX']}"],
            [cmake, "--build", tree],
            [os.path.join(os.path.dirname(cmake), "cpack"), "-B", out,
             "--config", os.path.join(tree, "CPackConfig.cmake")]):
        status = subprocess.run(words, stdin=subprocess.DEVNULL).returncode
        if status != 0:
            return status
    shutil.rmtree(os.path.join(out, "_CPack_Packages"))
    return 0


# --- a clean Debian -----------------------------------------------------------------------------


class Unavailable(Exception):
    """There can be no clean Debian here; the text says why."""


def mirror():
    """The mirror that this machine installs from."""
    texts = []
    for pattern in ("/etc/apt/sources.list", "/etc/apt/sources.list.d/*"):
        for path in sorted(glob.glob(pattern)):
            with open(path, encoding="utf-8", errors="replace") as file:
                texts.append(re.sub(r"^\s*#.*\n?", "", file.read(), flags=re.M))
    for found in re.finditer(r"^(?:deb |URIs:)[^\n]*?\b(https?://\S+/debian)/?(?:\s|$)",
                             "\n".join(texts), re.M):
        return found[1]
    raise Unavailable("no source of apt names a mirror of Debian")


def own_mounts():
    """From now on, what this process mounts is seen by itself and its children only."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise Unavailable(f"no mount namespace: {os.strerror(ctypes.get_errno())}")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def mount_root(directory):
    """An empty tmpfs for a root. Ask for `own_mounts` before."""
    status, text = said("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", directory)
    if status != 0:
        raise Unavailable(f"no tmpfs can be mounted: {text.strip()}")


def unmount_root(directory):
    """With everything that was mounted below it."""
    ctypes.CDLL(None).umount2(directory.encode(), MNT_DETACH)


def said(*words, **options):
    """(exit status, stdout and stderr in one) of a command."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", **options)
    return done.returncode, done.stdout


def needed(status, text):
    """What a mirror or the network had a part in, and failed."""
    if status != 0:
        raise Unavailable("no root can be made: " + " / ".join(text.splitlines()[-3:]))


def in_root(directory, *words):
    """As `said`, in the root at `directory`."""
    return said("chroot", directory, *words, env={**os.environ, **ENVIRONMENT})


def make_root(directory, source):
    begin = time.monotonic()
    needed(*said("debootstrap", "--variant=minbase", SUITE, directory, source))
    print(f"debootstrap: {time.monotonic() - begin:.0f} s", flush=True)
    policy = os.path.join(directory, "usr/sbin/policy-rc.d")  # no service starts in there
    with open(policy, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexit 101\n")
    os.chmod(policy, 0o755)
    with open(os.path.join(directory, "etc/apt/apt.conf.d/90small"), "w", encoding="utf-8") as file:
        file.write('Acquire::Languages "none";\nDpkg::Use-Pty "0";\n')
    with open(os.path.join(directory, "etc/dpkg/dpkg.cfg.d/fast"), "w", encoding="utf-8") as file:
        file.write("force-unsafe-io\n")
    for words in (["update"], ["install", "-y", "--no-install-recommends", *TOOLS], ["clean"]):
        needed(*in_root(directory, "apt-get", *words))
    print(f"with {', '.join(TOOLS)}: {time.monotonic() - begin:.0f} s", flush=True)


def root():
    """Makes the archive of a clean Debian. Where there can be none, the tests say why."""
    os.makedirs(PLACE, exist_ok=True)
    if os.path.exists(WHY_NOT):
        os.unlink(WHY_NOT)
    try:
        if os.geteuid() != 0:
            raise Unavailable("only root can make and enter a root directory")
        if shutil.which("debootstrap") is None:
            raise Unavailable("debootstrap is not installed")
        source = mirror()
        try:
            with urllib.request.urlopen(f"{source}/dists/{SUITE}/Release", timeout=30) as answer:
                answer.read(1)
        except OSError as why:
            raise Unavailable(f"{source} cannot be reached: {why}") from why
        own_mounts()
        if (os.path.exists(ARCHIVE)
                and time.time() - os.path.getmtime(ARCHIVE) < OLDEST_ROOT_SECONDS):
            print("there is one of today")
            return 0
        scratch = tempfile.mkdtemp(prefix="fd2-root-")
        try:
            mount_root(scratch)
            make_root(scratch, source)
            unfinished = ARCHIVE + ".new"
            subprocess.run(["tar", "-C", scratch, "--one-file-system", "--numeric-owner",
                            "--xattrs", "-cf", unfinished, "."], check=True)
            os.rename(unfinished, ARCHIVE)
        finally:
            unmount_root(scratch)
            os.rmdir(scratch)
        return 0
    except Unavailable as why:
        with open(WHY_NOT, "w", encoding="utf-8") as file:
            file.write(str(why))
        print(f"SKIP: {why}")
        return SKIPPED


class Root:
    """A clean Debian at `directory`, which exists and is empty."""

    def __init__(self, directory):
        if os.path.exists(WHY_NOT):
            with open(WHY_NOT, encoding="utf-8") as file:
                raise unittest.SkipTest(file.read())
        self.directory = directory
        self._outside = None
        own_mounts()
        mount_root(directory)
        subprocess.run(["tar", "-C", directory, "--xattrs", "-xf", ARCHIVE], check=True)
        subprocess.run(["mount", "-t", "proc", "proc", self.path("proc")], check=True)

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def run(self, *words):
        """(exit status, stdout and stderr in one)."""
        return in_root(self.directory, *words)

    def enter(self):
        """This process goes in, for as long as `leave` is not called."""
        self._outside = (os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), os.getcwd(),
                         dict(os.environ))
        os.chroot(self.directory)
        os.chdir("/")
        os.environ.update(ENVIRONMENT)

    def leave(self):
        if self._outside is None:
            return
        outside, before, environment = self._outside
        self._outside = None
        os.fchdir(outside)
        os.chroot(".")
        os.close(outside)
        os.chdir(before)
        os.environ.clear()
        os.environ.update(environment)

    def close(self):
        """May be called again."""
        self.leave()
        unmount_root(self.directory)

    def files(self):
        """All that is there, but for the places where apt and dpkg keep their books."""
        passed_over = {self.path(each) for each in (
            "proc", "sys", "dev", "tmp", "run", "var/cache", "var/log", "var/lib/apt")}
        found = set()
        for directory, below, files in os.walk(self.directory):
            below[:] = [each for each in below
                        if os.path.join(directory, each) not in passed_over]
            found |= {os.path.relpath(os.path.join(directory, each), self.directory)
                      for each in below + files}
        return found


def attempt():
    if root() == SKIPPED:
        return 1
    program = os.path.join(HERE, "test_debian.py")
    return subprocess.run([sys.executable, program]).returncode


if __name__ == "__main__":
    sys.exit({"packages": build, "root": root, "try": attempt}[sys.argv[1]]())
