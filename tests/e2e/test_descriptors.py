"""fd2 started with descriptors missing, or with too few to have."""

import itertools
import os
import resource

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


if __name__ == "__main__":
    harness.main()
