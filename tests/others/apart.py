"""Runs a command apart from the machine: other people's tests have servers, fixed ports and kills.

    apart.py [--uid N] HOME COMMAND...

COMMAND sees only its own processes, and a network of its own with nothing but loopback in it: any
port is free there, and nothing outlives it. It runs as the calling user, or (--uid, for root) as an
account with that number which exists only here. The account's home is HOME and its shell /bin/sh,
so nobody's start-up files are read. The exit status is COMMAND's; 77 with a line `SKIP: reason`
where there can be no namespaces.
"""

import argparse
import ctypes
import fcntl
import os
import pwd
import signal
import socket
import struct
import subprocess
import sys

SKIPPED = 77
ACCOUNT = "fd2-others"
MS_BIND = 4096
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1

libc = ctypes.CDLL(None, use_errno=True)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--inside", action="store_true", help="we are in the namespaces already")
    parser.add_argument("--uid", type=int)
    parser.add_argument("home")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    return parser.parse_args()


def in_namespaces(command):
    """The words that run `command` as process 1 of its own namespaces."""
    words = ["unshare", "--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child",
             "--mount-proc"]
    if os.geteuid() != 0:
        words += ["--user", "--map-current-user", "--keep-caps"]
    return [*words, "--", *command]


def mount(source, target, kind=None, flags=0, options=None):
    words = [word and word.encode() for word in (source, target, kind)]
    if libc.mount(*words, flags, options and options.encode()) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), target)


def make_account(name, uid, gid, home):
    """What the processes in here see as /etc/passwd: the account, then all the others."""
    os.makedirs(home, exist_ok=True)
    os.chown(home, uid, gid)
    lines = [f"{name}:*:{uid}:{gid}::{home}:/bin/sh\n"]
    with open("/etc/passwd", encoding="utf-8", errors="surrogateescape") as file:
        lines += [line for line in file if not line.startswith(f"{name}:")]
    path = f"{home.rstrip('/')}.passwd"
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(lines)
    os.chmod(path, 0o644)
    mount(path, "/etc/passwd", flags=MS_BIND)


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = bytearray(struct.pack("16sH22x", b"lo", 0))
        fcntl.ioctl(any_socket, SIOCGIFFLAGS, request)
        flags, = struct.unpack_from("H", request, 16)
        struct.pack_into("H", request, 16, flags | IFF_UP)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)


def wait_as_init(pid):
    """Reaps whatever falls to process 1 until `pid` has ended; its exit status as a shell's."""
    while True:
        ended, raw = os.wait()
        if ended == pid:
            return os.WEXITSTATUS(raw) if os.WIFEXITED(raw) else 128 + os.WTERMSIG(raw)


def inside(options):
    if options.uid is not None:
        name, uid, gid = ACCOUNT, options.uid, options.uid
        become = {"user": uid, "group": gid, "extra_groups": []}
    else:
        name, uid, gid, become = pwd.getpwuid(os.getuid()).pw_name, os.getuid(), os.getgid(), {}
    make_account(name, uid, gid, options.home)
    # PAM makes /run/motd.dynamic at each login, and complains on the session's stderr if it cannot.
    mount("tmpfs", "/run", "tmpfs", options="mode=1777")
    loopback_up()
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    environment = dict(os.environ, HOME=options.home, USER=name, LOGNAME=name)
    child = subprocess.Popen(options.command, env=environment, cwd=options.home, **become)
    return wait_as_init(child.pid)


def main():
    options = arguments()
    if options.inside:
        sys.exit(inside(options))
    probe = subprocess.run(in_namespaces(["true"]), stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, check=False)
    if probe.returncode != 0:
        print(f"SKIP: no namespaces here: {probe.stdout.decode(errors='replace').strip()}")
        sys.exit(SKIPPED)
    os.execvp("unshare", in_namespaces([sys.executable, __file__, "--inside", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
