"""One thing goes wrong in a run of fd2: a system call, an allocation, a limit, a signal. What must be
so all the same is in sweep.py.

From the environment, beside what the end-to-end tests have: FD2_SWEEP_FAULTS (the library built
from faults.c).
"""

import collections
import errno
import os
import select
import struct
import subprocess
import sys
import time
import tty

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import sweep  # noqa: E402
from sweep import ERRORS, Place, harness  # noqa: E402

BACKENDS = ("pipe", "pty", "socketpair", "tcpshim", "tokio-like-async")


class SystemCalls(sweep.Case):
    """Each call of fd2's fails once: with each of its errors, at each of its occurrences."""

    def setUp(self):
        harness.needs_tool("strace")
        super().setUp()

    def fail_each(self, *options, run=None, only=None):
        """`only`: this call, at every place in every run of the test."""
        argv = self.fd2_run(*self.command, options=options)
        calls = self.recorded(argv)
        counts = collections.Counter()
        per_thread = collections.Counter((thread, call) for thread, call, _ in calls)
        for (_, call), count in per_thread.items():
            counts[call] = max(counts[call], count)
        loading = self.loaders(calls)
        places = [Place(self.traced("-e", f"trace={call}",
                                    "-e", f"inject={call}:error={error}:when={occurrence}"),
                        mute=call in ("write", "writev", "sendmsg") and error != "EINTR")
                  for call, count in sorted(counts.items()) for error in ERRORS.get(call, ())
                  for occurrence in range(loading[call] + 1, count + 1)
                  if only in (None, call)]
        self.assertGreater(len(places), 3 if only else 50)
        self.check(places, argv, run, everywhere=only is not None)

    @staticmethod
    def loaders(calls):
        """How many of each were made before main by the dynamic loader, which crashes of some. It
        ends by giving back the cache of libraries."""
        counts = collections.Counter()
        for thread, call, _ in calls:
            if thread == calls[0][0]:
                counts[call] += 1
                if call == "munmap":
                    return counts
        return collections.Counter()

    def test_each_call_fails_with_pipe(self):
        self.fail_each("--backend", "pipe")

    def test_each_call_fails_with_pty(self):
        self.fail_each("--backend", "pty")

    def test_each_call_fails_with_socketpair(self):
        self.fail_each("--backend", "socketpair")

    def test_each_call_fails_with_tcpshim(self):
        self.fail_each("--backend", "tcpshim")

    def test_each_call_fails_with_the_event_loop(self):
        self.fail_each("--backend", "tokio-like-async")

    def test_an_event_loop_that_epoll_does_not_wake_hangs_nobody(self):
        self.fail_each("--set", "backends.sync=tokio-like-async,pipe", only="epoll_ctl")

    def test_each_call_fails_with_a_list_of_backends(self):
        self.fail_each("--set", "backends.sync=tokio-like-async,socketpair,pipe")

    def test_each_call_fails_with_a_configuration_file(self):
        self.fail_each(*self.config("capture: {tail: 4KiB}\nforward: {mode: lines}\n"))

    def test_each_call_fails_with_a_log(self):
        self.fail_each("--log", self.path("log"), "--set", "log.lines=true")

    def test_each_call_fails_with_a_report(self):
        self.fail_each(*self.report().options)

    def test_each_call_fails_on_a_terminal(self):
        self.fail_each("--backend", "pipe", run=self.on_terminal)

    def on_terminal(self, place, argv):
        """The same with a terminal as stderr."""
        ours, theirs = os.openpty()
        try:
            tty.setraw(theirs)
            process = self.spawn([*place.words, *argv], stdout=subprocess.DEVNULL, stderr=theirs,
                                 env=self.env | place.environment)
            handle = os.pidfd_open(process.pid)
            os.close(theirs)
            theirs = -1
            seen = b""
            end = time.monotonic() + sweep.PATIENCE
            while True:
                ready = select.select([ours, handle], [], [], max(0, end - time.monotonic()))[0]
                if not ready:
                    raise AssertionError(f"hangs:\n{harness.process_table()}")
                if ours not in ready:
                    break
                try:
                    piece = os.read(ours, 1 << 16)
                except OSError:  # EIO: nobody has it open any more
                    break
                seen += piece
            os.close(handle)
            code = process.wait()
            return harness.Outcome(-code if code < 0 else code << 8, b"", seen)
        finally:
            for fd in (ours, theirs):
                if fd >= 0:
                    os.close(fd)


class Memory(sweep.Case):
    """Allocations fail."""

    def setUp(self):
        super().setUp()
        self.preload = {"LD_PRELOAD": os.environ["FD2_SWEEP_FAULTS"]}
        self.counters = self.path("counters")
        with open(self.counters, "wb") as file:
            file.write(bytes(16))

    def counted(self):
        """Of the last run that was given FD2_FAULT_COUNT: (allocations, calls made to fail)."""
        with open(self.counters, "rb") as file:
            return struct.unpack("=QQ", file.read())

    def fail_each(self, *options):
        argv = self.fd2_run(*self.command, options=options)
        self.run_one(Place([], self.preload | {"FD2_FAULT_COUNT": self.counters}), argv)
        allocations, _ = self.counted()
        self.assertGreater(allocations, 50)
        self.check([Place([], self.preload | {"FD2_FAULT_ALLOC": str(number)})
                    for number in range(1, allocations + 1)], argv)

    def test_each_allocation_fails_with_pipe(self):
        self.fail_each("--backend", "pipe")

    def test_each_allocation_fails_with_the_event_loop(self):
        self.fail_each("--backend", "tokio-like-async")

    def test_each_allocation_fails_with_everything_on(self):
        self.fail_each(*self.report().options, "--log", self.path("log"),
                       *self.config("log: {lines: true}\n"))

    def test_a_backend_has_no_memory_from_its_start(self):
        # (tokio-like-async brings the C++ run-time library's memory for exceptions into being there.)
        for backend in BACKENDS[:3]:
            self.assertGreater(self.exact(backend, FD2_FAULT_MEMORY="start"), 0, backend)

    def test_a_backend_has_no_memory_from_the_first_byte_on(self):
        # Line by line: an event loop then needs a timer.
        self.command = ["sh", "-c", "for line in $(seq 1000); do echo $line; done >&2; exit 7"]
        said = b"".join(b"%d\n" % line for line in range(1, 1001))
        for backend in BACKENDS:
            self.exact(backend, said, FD2_FAULT_MEMORY="byte")

    def test_the_process_has_no_memory_once_the_command_runs(self):
        # The command lowers its parent's limit to what is long used up.
        harness.needs_tool("prlimit")
        for backend in BACKENDS:
            outcome = self.run_raw(self.fd2_run(
                "sh", "-c", 'prlimit --pid $PPID --as=1048576:1048576 && exec "$@"', "sh",
                *self.command, options=("--backend", backend)))
            self.assertStatus(outcome, sweep.STATUS)
            self.assertEqual(outcome.err, sweep.PATTERN, backend)

    def test_a_wait_that_fails_costs_nothing(self):
        for backend in BACKENDS:
            for times in (1, 5):
                faults = self.exact(backend, FD2_FAULT_WAIT=f"12,{times}")
                if backend != "tokio-like-async":  # epoll: another call
                    self.assertGreater(faults, 0, backend)

    def test_reads_that_fail_for_good_are_said_and_do_not_end_the_command(self):
        for backend in BACKENDS:
            # EIO is the end of a terminal.
            failed = errno.ENOMEM if backend == "pty" else errno.EIO
            report = self.report(backend)
            # Its second line comes when reading has been given up.
            outcome = self.run_raw(
                self.fd2_run("sh", "-c",
                             "echo one >&2; sleep 1; echo two >&2 || exit 3; exit 7",
                             report=report, options=("--backend", backend)),
                env=self.env | self.preload | {"FD2_FAULT_READ": str(failed)})
            self.assertStatus(outcome, 7)
            self.assertIn(b"reading the command's stderr failed", outcome.err)
            self.assertIn(errno.errorcode[failed].encode(), outcome.err)
            self.assertEqual((report.stats["end"], report.stats["end_errno"]), ("error", failed))
            self.assertEqual(report.tail, b"one\n")

    def exact(self, backend, said=sweep.PATTERN, **faults):
        """Runs with these faults, by which nothing is lost. How many calls failed."""
        outcome = self.run_one(
            Place([], self.preload | faults | {"FD2_FAULT_COUNT": self.counters}),
            self.fd2_run(*self.command, options=("--backend", backend)))
        self.assertStatus(outcome, sweep.STATUS)
        self.assertEqual(outcome.err, said, f"{backend}, {faults}")
        return self.counted()[1]


class Limits(sweep.Case):
    """Too little of something. What the command itself comes to under the same limit is no fault."""

    def setUp(self):
        harness.needs_tool("prlimit")
        super().setUp()
        del self.env["FD2_PLUGINS_TRIAL"]  # a limit is no fault of a plugin's

    def lower(self, name, values, options=(), words=()):
        argv = self.fd2_run(*self.command, options=options)
        def run(place, _):
            self.plain_outcome = self.run_one(place, self.command)
            return self.run_one(place, argv)

        def judge(place, outcome):
            alone = self.plain_outcome
            # With too little to start at all, the kernel or the loader ends it.
            bare = outcome.signal and self.run_one(place, [self.fd2, "version"]).signal
            if outcome.signal is not None and outcome.signal in (alone.signal, bare):
                return None
            return self.judge(place, outcome, (sweep.STATUS, alone.code))

        self.check([Place([*words, "prlimit", f"--{name}={value}:"]) for value in values], argv,
                   run, judge)

    def test_few_descriptors(self):
        self.lower("nofile", range(0, 40), ("--log", self.path("log"), *self.report().options))

    def test_few_descriptors_for_each_backend(self):
        for backend in BACKENDS:
            self.lower("nofile", range(0, 30), ("--backend", backend))

    def test_few_processes(self):
        words = self.for_nobody(alone=True)
        self.command[0] = self.child
        self.lower("nproc", range(0, 12), words=words)

    def test_a_small_stack(self):
        self.lower("stack", [kib << 10 for kib in range(32, 528, 16)])

    def test_little_address_space(self):
        self.lower("as", [step << 18 for step in range(4, 130)])

    def test_short_files(self):
        self.lower("fsize", [0, 1, 512, 2048, 4096],
                   ("--log", self.path("log"), *self.report().options))


class Signals(sweep.Case):
    """A signal at each moment from the start of the command to the very end. The command ignores
    it, so the status is the command's."""

    def setUp(self):
        harness.needs_tool("strace")
        super().setUp()
        self.command = ["sh", "-c", "trap '' TERM HUP INT USR1; exec \"$@\"", "sh", *self.command]

    def send_at_each(self, name, *options):
        argv = self.fd2_run(*self.command, options=options)
        calls = self.recorded(argv)
        main = calls[0][0]
        counts = collections.Counter()
        places = []
        spawned = False
        for thread, call, rest in calls:
            if thread != main:
                continue
            counts[call] += 1
            if spawned:
                places.append(Place(self.traced(
                    "-e", f"trace={call}", "-e",
                    f"inject={call}:signal={name}:when={counts[call]}")))
            # Before, there is nobody to whom a signal could be passed on.
            spawned = spawned or call == "vfork" or "CLONE_VFORK" in rest
        self.assertGreater(len(places), 5)
        self.check(places, argv)

    def test_sigterm_at_each_moment(self):
        self.send_at_each("TERM", "--backend", "pipe", *self.report().options)

    def test_sighup_at_each_moment(self):
        self.send_at_each("HUP", "--backend", "socketpair", "--log", self.path("log"))

    def test_sigint_at_each_moment(self):
        self.send_at_each("INT", "--backend", "tokio-like-async", "--explain")

    def test_sigusr1_at_each_moment(self):
        self.send_at_each("USR1", "--backend", "tcpshim")


if __name__ == "__main__":
    harness.main()
