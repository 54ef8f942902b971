"""One conversation of a tool with a remote shell, recorded, and what must hold of it.

A conversation runs with plain ssh, and with fd2 around it. In both a recorder stands before ssh and
writes down, byte for byte, what ssh said on its stderr; a tool may call its remote shell more than
once. What must hold exactly of each call:

- captured = forwarded = what the recorder wrote down, and so many bytes and lines are reported;
- the status that is reported is ssh's;
- where something holds the stderr when ssh exits, fd2 lingers;
- what ssh finds as its stderr is the backend's object; of the wire and of what else is open it
  finds what it finds with plain ssh;
- nothing is surfaced where all was forwarded, and the tail, once, where nothing was;

and of the conversation:

- what it was to bring about is there, and its exit status is that with plain ssh;
- the lines are those of plain ssh, as a multiset, after `normalised`.

With the flag off the async transport inherits: nothing is captured, and the rest holds all the same.
"""

import collections
import json
import os
import re
import subprocess
import typing

import harness

# Between a remote shell and the file $at/shown: a reader that is slower than any writer.
SLOW_READER = """\
mkfifo $at/slow
(while head -c 65536 >$at/piece && test -s $at/piece; do
    cat $at/piece
    sleep 0.02
done) <$at/slow >$at/shown 2>/dev/null &
echo $! >$at/reader
"""

# What differs between two runs of the same conversation: numbers (ports, process ids, sizes, rates,
# times), the keys and cookies of a session, and names that mktemp made.
NUMBER = re.compile(rb"\b(0x)?[0-9a-f]*[0-9][0-9a-f]*\b")

# What a ControlMaster says of the client that leaves it comes before or after that client's end.
MASTERS_OWN = re.compile(rb"mux-control|mux_|control_persist")

LINGER_MS = 25  # finish.linger's default

# What a command finds as its fd 2, unless it inherits.
MEDIA = {"pipe": "pipe", "pty": "pty", "socketpair": "socketpair", "tcpshim": "tcp",
         "tokio-like-async": "socketpair"}

HEADING = re.compile(rb"^ssh process (exited with status \d+|was killed by signal SIG[A-Z0-9]+):$")


def normalised(text):
    """The lines of `text` as a multiset, without what differs from run to run."""
    return collections.Counter(NUMBER.sub(b"N", line) for line in text.splitlines()
                               if not MASTERS_OWN.search(line))


class Talk(typing.NamedTuple):
    """What one run of a scenario does, made anew for each."""

    argv: typing.Callable[[str], list]  # the tool's words, given the path of its remote shell
    options: tuple = ()                 # ssh's
    environment: dict = {}
    done: typing.Callable[[], None] = lambda: None  # asserts what a success brought about
    listens: bool = False               # takes the end of its shell's stderr for the shell's
    slow: bool = False                  # its shell's stderr is read slowly: some is left at the end


class Scenario(typing.NamedTuple):
    make: typing.Callable[[], Talk]
    status: int = 0
    # How the stderr of each ssh may end: "writers-remain" where something holds it when ssh exits.
    ends: tuple = ("eof",)
    tools: tuple = ()   # without them the scenario is skipped


class Carrier(typing.NamedTuple):
    """What carries stderr: the transport, the flag, the backend. Plain ssh is None."""

    transport: str
    flag: str
    backend: str

    @property
    def captures(self):
        return self.transport == "sync" or self.flag == "on"


class Call(typing.NamedTuple):
    """One call of the remote shell, as it left its files."""

    said: bytes   # by ssh, to the recorder
    mark: int     # how much of it before ssh's end
    shown: bytes  # to the tool's side
    tail: bytes
    stats: dict
    met: dict     # what ssh found: its stderr, its wire, what else is open
    status: int   # ssh's, raw


class Talked(typing.NamedTuple):
    outcome: harness.Outcome
    calls: list

    def lines(self):
        return sum((normalised(call.said[:call.mark]) for call in self.calls),
                   collections.Counter())


def content(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def exit_of(raw):
    """A raw wait status as the reports have it."""
    if os.WIFSIGNALED(raw):
        return {"signal": os.WTERMSIG(raw), "core": os.WCOREDUMP(raw)}
    return {"code": os.WEXITSTATUS(raw)}


class ParityCase(harness.SshCase):
    def setUp(self):
        super().setUp()
        self.recorder = os.environ["FD2_PARITY_RECORDER"]
        self.embedder = os.environ["FD2_E2E_EMBEDDER"]
        self.talks = 0

    def words_of(self, carrier, forward):
        """The words that stand before the remote shell; `$at` is the call's directory."""
        if carrier is None:
            return []
        keys = [f"features.ssh-socketpair-stderr={'true' if carrier.flag == 'on' else 'false'}",
                f"backends.sync={carrier.backend}", f"backends.async={carrier.backend}",
                "capture.tail=64MiB", f"forward.mode={forward}"]
        if carrier.transport == "async":
            return [self.embedder, "relay", "async", *keys, "--"]
        settings = [word for key in keys for word in ("--set", key)]
        return [self.fd2, "run", "--stats", "$at/run.stats.json", "--tail-out",
                "$at/run.tail",
                *settings, "--"]

    def shell(self, talk, carrier, forward):
        """A remote shell for one run: its path, and where it leaves a directory for each call."""
        self.talks += 1
        calls = self.path(f"talk{self.talks}")
        os.mkdir(calls)
        words = " ".join(f'"{word}"' for word in [
            *self.words_of(carrier, forward), self.recorder, "$at/said", "--", *self.ssh,
            *talk.options])
        kept = "9>&2" if talk.listens else ""
        return self.script(f"shell{self.talks}", f"""\
call=1
while ! mkdir {calls}/$call 2>/dev/null; do call=$((call + 1)); done
at={calls}/$call
echo $$ >$at/pid
export FD2_EMBEDDER_REPORT=$at/run
{SLOW_READER if talk.slow else ""}
exec {words} "$@" {kept} 2>$at/{"slow" if talk.slow else "shown"}
"""), calls

    def talk(self, talk, carrier, forward="raw"):
        shell, directory = self.shell(talk, carrier, forward)
        outcome = self.run_raw(talk.argv(shell), env={**self.env, **talk.environment})
        calls = []
        while os.path.isdir(at := os.path.join(directory, str(len(calls) + 1))):
            # A tool that gives up does not wait for its remote shell.
            for pid in content(f"{at}/pid"), content(f"{at}/reader"):
                if pid:
                    harness.wait_gone(int(pid))
            said, shown, tail, stats, met, status = (content(f"{at}/{name}") for name in (
                "said", "shown", "run.tail", "run.stats.json", "said.met", "said.status"))
            calls.append(Call(said, int(content(f"{at}/said.mark") or b"-1"), shown, tail,
                              json.loads(stats) if stats else None,
                              json.loads(met) if met else None, int(status or b"-1")))
        return Talked(outcome, calls)

    # what must hold

    def check_talk(self, carrier, plain, ours, ends):
        self.check_status(plain, ours)
        self.assertTrue(ours.calls, "the remote shell was not called")
        self.assertEqual(len(plain.calls), len(ours.calls), "calls of the remote shell")
        for call, by_itself in zip(ours.calls, plain.calls):
            self.check_call(carrier, call, ends)
            self.check_met(carrier, call, by_itself)
        self.assertEqual(plain.lines(), ours.lines())

    def check_status(self, plain, ours):
        self.assertEqual(plain.outcome.raw, ours.outcome.raw,
                         f"plain: {plain.outcome}\nours: {ours.outcome}")

    def check_call(self, carrier, call, ends):
        self.assertGreaterEqual(call.mark, 0, "the recorder did not see the end")
        if "writers-remain" in ends:
            # A holder may talk on after ssh's end: what was carried ends somewhere behind it.
            self.assertGreaterEqual(len(call.shown), call.mark)
            self.assertEqual(call.shown, call.said[:len(call.shown)])
        else:
            self.assertEqual(call.shown, call.said)
        self.assertEqual(call.stats["exit"], exit_of(call.status))
        if not carrier.captures:
            self.assertEqual(call.tail or b"", b"")
            self.assertEqual(call.stats["backend"], "inherit")
            return
        self.assertEqual(call.tail, call.shown)
        self.assertEqual(call.stats["backend"], carrier.backend)
        self.assertEqual(call.stats["bytes"], len(call.shown))
        self.assertEqual(call.stats["lines"], call.shown.count(b"\n") +
                         (call.shown[-1:] not in (b"", b"\n")))
        self.assertEqual(call.stats["forwarded_bytes"], len(call.shown))
        self.assertIn(call.stats["end"], ends)
        if call.stats["end"] == "writers-remain":
            times = call.stats["times"]
            self.assertGreater(times["finished_ms"] - times["exited_ms"], LINGER_MS - 0.01)

    def check_met(self, carrier, call, by_itself):
        """What ssh found, and what it finds without us."""
        inherited = by_itself.met["stderr"]
        self.assertEqual(call.met["stderr"], MEDIA.get(call.stats["backend"], inherited))
        self.assertEqual(call.met["open"], by_itself.met["open"])
        # The wire of the command is the tool's own, that of the library is made for ssh.
        own = by_itself.met["nonblock"] if carrier.transport == "sync" else [False, False]
        self.assertEqual(call.met["nonblock"], own)

    def check_surfaced(self, carrier, plain, ours):
        """Nothing was forwarded: the record is shown once, under a heading, if the shell failed."""
        self.check_status(plain, ours)
        for call in ours.calls:
            if not carrier.captures:
                self.assertEqual(call.shown, call.said)
            elif not call.said:
                self.assertEqual(call.shown, b"")
            else:
                heading, _, rest = call.shown.partition(b"\n")
                self.assertRegex(heading, HEADING)
                self.assertEqual(rest, call.said + (b"" if call.said.endswith(b"\n") else b"\n"))

    def close_master(self, path):
        subprocess.run([*self.ssh, "-o", f"ControlPath={path}", "-O", "exit", self.host],
                       env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)
