"""The static fd2 in a root of its own: alone in it, then with an rsync and an ssh of this machine.

  musl_root.py FD2      prints `N passed, N failed` as its last line

The server of rsync's other side is a private sshd outside of that root. Needs root, or user
namespaces.
"""

import filecmp
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

from private_sshd import PrivateSshd

BACKENDS = ("pipe", "socketpair", "tcpshim", "tokio-like-async")
# pty needs a /dev/ptmx.
SHIPPED = (*BACKENDS, "pty")
LIMIT = 120  # seconds: catches a hang, and nothing else

# /dev/null, which an unprivileged user can only borrow.
ENTER = """if [ -e "$0/dev/null" ]; then mount --bind /dev/null "$0/dev/null" || exit 99; fi
exec chroot "$0" "$@" """


def inside(root, *command):
    words = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-r", "-m"]
    return subprocess.run([*words, "sh", "-c", ENTER, root, *command], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=LIMIT, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"})


def taken(path):
    """What a file holds, which is then gone; nothing if it is not there."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
    finally:
        if os.path.exists(path):
            os.remove(path)


def copy_into(root, path, name=None):
    """A file at the same place in the root, or at `name`, with the libraries that it is linked with."""
    target = root + (name or path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy(path, target)
    libraries = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
    for library in re.findall(r"(/\S+) \(0x", libraries):
        if not os.path.exists(root + library):
            copy_into(root, library)


def same_tree(one, other):
    seen = filecmp.dircmp(one, other)
    wrong = seen.left_only + seen.right_only + seen.funny_files
    wrong += filecmp.cmpfiles(one, other, seen.common_files, shallow=False)[1]
    return not wrong and all(same_tree(f"{one}/{d}", f"{other}/{d}") for d in seen.common_dirs)


def make_tree(root):
    rng = random.Random(2)
    for number in range(60):
        os.makedirs(f"{root}/{number % 7}", exist_ok=True)
        with open(f"{root}/{number % 7}/file {number}", "wb") as file:
            file.write(rng.randbytes(rng.randrange(60_000)))


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def that(self, what, good, *seen):
        print(f"{'ok    ' if good else 'FAILED'}  {what}")
        if good:
            self.passed += 1
        else:
            self.failed += 1
            for each in seen:
                print(f"        {each!r}")


def alone(checks, root):
    """Nothing there but the command."""
    checks.that("the root holds one file", sum(len(f) for _, _, f in os.walk(root)) == 1)
    listed = inside(root, "/fd2", "plugins", "--json")
    try:
        rows = {row["backend"]: row for row in json.loads(listed.stdout)["plugins"]}
    except ValueError:
        rows = {}
    checks.that("fd2 plugins lists what is built in", sorted(rows) == sorted(SHIPPED), listed)
    checks.that("... and says so", all(row["file"] == "built in" for row in rows.values()), rows)
    for backend in BACKENDS:
        checks.that(f"{backend} is usable", rows.get(backend, {}).get("usable"), rows.get(backend))
    bare = inside(root, "/fd2", "--no-such-option")
    for backend in BACKENDS:
        wrapped = inside(root, "/fd2", "run", "--backend", backend, "--tail-out", "/tail", "--", "/fd2",
                         "--no-such-option")
        tail = taken(root + "/tail")
        checks.that(f"{backend} carries a command's stderr and its status",
                    bare.stderr and (wrapped.returncode, wrapped.stderr, tail) ==
                    (bare.returncode, bare.stderr, bare.stderr), bare, wrapped, tail)


def carries_rsync(checks, root, sshd, directory):
    for program in ("rsync", "ssh"):
        copy_into(root, shutil.which(program), f"/bin/{program}")
    for name in ("ssh_config", "user_key", "known_hosts"):
        copy_into(root, f"{sshd.directory}/{name}")
        os.chmod(root + f"{sshd.directory}/{name}", 0o600)
    for name in ("etc", "dev", "tmp"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    with open(root + "/etc/passwd", "w", encoding="ascii") as file:
        file.write("root:x:0:0:root:/:/bin/none\n")
    with open(root + "/dev/null", "w", encoding="ascii"):
        pass
    make_tree(root + "/tree")
    ours = [os.path.join(d, f) for d, _, files in os.walk(root) for f in files if "fd2" in f]
    checks.that("nothing of ours is in the root but the command", ours == [root + "/fd2"], ours)

    for backend in (None, *BACKENDS):
        chosen = f"--backend {backend} " if backend else ""
        there = f"{directory}/there {backend}"
        # A remote path is one word for the shell on the other side.
        done = inside(root, "/bin/rsync", "-a", "-e",
                      f"/fd2 run {chosen}--stats /stats -- /bin/ssh -F {sshd.config}",
                      "/tree/", "--protect-args", f"{sshd.host}:{there}/")
        checks.that(f"rsync pushes a tree through fd2 ({backend or 'the default'})",
                    done.returncode == 0 and same_tree(root + "/tree", there), done)
        report = json.loads(taken(root + "/stats") or b"{}")
        used = report.get("backend") if isinstance(report.get("backend"), str) else \
            (report.get("backend") or {}).get("id")
        checks.that(f"... by {backend or 'a backend'}, as the report says",
                    used == backend if backend else used in BACKENDS, report)

    back = inside(root, "/bin/rsync", "-a", "-e", f"/fd2 run -- /bin/ssh -F {sshd.config}",
                  "--protect-args", f"{sshd.host}:{directory}/there None/", "/back/")
    checks.that("rsync pulls it back", back.returncode == 0 and same_tree(root + "/tree", root + "/back"),
                back)
    lost = inside(root, "/bin/rsync", "-a", "-e",
                  f"/fd2 run --tail-out /tail -- /bin/ssh -F {sshd.config}",
                  f"{sshd.host}:{directory}/missing/", "/back/")
    tail = taken(root + "/tail")
    checks.that("what rsync's other side says of an error is kept, with status 23",
                lost.returncode == 23 and b"No such file or directory" in tail, lost, tail)


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="fd2-root-") as directory:
        root, keys = directory + "/root", directory + "/sshd"
        os.mkdir(root)
        os.mkdir(keys)
        shutil.copy(sys.argv[1], root + "/fd2")
        alone(checks, root)
        with PrivateSshd(keys) as sshd:
            carries_rsync(checks, root, sshd, directory)
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
