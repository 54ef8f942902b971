"""However much the child writes, and in whatever shape: bytes exact, memory bounded."""

import os
import re

import harness
from harness import TAIL_BYTES, pattern

MIB = 1024 * 1024
# What a flood may cost beyond a run of 2 MiB. Promised are the forward buffer (1 MiB), the tail
# (64 KiB) and one kernel object's worth, which the short run may or may not have touched; the rest
# is the allocator's. A flood that is kept anywhere, 64 MiB or 1 GiB, shows beyond doubt.
SLACK_KIB = 8 * 1024


class Volume(harness.Case):
    def measured(self, size, shape, stderr, name):
        """Runs fd2 over the flood; (statistics, peak memory in KiB)."""
        report = self.report(name)
        # fd2's stdout is the measuring parent's: the child writes nothing there.
        outcome = self.run_raw(
            [self.child, "measure",
             *self.fd2_run(self.child, "write", size, "3", shape, report=report)], stderr=stderr)
        status, peak = map(int, re.fullmatch(rb"status (\d+) maxrss_kb (\d+)\n",
                                             outcome.out).groups())
        self.assertEqual(status, 3 << 8, harness.describe_status(status))
        self.assertEqual(report.tail, pattern(size - TAIL_BYTES, size, shape == "lines"))
        return report.stats, peak

    def flood(self, size, shape, stderr):
        _, usual = self.measured(2 * MIB, shape, stderr, "baseline")
        stats, peak = self.measured(size, shape, stderr, "flood")
        print(f"{size // MIB} MiB ({shape}): peak {peak} KiB, a run of 2 MiB {usual} KiB")
        self.assertEqual(stats["bytes"], size)
        self.assertEqual(stats["dropped"]["tail_bytes"], size - TAIL_BYTES)
        self.assertEqual(stats["lines"], size // harness.PATTERN_LINE if shape == "lines" else 1)
        self.assertLess(peak, usual + SLACK_KIB)
        return stats

    def test_64_mib_without_a_newline(self):
        with open(os.devnull, "wb") as nowhere:
            stats = self.flood(64 * MIB, "solid", nowhere)
        self.assertEqual(stats["forwarded_bytes"], 64 * MIB)

    def test_1_gib_of_lines(self):
        with open(os.devnull, "wb") as nowhere:
            stats = self.flood(1024 * MIB, "lines", nowhere)
        self.assertEqual(stats["forwarded_bytes"], 1024 * MIB)

    def test_64_mib_while_our_stderr_is_stuck(self):
        read_end, write_end = os.pipe()
        harness.fill(write_end)
        stats = self.flood(64 * MIB, "lines", write_end)
        self.assertGreater(stats["dropped"]["forward_bytes"], 0)
        os.close(write_end)
        os.close(read_end)


if __name__ == "__main__":
    harness.main()
