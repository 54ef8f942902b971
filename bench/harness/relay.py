"""Throughput and CPU of relays: writer on one CPU, relay on the other, candidates interleaved."""

import contextlib
import dataclasses
import json
import os
import socket
import subprocess

from .children import Child, Ends, Failed, read_all
from .numbers import median

BLOCK = 20480  # the writer's pattern: whole lines, whole writes
MOST = 8 << 30  # bytes a run
GIB = 1 << 30


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A relay. A filter reads stdin and writes stdout; a wrapper starts the writer itself and
    writes to stderr; direct is no relay at all: the writer writes to the sink."""
    name: str
    argv: tuple = ()
    kind: str = "filter"
    medium: str = "pipe"  # a filter's stdin; a wrapper makes its own
    backend: str = ""  # a wrapper of ours: the one that must carry


@dataclasses.dataclass(frozen=True)
class Load:
    """How the child writes."""
    size: int
    jitter: bool = False  # half to one and a half times as many bytes a write
    writers: int = 1

    def words(self):
        return [f"--size={self.size}", f"--writers={self.writers}",
                *(["--jitter"] if self.jitter else [])]


@dataclasses.dataclass
class Run:
    seconds: float
    bytes: int  # timed
    total: int  # warm-up included
    cpu: float  # the relay's, seconds
    said: dict | None = None  # a wrapper's own report


def filters_and_limits(setting):
    yield Candidate("cat", ("cat",))
    yield Candidate("no relay: child to the sink", kind="direct")
    for name, program in (("splice", "splice_relay"), ("epoll", "epoll_relay"),
                          ("libuv", "uv_relay"), ("naive thread", "naive_thread"),
                          ("original thread", "original_thread")):
        if setting.has(program):
            yield Candidate(name, (setting.program(program),))
        else:
            setting.note(f"{name} was left out: {program} was not built (its library is missing)")


def fd2_run(setting, name="fd2 run", backend="pipe", medium=""):
    chosen = ["--backend", backend]
    if medium:
        chosen += ["--set", f"options.{backend}.medium={medium}"]
    return Candidate(name, (setting.fd2, "run", *chosen, "--"), "wrapper", backend=backend)


def candidates(setting):
    yield from filters_and_limits(setting)
    if setting.tokio_loop:
        yield Candidate("tokio loop", (setting.tokio_loop,), "wrapper")
    yield fd2_run(setting)
    if setting.beside:
        yield dataclasses.replace(fd2_run(setting, "the other fd2 run"),
                                  argv=(setting.beside, "run", "--backend", "pipe", "--"))
    rooms = (setting.program("rooms_relay"), f"--backends={setting.plugins}")
    yield Candidate("fd2, in process", (*rooms, "--"), "wrapper")
    yield Candidate("fd2, live subscriber", (*rooms, "--subscriber", "--"), "wrapper")
    yield Candidate("fd2, subscriber on one CPU",
                    (*rooms, "--subscriber", f"--subscriber-cpu={setting.relay_cpu}", "--"),
                    "wrapper")


def child_object(ends, medium):
    """(read end, write end) of what stands between writer and filter."""
    if medium == "pipe":
        return ends.pipe()
    pair = [end.detach() for end in (socket.socketpair() if medium == "socketpair" else tcp_pair())]
    ends.open.update(pair)
    return pair


def tcp_pair():
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return ours, theirs


def run_once(setting, who, load, amount, sink="null"):
    """One run of `amount` bytes."""
    with Ends() as ends, contextlib.ExitStack() as children:
        report, to_report = ends.pipe()
        writer = [setting.program("writer"), f"--bytes={amount}", *load.words(),
                  f"--cpu={setting.writer_cpu}", f"--report-fd={to_report}"]
        start = lambda *args, **more: children.enter_context(Child(*args, **more))
        far = None
        if sink in ("pipe", "terminal"):
            far_end, out = ends.pipe() if sink == "pipe" else ends.terminal()
            counted, to_count = ends.pipe()
            far = start([setting.program("sink"), f"--cpu={setting.writer_cpu}"], stdin=far_end,
                        stdout=to_count)
            ends.close(far_end, to_count)
        elif sink == "file":
            out = ends.file(os.path.join(setting.scratch, "sink"))
        else:
            out = ends.null()
        said, to_say = ends.pipe()
        if who.kind == "direct":
            first = last = start(writer, stderr=out, keep=(to_report,))
        elif who.kind == "wrapper":
            first = last = start([*who.argv, *writer], cpu=setting.relay_cpu, stdout=to_say,
                                 stderr=out, keep=(to_report,))
        else:
            source, to_relay = child_object(ends, who.medium)
            last = start(who.argv, cpu=setting.relay_cpu, stdin=source, stdout=out)
            first = start(writer, stderr=to_relay, keep=(to_report,))
            ends.close(source, to_relay)
        ends.close(out, to_report, to_say)
        if first is not last:
            first.end()
        cpu = last.end()
        told = json.loads(read_all(report))
        if far:
            far.end()
            arrived = json.loads(read_all(counted))["bytes"]
            # A terminal makes two bytes of an end of line.
            check_count(who, min(arrived, told["total"]) if sink == "terminal" else arrived,
                        told["total"])
        # A wrapper has waited for the writer, so the kernel counts both.
        if who.kind == "wrapper":
            cpu -= told["cpu"]
        spoken = read_all(said)
        return Run(told["seconds"], told["bytes"], told["total"],
                   0.0 if who.kind == "direct" else max(cpu, 0.0),
                   json.loads(spoken) if spoken else None)


def check_count(who, arrived, written):
    if arrived != written:
        raise Failed(f"{who.name}: {written} bytes were written, {arrived} arrived")


class Series:
    """One candidate, its amount of bytes, and what was measured, an element a round. `like` is a
    series of the same candidate with a similar load, whose amount is a good guess."""

    def __init__(self, setting, who, load, sink, seconds, like=None):
        self.who, self.load, self.sink, self.seconds = who, load, sink, seconds
        self.rate, self.cpu, self.said = [], [], []
        # What a start and an end cost is no part of a byte's price.
        self.idle_cpu = like.idle_cpu if like else median(
            [run_once(setting, who, load, 0, sink).cpu for _ in range(3)])
        self.amount = self.calibrate(setting, like)

    def calibrate(self, setting, like):
        """So many bytes that a run takes about as long as everybody's."""
        wanted = setting.choose(full=self.seconds, quick=min(self.seconds, 0.08))
        amount, runs = (like.amount, 1) if like else (51 * BLOCK, 3)
        while (seconds := self.fastest(setting, amount, runs)) < wanted / 4 and amount < MOST:
            amount *= 8
        amount = min(MOST, amount * wanted / seconds)
        return max(51, round(amount / BLOCK)) * BLOCK

    def fastest(self, setting, amount, runs):
        """Of a few: whatever else the machine does only makes a run longer."""
        return min(run_once(setting, self.who, self.load, amount, self.sink).seconds
                   for _ in range(runs))

    def add_round(self, setting):
        run = run_once(setting, self.who, self.load, self.amount, self.sink)
        self.rate.append(run.bytes / run.seconds)
        self.cpu.append(max(run.cpu - self.idle_cpu, 0.0) / run.total * GIB)
        self.said.append(run.said)

    def as_data(self):
        said = [one for one in self.said if one]
        return {"bytes_per_second": self.rate, "cpu_seconds_per_gib": self.cpu,
                "bytes_a_run": self.amount} | ({"said": said} if said else {})


def attempt(setting, name, load, sink, step):
    """What `step` returns; None if it fails, and a note says why."""
    try:
        return step()
    except (Failed, OSError, ValueError, subprocess.SubprocessError) as why:
        setting.fail(f"{name} was left out ({load}, to {sink}): {why}")
        return None


def interleaved(setting, series, rounds):
    """{name: data} after so many rounds; a series that fails is left out, and a note says why."""
    series = list(series)
    for _ in range(rounds):
        for one in setting.shuffled(series):
            if attempt(setting, one.who.name, one.load, one.sink,
                       lambda one=one: one.add_round(setting) or True) is None:
                series.remove(one)
    return {one.who.name: one.as_data() for one in series}


def measure(setting, who, size, sink="null", seconds=0.3):
    """{name: data}; a run takes so many seconds. A candidate that fails is left out, and a note
    says why."""
    load = Load(size)
    series = [attempt(setting, one.name, load, sink,
                      lambda one=one: Series(setting, one, load, sink, seconds)) for one in who]
    return interleaved(setting, filter(None, series), setting.choose(full=9, quick=3))


def measure_all(setting):
    everybody = list(candidates(setting))
    to_pipe = [one for one in everybody
               if one.name in ("cat", "fd2 run", "splice", "epoll", "original thread")]
    check_carried(setting, fd2_run(setting))
    return {
        "4k": measure(setting, everybody, 4096),
        "line": measure(setting, everybody, 80),
        "4k to a pipe": measure(setting, to_pipe, 4096, "pipe"),
    }


def check_carried(setting, who):
    """That what we measure goes through the backend that it is named for, every byte of it."""
    stats = os.path.join(setting.scratch, "stats.json")
    observed = dataclasses.replace(who, argv=(*who.argv[:-1], "--stats", stats, who.argv[-1]))
    run = run_once(setting, observed, Load(4096), 51 * BLOCK)
    with open(stats, encoding="utf-8") as file:
        told = json.load(file)
    if told["backend"] != who.backend or told["bytes"] != run.total or (
            told["forwarded_bytes"] != run.total):
        raise Failed(f"{who.name} carried {told['bytes']} of {run.total} bytes by "
                     f"{told['backend']}, forwarded {told['forwarded_bytes']}")
