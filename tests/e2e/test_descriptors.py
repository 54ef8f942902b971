"""fd2 started with descriptors missing, with too few to have, or with more than it wants."""

import fcntl
import itertools
import os
import resource
import shutil
from subprocess import PIPE

import harness

# The dynamic loader needs descriptor 3 to load a library; below that not even `true` starts.
LEAST_FOR_THE_LOADER = 4
# Where fd2 surely has all it wants.
PLENTY = 64


class Descriptors(harness.Case):
    def test_started_with_any_of_0_1_2_closed(self):
        for closed in itertools.chain.from_iterable(
                itertools.combinations((0, 1, 2), size) for size in range(4)):
            with self.subTest(closed=closed):
                self._run_without(closed)

    def _run_without(self, closed):
        def close():
            for fd in closed:
                os.close(fd)

        name = "closed" + "".join(map(str, closed))
        report = self.report(name)
        birth = self.path(name)
        err_read, err_write = os.pipe()
        raw = self.raw_status(
            self.fd2_run("sh", "-c", f'"{self.child}" fds "{birth}"; echo text >&2; exit 9',
                         report=report),
            stderr=err_write, preexec_fn=close)
        os.close(err_write)
        forwarded = harness.read_all(err_read)
        os.close(err_read)
        self.assertEqual(raw, 9 << 8, f"{harness.describe_status(raw)}, said {forwarded!r}")
        self.assertEqual(report.tail, b"text\n")
        self.assertEqual(report.stats["bytes"], 5)
        self.assertEqual(forwarded, b"" if 2 in closed else b"text\n")
        with open(birth, encoding="utf-8") as file:
            born_with = dict(line.split(maxsplit=2)[1:] for line in file
                             if line.startswith("fd "))
        self.assertEqual(sorted(born_with), ["0", "1", "2"], "the child's descriptors")
        for fd in set(closed) - {2}:
            self.assertEqual(born_with[str(fd)].strip(), "/dev/null")

    def test_too_few_descriptors_degrade_or_are_refused_but_never_hang(self):
        """The k-th descriptor cannot be had, for every k from the first on."""
        ways = {
            "plain": lambda name: [],
            "explicit": lambda name: ["--backend", "pipe"],
            "stats": lambda name: self.report(name).options,
        }
        for way, options in ways.items():
            outcomes = []
            for limit in range(LEAST_FOR_THE_LOADER, PLENTY):
                with self.subTest(way=way, limit=limit):
                    outcomes.append(self._run_with(limit, options(f"{way}{limit}")))
            print(f"{way}: descriptors allowed from {LEAST_FOR_THE_LOADER} up: "
                  + " ".join(f"{outcome}×{len(list(same))}"
                             for outcome, same in itertools.groupby(outcomes)))
            self.assertEqual(outcomes[-1], "ran", "with plenty of descriptors it must simply work")

    def _run_with(self, limit, options):
        outcome = self.run_raw(
            self.fd2_run(self.child, "say", "to stdout", "to stderr", "7", options=options),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        if outcome.code == 127 and b"error while loading shared libraries" in outcome.err:
            return "unloadable"  # the dynamic loader's word, before any line of fd2 ran
        self.assertNothingLeft()
        if outcome.code == 125:
            self.assertIn(b"fd2", outcome.err)
            self.assertRegex(outcome.err, b"(?i)too many open files|EMFILE")
            self.assertEqual(outcome.out, b"", "refused, and yet the command ran")
            return "refused"
        self.assertStatus(outcome, 7)
        self.assertEqual(outcome.out, b"to stdout\n")
        self.assertIn(b"to stderr\n", outcome.err)
        return "ran"


class Inherited(harness.Case):
    """Descriptors above 2 are the command's: fd2 keeps none while the command runs."""

    # Closes descriptor 9, as ssh does at its start, and lives until its stdin ends.
    CLOSES_9 = "exec 9>&-; echo closed; read wait; exit 6"

    def start(self, script, fd, options=(), prefix=(), number=9, **more):
        """Runs the script with `fd` as descriptor 9, and returns once it has said a line."""
        process = self.spawn(
            ["sh", "-c", f'exec {number}<&{fd} {fd}<&-; exec "$@"', "sh", *prefix,
             *self.fd2_run("sh", "-c", script, options=options)],
            stdin=PIPE, stdout=PIPE, pass_fds=[fd], **more)
        os.close(fd)
        self.assertEqual(process.stdout.readline(), b"closed\n")
        return process

    def finish(self, process):
        self.assertIsNone(process.poll(), "it should still run")
        process.stdin.close()
        self.assertEqual(process.wait(), 6)
        process.stdout.close()

    def assertGivenUp(self, **how):
        """End of file comes while fd2 and the command still run. (Otherwise this hangs.)"""
        read_end, write_end = os.pipe()
        process = self.start(self.CLOSES_9, write_end, **how)
        self.assertEqual(os.read(read_end, 1), b"")
        os.close(read_end)
        self.finish(process)

    def test_a_pipe_ends_when_the_command_closes_it(self):
        for options in ([], ["--backend", "pipe"], ["--backend", "tcpshim"],
                        ["--backend", "tokio-like-async"], ["--explain"],
                        ["--set", "require=tty,atomic"]):
            with self.subTest(options=options):
                self.assertGivenUp(options=options)

    def test_a_lock_is_free_when_the_command_gives_it_up(self):
        path = self.write("lock", "")
        held = os.open(path, os.O_RDWR)
        fcntl.flock(held, fcntl.LOCK_EX)
        process = self.start(self.CLOSES_9, held)
        with open(path, "rb") as other:
            fcntl.flock(other, fcntl.LOCK_EX)  # waits for as long as somebody holds it
        self.finish(process)

    def test_through_the_link(self):
        self.script("tool", self.CLOSES_9.replace("closed", "clo''sed"))
        os.mkdir(self.path("linked"))
        os.symlink(os.path.realpath(self.fd2), self.path("linked", "tool"))
        read_end, write_end = os.pipe()
        process = self.spawn(
            ["sh", "-c", f'exec 9<&{write_end} {write_end}<&-; exec "$0"',
             self.path("linked", "tool")], stdin=PIPE, stdout=PIPE, pass_fds=[write_end])
        os.close(write_end)
        self.assertEqual(process.stdout.readline(), b"closed\n")
        self.assertEqual(os.read(read_end, 1), b"")
        os.close(read_end)
        self.finish(process)

    def test_without_proc(self):
        unshare = shutil.which("unshare")
        if unshare is None or self.run_raw([unshare, "-rm", "true"]).code != 0:
            self.skipTest("no namespace can be made here")
        self.assertGivenUp(prefix=[unshare, "-rm", "sh", "-c",
                                   'mount -t tmpfs none /proc && exec "$@"', "sh"])

    def test_the_command_gets_all_of_them(self):
        """Whatever their numbers, and with what was in them."""
        pipes = {number: os.pipe() for number in (3, 4, 17, 99, 400)}
        high = {number: fcntl.fcntl(ends[1], fcntl.F_DUPFD, 500)
                for number, ends in pipes.items()}

        def place():
            for number, fd in high.items():
                os.dup2(fd, number)
                os.close(fd)

        script = f'"{self.child}" fds "{self.path("born")}"'
        with open(self.path("unread"), "wb") as unread:
            raw = self.raw_status(self.fd2_run("sh", "-c", script), preexec_fn=place,
                                  stderr=unread, close_fds=False)
        self.assertEqual(raw, 0)
        with open(self.path("born"), encoding="utf-8") as file:
            born_with = {int(line.split()[1]) for line in file if line.startswith("fd ")}
        self.assertLessEqual({0, 1, 2, *pipes}, born_with)
        for ends in pipes.values():
            os.close(ends[0])
            os.close(ends[1])
        for fd in high.values():
            os.close(fd)

    def test_what_fd2_was_given_for_itself_stays_open(self):
        for options, keeps in ((["--stats-fd", "9"], b"fd2.stats/1"),
                               (["--stats", "/dev/fd/9"], b"fd2.stats/1"),
                               (["--tail-out", "/dev/fd/9"], b"words")):
            with self.subTest(options=options):
                read_end, write_end = os.pipe()
                process = self.start("echo words >&2; echo closed; read wait; exit 6", write_end,
                                     options=options, stderr=PIPE)
                self.finish(process)
                self.assertIn(keeps, harness.read_all(read_end))
                os.close(read_end)
                process.stderr.close()


if __name__ == "__main__":
    harness.main()
