"""Nothing that the child itself wrote before its exit is lost, while a grandchild holds its stderr.

Each run: loss_child.cpp writes a random amount in random pieces and exits at once; fd2's own stderr
is a file. What the child meant to write stands in a file beside it.

FD2_LOSS_RUNS and FD2_LOSS_SEED change the number of runs (200; with FD2_LONG=1 2 000, and 20 000
over TCP and in a terminal, where bytes can be under way at the exit) and the first seed (1); a failure names its seed,
so `FD2_LOSS_RUNS=1 FD2_LOSS_SEED=N` repeats it.
"""

import concurrent.futures
import contextlib
import os
import subprocess
import threading

import harness

RUNS = int(os.environ.get("FD2_LOSS_RUNS", "2000" if harness.LONG else "200"))
BUFFERED_RUNS = int(os.environ.get("FD2_LOSS_RUNS", "20000" if harness.LONG else "200"))
SEED = int(os.environ.get("FD2_LOSS_SEED", "1"))
# Runs that keep the default linger while the grandchild floods: a second of flood each.
FLOODS_AT_DEFAULT_LINGER = 20
WORKERS = 2 * (os.cpu_count() or 1)
SHORT_LINGER = "finish:\n  linger: 1ms\n  linger-max: 5ms\n"
CHILD = os.environ.get("FD2_E2E_LOSS_CHILD", "")


class Loss(harness.Case):
    lock = threading.Lock()
    running = set()

    def test_an_idle_grandchild_holds_a_pipe(self):
        self.idle("pipe")

    def test_an_idle_grandchild_holds_a_socketpair(self):
        self.idle("socketpair")

    def test_an_idle_grandchild_holds_a_tcp_connection(self):
        self.idle("tcpshim", BUFFERED_RUNS)

    def test_an_idle_grandchild_holds_a_terminal(self):
        self.idle("pty", BUFFERED_RUNS)

    def test_an_idle_grandchild_holds_a_channel_of_the_event_loop(self):
        self.idle("tokio-like-async")

    def test_a_flooding_grandchild_holds_a_pipe(self):
        self.flood("pipe")

    def test_a_flooding_grandchild_holds_a_socketpair(self):
        self.flood("socketpair")

    def test_a_flooding_grandchild_holds_a_tcp_connection(self):
        self.flood("tcpshim", BUFFERED_RUNS)

    def test_a_flooding_grandchild_holds_a_terminal(self):
        self.flood("pty", BUFFERED_RUNS)

    def test_a_flooding_grandchild_holds_a_channel_of_the_event_loop(self):
        self.flood("tokio-like-async")

    def idle(self, backend, count=RUNS):
        self.sweep(backend, "idle", count, lambda run: [])

    def flood(self, backend, count=RUNS):
        short = self.config(SHORT_LINGER)
        self.sweep(backend, "flood", count,
                   lambda run: [] if run < FLOODS_AT_DEFAULT_LINGER else short)

    def sweep(self, backend, mode, count, options):
        written = 0
        ends = {}
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            runs = [pool.submit(self.one, mode, SEED + run, ["--backend", backend, *options(run)])
                    for run in range(count)]
            try:
                for run in concurrent.futures.as_completed(runs):
                    size, end = run.result()
                    written += size
                    ends[end] = ends.get(end, 0) + 1
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                harness.kill_descendants()  # what hangs keeps its worker, and the pool waits for it
                raise
        print(f"{backend}, {mode}: {count} runs from seed {SEED}, {written} bytes of the children, "
              f"none lost; ends {ends}")
        self.assertEqual(set(ends), {"writers-remain"})

    def collect_orphans(self):
        """The grandchildren become children of this process when they are orphaned: of tens of
        thousands that nobody waits for the machine would have no process numbers left."""
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            for pid in map(int, file.read().split()):
                if pid not in self.running:
                    with contextlib.suppress(ChildProcessError):  # its own thread was faster
                        os.waitpid(pid, os.WNOHANG)

    def one(self, mode, seed, options):
        """One run; (bytes the child wrote, how the channel ended)."""
        report = harness.Report(self.dir, f"run{seed}")
        truth_path, shown_path = self.path(f"truth{seed}"), self.path(f"shown{seed}")
        words = self.fd2_run(CHILD, seed, truth_path, mode, report=report, options=options)
        with open(shown_path, "ab") as shown, self.lock:
            process = self.spawn(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                 stderr=shown)
            self.running.add(process.pid)
            self.collect_orphans()
        code = process.wait()
        self.running.discard(process.pid)
        process.stdin.close()  # lets the grandchild go
        with open(shown_path, "rb") as file:
            shown = file.read()
        self.assertTrue(os.path.exists(truth_path), f"the child did not start: {code}: {shown}")
        with open(truth_path, "rb") as file:
            truth = file.read()
        stats = report.stats
        where = f"{mode}, seed {seed}, {len(truth)} bytes, end {stats['end']}"
        self.assertEqual(code, len(truth) % 251, f"{where}: status")
        mine = shown if mode == "idle" else of_the_child(shown)
        self.assertSame(mine, truth, where)
        self.assertEqual(stats["bytes"], len(shown), f"{where}: stats against what was shown")
        self.assertEqual(stats["forwarded_bytes"], len(shown), where)
        self.assertEqual(report.tail, shown[-harness.TAIL_BYTES:], f"{where}: the tail")
        for path in (truth_path, shown_path):
            os.unlink(path)
        return len(truth), stats["end"]

    def assertSame(self, got, truth, where):
        if got == truth:
            return
        at = next((i for i, (a, b) in enumerate(zip(got, truth)) if a != b),
                  min(len(got), len(truth)))
        self.fail(f"{where}: {len(got)} of {len(truth)} bytes arrived, different from byte {at}: "
                  f"{got[at:at + 60]!r} instead of {truth[at:at + 60]!r}")


def of_the_child(shown):
    """The child's own bytes, in the order in which they came."""
    return shown.translate(None, bytes(range(0x80, 0x100)))


if __name__ == "__main__":
    harness.main()
