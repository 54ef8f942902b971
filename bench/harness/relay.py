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


def run_once(setting, who, size, amount, sink="null"):
    """One run of `amount` bytes in writes of `size`."""
    with Ends() as ends, contextlib.ExitStack() as children:
        report, to_report = ends.pipe()
        writer = [setting.program("writer"), f"--bytes={amount}", f"--size={size}",
                  f"--cpu={setting.writer_cpu}", f"--report-fd={to_report}"]
        start = lambda *args, **more: children.enter_context(Child(*args, **more))
        if sink == "pipe":
            far_end, out = ends.pipe()
            counted, to_count = ends.pipe()
            far = start([setting.program("sink"), f"--cpu={setting.writer_cpu}"], stdin=far_end,
                        stdout=to_count)
            ends.close(far_end, to_count)
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
        if sink == "pipe":
            far.end()
            check_count(who, json.loads(read_all(counted))["bytes"], told["total"])
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
    """One candidate, its amount of bytes, and what was measured, an element a round."""

    def __init__(self, setting, who, size, sink, seconds):
        self.who, self.size, self.sink, self.seconds = who, size, sink, seconds
        self.rate, self.cpu, self.said = [], [], []
        # What a start and an end cost is no part of a byte's price.
        self.idle_cpu = median([run_once(setting, who, size, 0, sink).cpu for _ in range(3)])
        self.amount = self.calibrate(setting)

    def calibrate(self, setting):
        """So many bytes that a run takes about as long as everybody's."""
        wanted = setting.choose(full=self.seconds, quick=0.08)
        amount = 51 * BLOCK
        while (seconds := self.fastest(setting, amount)) < wanted / 4 and amount < MOST:
            amount *= 8
        amount = min(MOST, amount * wanted / seconds)
        return max(51, round(amount / BLOCK)) * BLOCK

    def fastest(self, setting, amount):
        """Of a few: whatever else the machine does only makes a run longer."""
        return min(run_once(setting, self.who, self.size, amount, self.sink).seconds
                   for _ in range(3))

    def add_round(self, setting):
        run = run_once(setting, self.who, self.size, self.amount, self.sink)
        self.rate.append(run.bytes / run.seconds)
        self.cpu.append(max(run.cpu - self.idle_cpu, 0.0) / run.total * GIB)
        self.said.append(run.said)

    def as_data(self):
        said = [one for one in self.said if one]
        return {"bytes_per_second": self.rate, "cpu_seconds_per_gib": self.cpu,
                "bytes_a_run": self.amount} | ({"said": said} if said else {})


def measure(setting, who, size, sink="null", seconds=0.3):
    """{name: data}; a run takes so many seconds. A candidate that fails is left out, and a note
    says why."""
    series = []

    def attempt(name, step):
        try:
            return step()
        except (Failed, OSError, ValueError, subprocess.SubprocessError) as why:
            setting.fail(f"{name} was left out (writes of {size}, sink {sink}): {why}")
            return None

    for one in who:
        made = attempt(one.name, lambda one=one: Series(setting, one, size, sink, seconds))
        if made:
            series.append(made)
    for _ in range(setting.choose(full=9, quick=3)):
        for one in setting.shuffled(series):
            if attempt(one.who.name, lambda one=one: one.add_round(setting) or True) is None:
                series.remove(one)
    return {one.who.name: one.as_data() for one in series}


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


# From a byte to a whole pipe, and what lies around a page.
SIZES = (1, 80, 512, 1024, 2048, 3000, 4000, 4080, 4096, 8192, 65536)


def sizes(setting):
    """{size of a write: {name: data}}: fd2 run beside cat. A cliff between two sizes shows here."""
    who = [Candidate("cat", ("cat",)), fd2_run(setting)]
    return {size: measure(setting, who, size, seconds=0.1) for size in SIZES}


def check_carried(setting, who):
    """That what we measure goes through the backend that it is named for, every byte of it."""
    stats = os.path.join(setting.scratch, "stats.json")
    observed = dataclasses.replace(who, argv=(*who.argv[:-1], "--stats", stats, who.argv[-1]))
    run = run_once(setting, observed, 4096, 51 * BLOCK)
    with open(stats, encoding="utf-8") as file:
        told = json.load(file)
    if told["backend"] != who.backend or told["bytes"] != run.total or (
            told["forwarded_bytes"] != run.total):
        raise Failed(f"{who.name} carried {told['bytes']} of {run.total} bytes by "
                     f"{told['backend']}, forwarded {told['forwarded_bytes']}")
