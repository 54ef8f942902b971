"""Processes under measurement: pinned, timed by the kernel, never left behind."""

import os
import select
import signal
import subprocess

HANG = 120  # seconds; no measurement takes as long, so this only ends what hangs


class Failed(Exception):
    """A measured program could not be run, or did not do its part."""


class Ends:
    """Descriptors of ours; each is closed once, at the end of the `with` at the latest."""

    def __init__(self):
        self.open = set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close(*list(self.open))

    def pipe(self):
        ends = os.pipe()
        self.open.update(ends)
        return ends

    def null(self):
        return self.file(os.devnull)

    def file(self, path):
        """To be written from its beginning."""
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self.open.add(fd)
        return fd

    def terminal(self):
        """(its far side, a terminal with the usual settings)"""
        ends = os.openpty()
        self.open.update(ends)
        return ends

    def close(self, *fds):
        for fd in fds:
            if fd in self.open:
                self.open.remove(fd)
                os.close(fd)


def read_all(fd):
    pieces = []
    while piece := os.read(fd, 1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


class Child:
    """One process. Leaving the `with` ends it if it still runs."""

    def __init__(self, argv, *, cpu=None, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                 stderr=subprocess.DEVNULL, keep=()):
        self.name = os.path.basename(argv[0])
        pin = None if cpu is None else lambda: os.sched_setaffinity(0, {cpu})
        try:
            self.process = subprocess.Popen(argv, stdin=stdin, stdout=stdout, stderr=stderr,
                                            pass_fds=keep, preexec_fn=pin)
        except OSError as why:
            raise Failed(f"{self.name}: {why.strerror}") from why
        self.handle = os.pidfd_open(self.process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.returncode is None:
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)
            self.process.wait()
        os.close(self.handle)

    def end(self):
        """Waits; the CPU seconds of the process and of the children that it waited for."""
        if not select.select([self.handle], [], [], HANG)[0]:
            raise Failed(f"{self.name}: still running after {HANG} s")
        _, status, used = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode != 0:
            raise Failed(f"{self.name}: ended with {self.process.returncode}")
        return used.ru_utime + used.ru_stime


def output_of(argv, cpu=None, given=b""):
    """What a program prints on stdout, given something on stdin. It must succeed."""
    with Ends() as ends:
        from_us, to_it = ends.pipe()
        from_it, to_us = ends.pipe()
        with Child(argv, cpu=cpu, stdin=from_us, stdout=to_us) as child:
            ends.close(from_us, to_us)
            os.write(to_it, given)  # shorter than a pipe holds
            ends.close(to_it)
            text = read_all(from_it)
            child.end()
        return text.decode()
