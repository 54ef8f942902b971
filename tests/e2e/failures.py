"""Failures made on purpose: real programs, a private sshd, and for each what its cause is.

`FAILURES` is the list. A failure has a name, the class of its cause, a pattern of the line that says
so (None: no line does), and a function that prepares it and returns what to run. test_why.py runs
each through fd2 and looks at the `cause` of its report.

    python3 tests/e2e/failures.py --record FILE [NAME...]

runs them without fd2 and writes what they said (JSON lines), for the unit tests of host/cause:
tests/unit/cause/corpus.jsonl. In it the directories and the ports of the recording are replaced.
"""

import getpass
import json
import os
import re
import select
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts", "lib"))

from private_sshd import PrivateSshd, Unavailable  # noqa: E402


class Skip(Exception):
    """It cannot be made on this machine; the text says why."""


class Altered(PrivateSshd):
    """A private sshd with further lines in its configuration, which win."""

    def __init__(self, directory, environment, lines):
        super().__init__(directory, environment)
        self._lines = lines

    def _write_server_config(self):
        super()._write_server_config()
        path = self._path("sshd_config")
        with open(path, encoding="utf-8") as file:
            rest = file.read()
        with open(path, "w", encoding="utf-8") as file:
            # Of most keywords the first counts, of MaxStartups the last.
            lines = "".join(line + "\n" for line in self._lines)
            file.write(lines + rest + lines)


class Run:
    """What to run.

    `prefix`: words before fd2, or before the command where there is no fd2. `during(pid)` is called
    with the pid of the wrapper once the command runs; the wrapper is the command itself in a
    recording. `status`: what it must end with, as a shell has it; None: anything but 0.
    """

    def __init__(self, argv, prefix=(), env=None, during=None, status=None, kills=None, stdin=None):
        self.argv = [str(word) for word in argv]
        self.prefix = [str(word) for word in prefix]
        self.env = env or {}
        self.during = during
        self.status = status
        self.kills = kills  # a signal for the command itself
        self.stdin = stdin


class World:
    """A directory, sshds, and what else a failure needs. Ended by `close`."""

    def __init__(self, directory, env):
        self.dir = directory
        self.env = env
        self._servers = {}
        self._sockets = []
        self._mounts = []
        self._processes = []
        self._children = []
        os.makedirs(self.path("home"), exist_ok=True)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def script(self, name, text):
        return self.write(name, "#!/bin/sh\n" + text, 0o755)

    def server(self, *lines):
        """An sshd with these lines in its configuration."""
        if lines not in self._servers:
            directory = self.path(f"sshd{len(self._servers)}")
            os.mkdir(directory, 0o700)
            environment = [f"PATH={self.env['PATH']}", f"HOME={self.path('home')}"]
            server = Altered(directory, environment, lines)
            try:
                server.__enter__()
            except Unavailable as why:
                raise Skip(str(why)) from why
            self._servers[lines] = server
        return self._servers[lines]

    def ssh(self, *options, server=None):
        """The words of an ssh up to the host."""
        server = server or self.server()
        return ["ssh", "-F", server.config, *options, server.host]

    def stranger(self, *options, server=None, key=None):
        """The words of an ssh that has another key only; `key`: its file."""
        server = server or self.server()
        key = key or self.key()
        with open(server.config, encoding="utf-8") as file:
            text = re.sub("IdentityFile .*", f"IdentityFile {key}", file.read())
        config = self.write(f"stranger-{server.port}-{os.path.basename(key)}", text)
        return ["ssh", "-F", config, *options, server.host]

    def key(self, name="other_key", passphrase=""):
        path = self.path(name)
        if not os.path.exists(path):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", name,
                            "-f", path], check=True, stdin=subprocess.DEVNULL)
        return path

    def listening(self, backlog=5):
        """A socket that accepts nothing; with a backlog of 0 it is full."""
        made = socket.socket()
        made.bind(("127.0.0.1", 0))
        made.listen(backlog)
        self._sockets.append(made)
        port = made.getsockname()[1]
        if backlog == 0:
            for _ in range(3):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
                self._sockets.append(filler)
            time.sleep(0.2)
        return port

    def serve(self, handler, *more):
        """Runs handler(listening socket, *more) in a process of its own; the port."""
        made = socket.socket()
        made.bind(("127.0.0.1", 0))
        made.listen(5)
        port = made.getsockname()[1]
        pid = os.fork()
        if pid == 0:
            try:
                handler(made, *more)
            finally:
                os._exit(0)
        made.close()
        self._children.append(pid)
        return port

    def refusing(self):
        """A port that nobody listens on: bound, so that nobody else takes it."""
        made = socket.socket()
        made.bind(("127.0.0.1", 0))
        self._sockets.append(made)
        return made.getsockname()[1]

    def small_disk(self, size="64k"):
        if os.geteuid() != 0:
            raise Skip("only root can mount a tmpfs")
        path = self.path(f"disk{len(self._mounts)}")
        os.mkdir(path)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path],
                              stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise Skip("no tmpfs can be mounted: " + done.stderr.decode().strip())
        self._mounts.append(path)
        return path

    def start(self, argv, **options):
        process = subprocess.Popen([str(word) for word in argv], env=self.env,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, **options)
        self._processes.append(process)
        return process

    def do(self, *argv, **options):
        done = subprocess.run([str(word) for word in argv], env=self.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              **options)
        if done.returncode != 0:
            raise AssertionError(f"{argv}: {done.returncode}\n{done.stdout.decode()}")

    def close(self):
        for process in self._processes:
            process.kill()
            process.wait()
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        for server in self._servers.values():
            server.stop()
        for each in self._sockets:
            each.close()
        for each in self._mounts:
            subprocess.run(["umount", "-l", each], check=False)


def hang_up(made):
    """Accepts once and closes at once."""
    connection, _ = made.accept()
    connection.close()


def reset(made):
    """Accepts once and breaks the connection off."""
    connection, _ = made.accept()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def say_garbage(made):
    connection, _ = made.accept()
    connection.sendall(b"\x16\x03\x01\x00\xff\xfe\r\n" * 20)
    time.sleep(5)


def relay_until(made, port, mark):
    """Carries one connection to `port`, and breaks it off when the file `mark` appears."""
    client, _ = made.accept()
    server = socket.create_connection(("127.0.0.1", port))
    while not os.path.exists(mark):
        for source in select.select([client, server], [], [], 0.05)[0]:
            data = source.recv(1 << 16)
            (server if source is client else client).sendall(data)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def wait_for(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"never came: {what}")
        time.sleep(0.01)


def tool(*names):
    for name in names:
        if shutil.which(name) is None and shutil.which(name, path="/usr/sbin:/sbin") is None:
            raise Skip(f"{name} is not installed")


def namespace(setup=""):
    """Words that run what follows in a network namespace of its own."""
    if os.geteuid() != 0:
        raise Skip("only root can make a namespace")
    tool("unshare", "ip")
    return ["unshare", "-n", "sh", "-c", setup + ' exec "$@"', "sh"]


FAILURES = []


class Failure:
    def __init__(self, name, cls, line, make, unknowable, command):
        self.name, self.cls, self.line, self.make = name, cls, line, make
        self.unknowable = unknowable  # from outside it looks like something else
        self.command = command        # False: without the command's words the class is another

    @property
    def family(self):
        return self.name.split("/")[0]


def failure(name, cls, line, unknowable=False, command=True):
    def add(make):
        FAILURES.append(Failure(name, cls, line, make, unknowable, command))
        return make
    return add


# --- auth -------------------------------------------------------------------------------------

DENIED = r"\S+@127\.0\.0\.1: Permission denied \([a-z,-]+\)\."


@failure("auth/wrong key", "auth", DENIED)
def _(w):
    return Run([*w.stranger(), "true"], status=255)


@failure("auth/no key", "auth", DENIED)
def _(w):
    return Run([*w.stranger("-i", w.path("missing_key"), key=w.path("no_key")), "true"], status=255)


@failure("auth/unknown user", "auth", r"nobody-here@127\.0\.0\.1: Permission denied \(.*\)\.")
def _(w):
    return Run([*w.ssh("-l", "nobody-here"), "true"], status=255)


@failure("auth/password only", "auth", DENIED)
def _(w):
    server = w.server("PasswordAuthentication yes", "PubkeyAuthentication no")
    return Run([*w.ssh(server=server), "true"], status=255)


@failure("auth/two methods", "auth", DENIED)
def _(w):
    server = w.server("PasswordAuthentication yes", "AuthenticationMethods publickey,password")
    return Run([*w.ssh(server=server), "true"], status=255)


@failure("auth/too many keys", "auth", r"Received disconnect from .*Too many authentication fail.*")
def _(w):
    server = w.server("MaxAuthTries 1")
    return Run([*w.ssh("-i", w.key("first"), "-i", w.key("second"), server=server), "true"],
               status=255)


@failure("auth/passphrase", "auth", DENIED)
def _(w):
    return Run([*w.stranger(key=w.key("locked", "secret")), "true"], status=255)


@failure("auth/key readable by others", "auth", r'Load key ".*": bad permissions')
def _(w):
    key = w.path("open_key")
    shutil.copy(os.path.join(w.server().directory, "user_key"), key)
    os.chmod(key, 0o644)
    return Run([*w.stranger(key=key), "true"], status=255)


@failure("auth/damaged key", "auth", r'Load key ".*": .*')
def _(w):
    key = w.write("damaged_key", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"
                  "-----END OPENSSH PRIVATE KEY-----\n", 0o600)
    return Run([*w.stranger(key=key), "true"], status=255)


@failure("auth/account not allowed", "auth", DENIED)
def _(w):
    server = w.server(f"DenyUsers {getpass.getuser()}")
    return Run([*w.ssh(server=server), "true"], status=255)


@failure("auth/agent refused", "auth", r"sign_and_send_pubkey: signing failed for .*")
def _(w):
    tool("ssh-agent", "ssh-add")
    no = w.script("no", "exit 1\n")
    address = w.path("agent")
    w.env = {**w.env, "SSH_ASKPASS": no, "SSH_ASKPASS_REQUIRE": "force", "SSH_AUTH_SOCK": address}
    w.start(["ssh-agent", "-D", "-a", address])
    wait_for(lambda: os.path.exists(address), "the agent")
    server = w.server()
    key = os.path.join(server.directory, "user_key")
    w.do("ssh-add", "-q", "-c", key)  # asks before each use
    with open(server.config, encoding="utf-8") as file:
        text = file.read().replace("IdentityAgent none", f"IdentityAgent {address}")
    text = text.replace(f"IdentityFile {key}", f"IdentityFile {w.path('agent.pub')}")
    shutil.copy(key + ".pub", w.path("agent.pub"))
    return Run(["ssh", "-F", w.write("agent_config", text), server.host, "true"], status=255)


@failure("auth/wrong password", "auth", r"\S+@127\.0\.0\.1: Permission denied \(password\)\.")
def _(w):
    server = w.server("PasswordAuthentication yes", "PubkeyAuthentication no")
    say = w.script("say", "echo wrong\n")
    return Run([*w.ssh("-o", "BatchMode=no", "-o", "NumberOfPasswordPrompts=2", server=server),
                "true"], env={"SSH_ASKPASS": say, "SSH_ASKPASS_REQUIRE": "force"}, status=255)


# --- host keys --------------------------------------------------------------------------------


@failure("host-key/unknown", "host-key",
         r"No ED25519 host key is known for .* and you have requested strict checking\.")
def _(w):
    return Run([*w.ssh("-o", "UserKnownHostsFile=/dev/null"), "true"], status=255)


@failure("host-key/changed", "host-key",
         r"Host key for .* has changed and you have requested strict checking\.")
def _(w):
    server = w.server()
    with open(w.key("another") + ".pub", encoding="utf-8") as file:
        kind, blob = file.read().split()[:2]
    hosts = w.write("changed_hosts", f"[127.0.0.1]:{server.port} {kind} {blob}\n")
    return Run([*w.ssh("-o", f"UserKnownHostsFile={hosts}"), "true"], status=255)


@failure("host-key/nobody to ask", "host-key", r"Host key verification failed\.")
def _(w):
    return Run([*w.ssh("-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=ask"),
                "true"], status=255)


@failure("host-key/revoked", "host-key", r"Host key ED25519 .* revoked by file .*")
def _(w):
    server = w.server()
    revoked = os.path.join(server.directory, "host_key.pub")
    return Run([*w.ssh("-o", f"RevokedHostKeys={revoked}"), "true"], status=255)


@failure("host-key/changed, password off", "host-key",
         r"Host key for .* has changed and you have requested strict checking\.")
def _(w):
    server = w.server("Banner none", "PasswordAuthentication yes")
    with open(w.key("yet_another") + ".pub", encoding="utf-8") as file:
        kind, blob = file.read().split()[:2]
    hosts = w.write("changed_again", f"[127.0.0.1]:{server.port} {kind} {blob}\n")
    return Run(["ssh", "-v", *w.ssh("-o", f"UserKnownHostsFile={hosts}", server=server)[1:],
                "true"], status=255)


# --- names ------------------------------------------------------------------------------------


@failure("dns/bad name", "dns", r"ssh: Could not resolve hostname no-such-host\.invalid: .*")
def _(w):
    return Run([*w.ssh("-o", "HostName=no-such-host.invalid"), "true"], status=255)


@failure("dns/no name server", "dns", r"ssh: Could not resolve hostname example\.org: .*")
def _(w):
    return Run(["ssh", "-F", "none", "example.org", "true"], prefix=namespace(), status=255)


@failure("dns/other address family", "dns", r"ssh: Could not resolve hostname 127\.0\.0\.1: .*")
def _(w):
    return Run([*w.ssh("-6"), "true"], status=255)


@failure("dns/scp", "dns", r"ssh: Could not resolve hostname no-such-host\.invalid: .*")
def _(w):
    return Run(["scp", "-F", w.server().config, "-o", "HostName=no-such-host.invalid",
                f"{w.server().host}:file", w.path("copy")], status=255)


# --- refused ----------------------------------------------------------------------------------


@failure("refused/port", "refused",
         r"ssh: connect to host 127\.0\.0\.1 port \d+: Connection refused")
def _(w):
    return Run([*w.ssh("-p", str(w.refusing())), "true"], status=255)


@failure("refused/sftp", "refused",
         r"ssh: connect to host 127\.0\.0\.1 port \d+: Connection refused")
def _(w):
    return Run(["sftp", "-F", w.server().config, "-P", str(w.refusing()), "-b", "/dev/null",
                w.server().host], status=255)


@failure("refused/too many connections", "refused",
         r"kex_exchange_identification: .*|Exceeded MaxStartups.*|Not allowed at this time.*")
def _(w):
    server = w.server("MaxStartups 1:100:1")
    waiting = socket.create_connection(("127.0.0.1", server.port))
    waiting.recv(1)
    w._sockets.append(waiting)
    return Run([*w.ssh(server=server), "true"], status=255)


@failure("refused/closed at once", "refused", r"kex_exchange_identification: .*")
def _(w):
    return Run([*w.ssh("-p", str(w.serve(hang_up))), "true"], status=255)


@failure("refused/reset at once", "refused",
         r"kex_exchange_identification: .*|Connection reset by UNKNOWN port -1")
def _(w):
    return Run([*w.ssh("-p", str(w.serve(reset))), "true"], status=255)


@failure("refused/rsync daemon", "refused",
         r"rsync: (\[\w+\] )?failed to connect to 127\.0\.0\.1 .*Connection refused \(111\)")
def _(w):
    tool("rsync")
    return Run(["rsync", f"rsync://127.0.0.1:{w.refusing()}/module/", w.path("x/")], status=10)


# --- time-outs --------------------------------------------------------------------------------


@failure("timeout/full backlog", "timeout",
         r"ssh: connect to host 127\.0\.0\.1 port \d+: Connection timed out")
def _(w):
    return Run([*w.ssh("-o", "ConnectTimeout=1", "-p", str(w.listening(0))), "true"], status=255)


@failure("timeout/no banner", "timeout", r"Connection timed out during banner exchange")
def _(w):
    return Run([*w.ssh("-o", "ConnectTimeout=1", "-p", str(w.listening())), "true"], status=255)


@failure("timeout/server stopped", "timeout", r"Timeout, server 127\.0\.0\.1 not responding\.")
def _(w):
    # The parent of the remote shell is the sshd of this session.
    return Run([*w.ssh("-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1"),
                "(sleep 6; kill -CONT $PPID; kill $PPID) >/dev/null 2>&1 & kill -STOP $PPID; "
                "sleep 9"], status=255)


@failure("timeout/rsync", "timeout", r"\[.*\] io timeout after \d+ seconds -- exiting")
def _(w):
    tool("rsync")
    shell = w.script("silent", "sleep 4\n")
    return Run(["rsync", "--timeout=1", "-e", shell, "host:x", w.path("x")], status=30)


@failure("timeout/rsync daemon", "timeout", r"rsync error: timeout waiting for .*\(code 35\).*")
def _(w):
    tool("rsync")
    return Run(["rsync", "--contimeout=1", f"rsync://127.0.0.1:{w.listening(0)}/module/",
                w.path("x/")], status=35)


@failure("timeout/timeout(1)", "timeout", None)
def _(w):
    return Run([*w.ssh(), "timeout 1 sleep 60"], status=124)


# --- no way there -----------------------------------------------------------------------------


@failure("unreachable/no network", "unreachable",
         r"ssh: connect to host 192\.0\.2\.1 port 22: Network is unreachable")
def _(w):
    return Run(["ssh", "-F", "none", "192.0.2.1", "true"], prefix=namespace(), status=255)


@failure("unreachable/no route", "unreachable",
         r"ssh: connect to host 192\.0\.2\.1 port 22: No route to host")
def _(w):
    setup = "ip link set lo up; ip route add unreachable 192.0.2.0/24;"
    return Run(["ssh", "-F", "none", "192.0.2.1", "true"], prefix=namespace(setup), status=255)


@failure("unreachable/prohibited", "unreachable",
         r"ssh: connect to host 192\.0\.2\.1 port 22: (Permission denied|No route to host)")
def _(w):
    setup = "ip link set lo up; ip route add prohibit 192.0.2.0/24;"
    return Run(["ssh", "-F", "none", "192.0.2.1", "true"], prefix=namespace(setup), status=255)


@failure("unreachable/server ended the connection", "unreachable",
         r"(Connection to 127\.0\.0\.1 closed by remote host\.|client_loop: send disconnect: .*)")
def _(w):
    return Run([*w.ssh(), "kill -KILL $PPID; sleep 5"], status=255)


@failure("unreachable/sshd ended", "unreachable",
         r"(Connection to 127\.0\.0\.1 closed by remote host\.|client_loop: send disconnect: .*)")
def _(w):
    return Run([*w.ssh(), "kill -TERM $PPID; sleep 5"], status=255)


@failure("unreachable/connection reset", "unreachable",
         r"(Read from remote host 127\.0\.0\.1: .*|client_loop: send disconnect: .*)")
def _(w):
    mark = w.path("reset-now")
    relay = w.serve(relay_until, w.server().port, mark)
    return Run([*w.ssh("-p", str(relay), "-o", "HostKeyAlias=x", "-o", "StrictHostKeyChecking=no",
                       "-o", "UserKnownHostsFile=/dev/null"), f"sleep 0.3; touch {mark}; sleep 20"],
               status=255)


# --- proxies ----------------------------------------------------------------------------------

CLOSED = (r"(kex_exchange_identification: )?Connection closed by (remote host|UNKNOWN port 65535)"
          r"|banner exchange: Connection to UNKNOWN port 65535: Broken pipe")


@failure("proxy/command fails", "proxy", CLOSED)
def _(w):
    return Run([*w.ssh("-o", "ProxyCommand=false"), "true"], status=255)


@failure("proxy/command missing", "proxy", r".*no-such-proxy: not found")
def _(w):
    return Run([*w.ssh("-o", "ProxyCommand=no-such-proxy %h"), "true"], status=255)


@failure("proxy/command with a message", "proxy", CLOSED + "|proxy: tunnel failed")
def _(w):
    proxy = w.script("proxy", "echo 'proxy: tunnel failed' >&2; exit 1\n")
    return Run([*w.ssh("-o", f"ProxyCommand={proxy}"), "true"], status=255)


@failure("proxy/jump refused", "proxy",
         r"ssh: connect to host 127\.0\.0\.1 port \d+: Connection refused")
def _(w):
    proxy = f"ssh -F {w.server().config} -p {w.refusing()} -W [%h]:%p {w.server().host}"
    return Run([*w.ssh("-o", f"ProxyCommand={proxy}"), "true"], status=255)


@failure("proxy/jump host unknown", "proxy", r"ssh: Could not resolve hostname no-such\.invalid: .*")
def _(w):
    return Run([*w.ssh("-J", "no-such.invalid"), "true"], status=255)


@failure("proxy/jump denied", "proxy", DENIED)
def _(w):
    proxy = shlex.join(w.stranger("-W", "[%h]:%p"))
    return Run([*w.ssh("-o", f"ProxyCommand={proxy}"), "true"], status=255)


@failure("proxy/jump host key", "proxy",
         r"(No ED25519 host key is known for .*|Host key verification failed\.)")
def _(w):
    proxy = (f"ssh -F {w.server().config} -o UserKnownHostsFile=/dev/null -W [%h]:%p "
             f"{w.server().host}")
    return Run([*w.ssh("-o", f"ProxyCommand={proxy}"), "true"], status=255)


@failure("proxy/target refused", "proxy",
         r"channel 0: open failed: connect failed: Connection refused")
def _(w):
    proxy = f"ssh -F {w.server().config} -W 127.0.0.1:{w.refusing()} {w.server().host}"
    return Run([*w.ssh("-o", f"ProxyCommand={proxy}"), "true"], status=255)


@failure("proxy/forwarding forbidden", "proxy",
         r"channel 0: open failed: administratively prohibited: open failed")
def _(w):
    server = w.server("AllowTcpForwarding no")
    proxy = f"ssh -F {server.config} -W [%h]:%p {server.host}"
    return Run([*w.ssh("-o", f"ProxyCommand={proxy}"), "true"], status=255)


# --- multiplexing -----------------------------------------------------------------------------


def master(w, name="master"):
    path = w.path(name)
    w.start([*w.ssh("-M", "-N", "-S", path)])
    wait_for(lambda: os.path.exists(path), "the master's socket")
    return path


def killed_master(w, name, *options):
    """A session whose master is killed while it runs."""
    path, mark = w.path(name), w.path(name + "-started")
    process = w.start([*w.ssh("-M", "-N", "-S", path)])
    wait_for(lambda: os.path.exists(path), "the master's socket")

    def during(_):
        wait_for(lambda: os.path.exists(mark), "the remote command")
        process.kill()
    return Run([*w.ssh(*options, "-S", path), f"touch {mark}; sleep 20"], during=during, status=255)


@failure("mux/no master", "mux", r"Control socket connect\(.*\): No such file or directory")
def _(w):
    return Run(["ssh", "-F", w.server().config, "-S", w.path("none"), "-O", "check",
                w.server().host], status=255)


@failure("mux/stale socket", "mux", r"Control socket connect\(.*\): Connection refused")
def _(w):
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(w.path("stale"))
    w._sockets.append(stale)
    return Run(["ssh", "-F", w.server().config, "-S", w.path("stale"), "-O", "check",
                w.server().host], status=255)


@failure("mux/path too long", "mux", r"unix_listener: path \".*\" too long for Unix domain socket")
def _(w):
    return Run([*w.ssh("-M", "-S", w.path("x" * 100)), "true"], status=255)


@failure("mux/no directory", "mux", r"unix_listener: cannot bind to path .*")
def _(w):
    return Run([*w.ssh("-M", "-S", w.path("no", "such", "socket")), "true"], status=255)


@failure("mux/master killed", "mux", None, unknowable=True)
def _(w):
    return killed_master(w, "killed")


@failure("mux/master killed, -vv", "mux", r"debug2: Control master terminated unexpectedly")
def _(w):
    return killed_master(w, "killed-v", "-vv")


@failure("mux/forwarding", "mux", r"mux_client_forward: forwarding request failed: .*")
def _(w):
    path = master(w, "forwarding")
    busy = w.listening()
    return Run(["ssh", "-F", w.server().config, "-S", path, "-O", "forward",
                "-L", f"127.0.0.1:{busy}:127.0.0.1:22", w.server().host], status=255)


# --- configuration ----------------------------------------------------------------------------


@failure("config/unknown option in the file", "config",
         r"/.*: line 1: Bad configuration option: nosuchoption")
def _(w):
    return Run(["ssh", "-F", w.write("bad_config", "NoSuchOption yes\n"), "host", "true"],
               status=255)


@failure("config/unknown option", "config",
         r"command-line: line 0: Bad configuration option: nosuchoption")
def _(w):
    return Run([*w.ssh("-o", "NoSuchOption=yes"), "true"], status=255)


@failure("config/bad owner or permissions", "config", r"Bad owner or permissions on /.*/config")
def _(w):
    if os.geteuid() != 0:
        raise Skip("only root can mount over a home")
    home = os.path.expanduser("~root")
    setup = (f"mount -t tmpfs none {home} && mkdir -m 700 {home}/.ssh && "
             f"echo 'Host x' >{home}/.ssh/config && chmod 666 {home}/.ssh/config; exec \"$@\"")
    return Run(["ssh", "host.invalid", "true"],
               prefix=["unshare", "-m", "sh", "-c", setup, "sh"], status=255)


@failure("config/no file", "config", r"Can't open user config file /.*: No such file or directory")
def _(w):
    return Run(["ssh", "-F", w.path("missing_config"), "host", "true"], status=255)


@failure("config/bad port", "config", r"Bad port '.*'")
def _(w):
    return Run([*w.ssh("-p", "ssh22"), "true"], status=255)


@failure("config/bad value", "config", r"command-line line 0: unsupported option \"perhaps\"\.")
def _(w):
    return Run([*w.ssh("-o", "StrictHostKeyChecking=perhaps"), "true"], status=255)


@failure("config/bad cipher", "config", r".*Bad SSH2 cipher spec 'nosuch'\.|Unknown cipher.*")
def _(w):
    return Run([*w.ssh("-o", "Ciphers=nosuch"), "true"], status=255)


@failure("config/no common cipher", "config",
         r"Unable to negotiate with 127\.0\.0\.1 port \d+: no matching cipher found\. Their offer: .*")
def _(w):
    server = w.server("Ciphers aes256-ctr")
    return Run([*w.ssh("-o", "Ciphers=aes128-ctr", server=server), "true"], status=255)


@failure("config/no common host key type", "config",
         r"Unable to negotiate with .*: no matching host key type found\. Their offer: .*")
def _(w):
    return Run([*w.ssh("-o", "HostKeyAlgorithms=rsa-sha2-512"), "true"], status=255)


@failure("config/usage", "config", r"usage: ssh .*")
def _(w):
    return Run(["ssh"], status=255)


@failure("config/unknown letter", "config", r"(unknown|ssh: illegal|ssh: invalid) option -- .*")
def _(w):
    return Run([*w.ssh("-Z"), "true"], status=255)


@failure("config/forwarding", "config",
         r"(bind \[127\.0\.0\.1\]:\d+: Address already in use|Could not request local forwarding\.)")
def _(w):
    return Run([*w.ssh("-o", "ExitOnForwardFailure=yes",
                       "-L", f"127.0.0.1:{w.listening()}:127.0.0.1:22"), "true"], status=255)


@failure("config/bad forwarding", "config", r"Bad local forwarding specification 'x'")
def _(w):
    return Run([*w.ssh("-L", "x"), "true"], status=255)


@failure("config/no subsystem", "config", r"subsystem request failed on channel 0")
def _(w):
    return Run([*w.ssh("-s"), "nosuch"], status=255)


@failure("config/remote forwarding", "config", r"Error: remote port forwarding failed for .*")
def _(w):
    return Run([*w.ssh("-o", "ExitOnForwardFailure=yes",
                       "-R", f"127.0.0.1:{w.listening()}:127.0.0.1:22"), "true"], status=255)


@failure("config/no ssh server", "config",
         r"(kex_exchange_identification: banner line .*|banner exchange: .*: invalid format)")
def _(w):
    return Run([*w.ssh("-p", str(w.serve(say_garbage))), "true"], status=255)


@failure("config/missing argument", "config", r"option requires an argument -- .*")
def _(w):
    return Run(["ssh", "-p"], status=255)


@failure("config/bad value in the file", "config", r"/.* line 1: .*")
def _(w):
    return Run(["ssh", "-F", w.write("bad_value", "StrictHostKeyChecking perhaps\n"), "host"],
               status=255)


@failure("config/no sessions", "config", r"channel 0: open failed: .*")
def _(w):
    server = w.server("MaxSessions 0")
    return Run([*w.ssh(server=server), "true"], status=255)


@failure("config/multiplex command", "config", r"Invalid multiplex command\.")
def _(w):
    return Run([*w.ssh("-O", "nosuch")], status=255)


@failure("config/start-up files that print", "config",
         r"protocol version mismatch -- is your shell clean\?")
def _(w):
    tool("rsync")
    shell = w.script("chatty", "echo 'Welcome to this host, have a nice day'; shift; exec \"$@\"\n")
    return Run(["rsync", "-e", shell, "host:" + w.write("source", "x"), w.path("x")], status=2)


# --- remote programs --------------------------------------------------------------------------


@failure("remote-command/not found", "remote-command", r".*no-such-program: (command )?not found")
def _(w):
    return Run([*w.ssh(), "no-such-program"], status=127)


@failure("remote-command/not executable", "remote-command", r".*plain: Permission denied")
def _(w):
    return Run([*w.ssh(), w.write("plain", "text")], status=126)


@failure("remote-command/message", "remote-command",
         r"cat: /no/such/file: No such file or directory")
def _(w):
    return Run([*w.ssh(), "cat /no/such/file"], status=1)


@failure("remote-command/status alone", "remote-command", None)
def _(w):
    return Run([*w.ssh(), "exit 3"], status=3)


@failure("remote-command/255 with a message", "remote-command", r"backup: nothing to do")
def _(w):
    return Run([*w.ssh(), "echo 'backup: nothing to do' >&2; exit 255"], status=255)


@failure("remote-command/255 alone", "remote-command", None, unknowable=True)
def _(w):
    return Run([*w.ssh(), "exit 255"], status=255)


@failure("remote-command/255, -v", "remote-command", r"debug1: .*rtype exit-status.*")
def _(w):
    return Run([*w.ssh("-v"), "exit 255"], status=255)


@failure("remote-command/sftp", "remote-command", r".*/no/such/file.*")
def _(w):
    batch = w.write("batch", "get /no/such/file\n")
    return Run(["sftp", "-F", w.server().config, "-b", batch, w.server().host], status=1)


@failure("remote-command/denied there", "remote-command", r"ls: .*denied: Permission denied")
def _(w):
    shown = w.script("ls-denied", "echo \"ls: cannot open directory '/denied': Permission denied\""
                     " >&2\necho 'ls: denied: Permission denied' >&2; exit 2\n")
    return Run([*w.ssh(), shown], status=2)


@failure("remote-command/connection refused there", "remote-command", r"curl: \(7\) .*")
def _(w):
    shown = w.script("curl", "echo 'curl: (7) Failed to connect to localhost port 1: Connection "
                     "refused' >&2; exit 7\n")
    return Run([*w.ssh(), shown], status=7)


@failure("remote-command/no account", "remote-command", r"This account is .* not available\.")
def _(w):
    server = w.server("ForceCommand echo This account is currently not available. >&2; exit 1")
    return Run([*w.ssh(server=server), "true"], status=1)


@failure("remote-command/python", "remote-command", r"KeyError: 'web1'")
def _(w):
    return Run([*w.ssh(), "python3 -c \"{}['web1']\""], status=1)


@failure("remote-command/local program", "remote-command", r".*no-such-program: not found")
def _(w):
    return Run(["sh", "-c", "no-such-program"], status=127)


@failure("remote-command/scp", "remote-command", r"scp: /no/such/file: No such file or directory")
def _(w):
    return Run(["scp", "-F", w.server().config, f"{w.server().host}:/no/such/file", w.path("x")],
               status=1)


# --- signals ----------------------------------------------------------------------------------


@failure("remote-signal/shell killed", "remote-signal", None, unknowable=True)
def _(w):
    return Run([*w.ssh(), "kill -KILL $$"], status=255)


@failure("remote-signal/shell killed, -v", "remote-signal", r"debug1: .*rtype exit-signal.*")
def _(w):
    return Run([*w.ssh("-v"), "kill -KILL $$"], status=255)


@failure("remote-signal/program killed", "remote-signal", r".*\bKilled\b.*")
def _(w):
    return Run([*w.ssh(), "sh -c 'kill -KILL $$'; exit $?"], status=137)


@failure("remote-signal/segmentation fault", "remote-signal", r".*Segmentation fault.*")
def _(w):
    return Run([*w.ssh(), "sh -c 'kill -SEGV $$'; exit $?"], status=139)


@failure("remote-signal/terminated", "remote-signal", r".*Terminated.*")
def _(w):
    return Run([*w.ssh(), "sh -c 'kill -TERM $$'; exit $?"], status=143)


@failure("remote-signal/status alone", "remote-signal", None)
def _(w):
    return Run([*w.ssh(), "exit 130"], status=130)


def session(w, name):
    """A session that waits, and what returns once it is up."""
    mark = w.path(name)
    return ([*w.ssh(), f"touch {mark}; sleep 20"],
            lambda _: wait_for(lambda: os.path.exists(mark), "the remote command"))


@failure("local-signal/killed", "local-signal", None)
def _(w):
    argv, up = session(w, "up-kill")
    return Run(argv, during=up, kills=signal.SIGKILL)


@failure("local-signal/usr1", "local-signal", None)
def _(w):
    argv, up = session(w, "up-usr1")
    return Run(argv, during=up, kills=signal.SIGUSR1)


@failure("local-signal/terminated before the connection", "local-signal", None)
def _(w):
    return Run([*w.ssh("-p", str(w.listening())), "true"], during=lambda _: time.sleep(0.5),
               kills=signal.SIGTERM)


@failure("local-signal/terminated, -v", "local-signal", r"Killed by signal 15\.")
def _(w):
    argv, up = session(w, "up-term-v")
    return Run([argv[0], "-v", *argv[1:]], during=up, kills=signal.SIGTERM, status=255)


@failure("local-signal/sent through fd2", "local-signal", None, unknowable=True)
def _(w):
    argv, up = session(w, "up-term")

    def during(pid):
        up(pid)
        os.kill(pid, signal.SIGTERM)
    return Run(argv, during=during, status=255)


@failure("local-signal/rsync", "local-signal", r"rsync error: received .*\(code 20\).*")
def _(w):
    tool("rsync")
    shell = w.script("waits", f"touch {w.path('rsync-up')}; exec sleep 20\n")
    return Run(["rsync", "-e", shell, "host:x", w.path("x")], kills=signal.SIGTERM, status=20,
               during=lambda _: wait_for(lambda: os.path.exists(w.path("rsync-up")), "the shell"))


@failure("local-signal/program", "local-signal", None)
def _(w):
    return Run(["sh", "-c", "kill -INT $$"])


# --- disks ------------------------------------------------------------------------------------


@failure("disk/remote, full", "disk", r".*: No space left on device")
def _(w):
    return Run([*w.ssh(), f"head -c 1000000 /dev/zero >{w.small_disk()}/file"], status=1)


@failure("disk/dev full", "disk", r".*: No space left on device")
def _(w):
    return Run([*w.ssh(), "echo text >/dev/full"], status=1)


@failure("disk/rsync", "disk", r"rsync: .*No space left on device \(28\)")
def _(w):
    tool("rsync")
    with open(w.path("large"), "wb") as file:
        file.write(b"x" * 500_000)
    return Run(["rsync", w.path("large"), w.small_disk() + "/"], status=11)


@failure("disk/read-only", "disk", r"touch: .*: Read-only file system")
def _(w):
    disk = w.small_disk()
    w.do("mount", "-o", "remount,ro", disk)
    return Run([*w.ssh(), f"touch {disk}/file"], status=1)


@failure("disk/file size", "disk", r".*(File size limit exceeded|File too large).*")
def _(w):
    return Run([*w.ssh(), f"ulimit -f 1; dd if=/dev/zero of={w.path('limited')} bs=1k count=99; "
                "exit $?"], status=153)


@failure("disk/scp", "disk", r"scp: .*(No space left on device|Failure).*")
def _(w):
    with open(w.path("large2"), "wb") as file:
        file.write(b"x" * 500_000)
    return Run(["scp", "-O", "-F", w.server().config, w.path("large2"),
                f"{w.server().host}:{w.small_disk()}/x"], status=1)


@failure("disk/borg", "disk", r".*No space left on device.*")
def _(w):
    tool("borg")
    repository = w.small_disk("600k") + "/repository"
    borg(w, "init", "-e", "none", repository)
    with open(w.path("large4"), "wb") as file:
        file.write(os.urandom(1_000_000))
    return Run(["borg", "create", f"{repository}::a", w.path("large4")], env=borg_env(w), status=2)


@failure("disk/tar", "disk", r"tar: .*: (Wrote only .* bytes|.*No space left on device)")
def _(w):
    with open(w.path("large3"), "wb") as file:
        file.write(b"x" * 500_000)
    return Run([*w.ssh(), f"tar -C {w.dir} -cf {w.small_disk()}/x.tar large3"], status=2)


# --- rsync ------------------------------------------------------------------------------------


def rsync_shell(w, *options, stranger=False):
    return shlex.join((w.stranger if stranger else w.ssh)(*options)[:-1])


@failure("rsync/missing source", "remote-command",
         r"rsync: .*(link_stat|change_dir) .*No such file or directory \(2\)")
def _(w):
    tool("rsync")
    return Run(["rsync", "-e", rsync_shell(w), f"{w.server().host}:/no/such/file", w.path("x")],
               status=23)


@failure("rsync/permission denied", "auth", DENIED)
def _(w):
    tool("rsync")
    return Run(["rsync", "-e", rsync_shell(w, stranger=True),
                f"{w.server().host}:file", w.path("x")])


@failure("rsync/refused", "refused", r"ssh: connect to host .* port \d+: Connection refused")
def _(w):
    tool("rsync")
    return Run(["rsync", "-e", rsync_shell(w, "-p", str(w.refusing())),
                f"{w.server().host}:file", w.path("x")])


@failure("rsync/no rsync there", "remote-command", r".*no-such-rsync: (command )?not found")
def _(w):
    tool("rsync")
    return Run(["rsync", "-e", rsync_shell(w), "--rsync-path=no-such-rsync",
                f"{w.server().host}:file", w.path("x")])  # 127, or 12 if it sees the end first


@failure("rsync/unknown option", "config", r"rsync: .*--no-such-option.*")
def _(w):
    tool("rsync")
    return Run(["rsync", "--no-such-option", w.path("a"), w.path("b")], status=1)


@failure("rsync/shell killed", "remote-signal", r"rsync error: .*\(code \d+\).*", unknowable=True)
def _(w):
    tool("rsync")
    return Run(["rsync", "-e", rsync_shell(w), "--rsync-path=kill -KILL $$; rsync",
                f"{w.server().host}:file", w.path("x")])


@failure("rsync/unknown module", "config", r"@ERROR: Unknown module 'nosuch'")
def _(w):
    tool("rsync")
    config = w.write("rsyncd.conf", f"[one]\npath = {w.dir}\nuse chroot = no\n")
    shell = f"sh -c 'exec rsync --server --daemon --config={config} .'"
    return Run(["rsync", "-e", shell, "host::nosuch/", w.path("x/")], status=5)


@failure("rsync/daemon password", "auth", r"@ERROR: auth failed on module locked")
def _(w):
    tool("rsync")
    secrets = w.write("secrets", "backup:right\n", 0o600)
    config = w.write("rsyncd2.conf", f"[locked]\npath = {w.dir}\nuse chroot = no\n"
                     f"auth users = backup\nsecrets file = {secrets}\n")
    shell = f"sh -c 'exec rsync --server --daemon --config={config} .'"
    return Run(["rsync", "-e", shell, "backup@host::locked/", w.path("x/")],
               env={"RSYNC_PASSWORD": "wrong"}, status=5)


# --- git --------------------------------------------------------------------------------------


def git_env(w, *options, stranger=False):
    return {"GIT_SSH_COMMAND": rsync_shell(w, *options, stranger=stranger), "GIT_CONFIG_NOSYSTEM": "1",
            "HOME": w.path("home"), "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org"}


def git(w, *argv):
    w.do("env", *[f"{name}={value}" for name, value in git_env(w).items()], "git", *argv)


@failure("git/no repository", "remote-command",
         r"fatal: '.*no-such' does not appear to be a git repository")
def _(w):
    tool("git")
    return Run(["git", "clone", "-q", f"{w.server().host}:{w.path('no-such')}", w.path("clone")],
               env=git_env(w), status=128)


@failure("git/permission denied", "auth", DENIED)
def _(w):
    tool("git")
    return Run(["git", "clone", "-q", f"{w.server().host}:repository", w.path("clone2")],
               env=git_env(w, stranger=True), status=128)


@failure("git/host key", "host-key", r"(Host key verification failed\.|No ED25519 host key is .*)")
def _(w):
    tool("git")
    return Run(["git", "ls-remote", f"{w.server().host}:repository"],
               env=git_env(w, "-o", "UserKnownHostsFile=/dev/null"), status=128)


def diverged(w, name):
    """A bare repository and a clone that is behind it."""
    bare, one, two = w.path(f"{name}.git"), w.path(f"{name}1"), w.path(f"{name}2")
    git(w, "init", "-q", "--bare", "-b", "main", bare)
    for clone in (one, two):
        git(w, "init", "-q", "-b", "main", clone)
        git(w, "-C", clone, "commit", "-q", "--allow-empty", "-m", clone)
        git(w, "-C", clone, "remote", "add", "origin", f"{w.server().host}:{bare}")
    git(w, "-C", one, "push", "-q", "origin", "main")
    return bare, two


@failure("git/push rejected", "remote-command", r" ! \[rejected\] .*\(fetch first\)")
def _(w):
    tool("git")
    _, clone = diverged(w, "rejected")
    return Run(["git", "-C", clone, "push", "origin", "main"], env=git_env(w), status=1)


@failure("git/hook declined", "remote-command", r" ! \[remote rejected\] .*hook declined\)")
def _(w):
    tool("git")
    bare, clone = diverged(w, "hook")
    w.script(f"{os.path.basename(bare)}/hooks/pre-receive", "echo 'not on a Friday' >&2; exit 1\n")
    return Run(["git", "-C", clone, "push", "-f", "origin", "main"], env=git_env(w), status=1)


@failure("git/no such ref", "remote-command",
         r"fatal: (couldn't find remote ref nosuch|Remote branch .* not found.*)")
def _(w):
    tool("git")
    _, clone = diverged(w, "ref")
    return Run(["git", "-C", clone, "fetch", "-q", "origin", "nosuch"], env=git_env(w), status=128)


@failure("git/no such branch", "remote-command", r"fatal: Remote branch nosuch not found .*")
def _(w):
    tool("git")
    bare, _ = diverged(w, "branch")
    return Run(["git", "clone", "-b", "nosuch", f"{w.server().host}:{bare}", w.path("clone3")],
               env=git_env(w), status=128)


@failure("git/dubious ownership", "config", r"fatal: detected dubious ownership .*")
def _(w):
    tool("git")
    if os.geteuid() != 0:
        raise Skip("only root can give a directory away")
    git(w, "init", "-q", w.path("foreign"))
    for directory, _, _ in os.walk(w.path("foreign")):
        os.chown(directory, 65534, 65534)
    return Run(["git", "-C", w.path("foreign"), "status"], env=git_env(w), status=128)


@failure("git/not a repository", "config", r"fatal: not a git repository.*")
def _(w):
    tool("git")
    return Run(["git", "-C", "/", "status"], env=git_env(w), status=128)


# --- borg -------------------------------------------------------------------------------------


def borg_env(w, **more):
    return {"BORG_RSH": rsync_shell(w), "BORG_BASE_DIR": w.path("borg"), "HOME": w.path("home"),
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes", **more}


def borg(w, *argv, **more):
    w.do("env", *[f"{name}={value}" for name, value in borg_env(w, **more).items()], "borg", *argv)


@failure("borg/no repository", "remote-command", r"Repository .*no-such does not exist\.")
def _(w):
    tool("borg")
    return Run(["borg", "list", f"ssh://{w.server().host}{w.path('no-such')}"], env=borg_env(w),
               status=2)


# borg does not always read what its ssh says.
@failure("borg/permission denied", "auth", r"(Remote: )?\S+@127\.0\.0\.1: Permission denied .*",
         unknowable=True)
def _(w):
    tool("borg")
    return Run(["borg", "list", f"ssh://{w.server().host}{w.path('repository')}"],
               env=borg_env(w, BORG_RSH=rsync_shell(w, stranger=True)), status=2)


@failure("borg/no borg there", "remote-command", r"(Remote: )?.*no-such-borg: (command )?not found")
def _(w):
    tool("borg")
    return Run(["borg", "list", "--remote-path", "no-such-borg",
                f"ssh://{w.server().host}{w.path('repository')}"], env=borg_env(w), status=2)


@failure("borg/locked", "remote-command", r"Failed to create/acquire the lock .*")
def _(w):
    tool("borg")
    repository = w.path("locked-repository")
    borg(w, "init", "-e", "none", repository)
    holder = w.start(["env", *[f"{name}={value}" for name, value in borg_env(w).items()],
                      "borg", "with-lock", repository, "sleep", "60"])
    wait_for(lambda: os.path.exists(repository + "/lock.exclusive"), "borg's lock")
    assert holder.poll() is None
    return Run(["borg", "create", "--lock-wait", "1", f"{repository}::a", w.path("home")],
               env=borg_env(w), status=2)


@failure("borg/not a repository", "remote-command", r".* is not a valid repository\. .*")
def _(w):
    tool("borg")
    return Run(["borg", "list", w.path("home")], env=borg_env(w), status=2)


@failure("borg/passphrase", "auth", r"passphrase supplied in BORG_PASSPHRASE.* is incorrect\.")
def _(w):
    tool("borg")
    repository = w.path("encrypted-repository")
    borg(w, "init", "-e", "repokey", repository, BORG_PASSPHRASE="right")
    return Run(["borg", "list", repository], env=borg_env(w, BORG_PASSPHRASE="wrong"), status=2)


@failure("borg/missing file", "remote-command", r".*/no/such: .*No such file or directory.*")
def _(w):
    tool("borg")
    repository = w.path("warning-repository")
    borg(w, "init", "-e", "none", repository)
    return Run(["borg", "create", f"{repository}::a", "/no/such"], env=borg_env(w), status=1)


@failure("borg/archive exists", "remote-command", r"Archive a already exists")
def _(w):
    tool("borg")
    repository = w.path("twice-repository")
    borg(w, "init", "-e", "none", repository)
    borg(w, "create", f"{repository}::a", w.path("home"))
    return Run(["borg", "create", f"{repository}::a", w.path("home")], env=borg_env(w), status=2)


# --- noise that is never the cause --------------------------------------------------------------


@failure("advisory/permanently added", "remote-command", r"job: failed")
def _(w):
    return Run([*w.ssh("-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no"),
                "echo 'job: failed' >&2; exit 3"], status=3)


@failure("advisory/permanently added, then silence", "remote-command", None)
def _(w):
    return Run([*w.ssh("-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no"),
                "exit 3"], status=3)


@failure("advisory/banner", "auth", DENIED)
def _(w):
    banner = w.write("banner", "Authorised users only. Connection refused otherwise:\n"
                     "Permission denied to everybody else.\n")
    server = w.server(f"Banner {banner}")
    return Run([*w.stranger(server=server), "true"], status=255)


@failure("advisory/banner, then a message", "remote-command", r"job: failed")
def _(w):
    banner = w.write("banner2", "Host key verification failed. Just joking.\n")
    server = w.server(f"Banner {banner}")
    return Run([*w.ssh(server=server), "echo 'job: failed' >&2; exit 4"], status=4)


@failure("advisory/deprecated option", "remote-command", None)
def _(w):
    return Run([*w.ssh("-o", "RhostsRSAAuthentication=yes"), "exit 3"], status=3)


@failure("advisory/x11", "remote-command", None)
def _(w):
    return Run([*w.ssh("-X"), "exit 3"], env={"DISPLAY": "127.0.0.1:99"}, status=3)


@failure("advisory/locale", "remote-command", None)
def _(w):
    return Run([*w.ssh(), "LC_ALL=xx_YY.UTF-8 bash -c 'exit 3'"], status=3)


@failure("advisory/stty in a start-up file", "remote-command", None)
def _(w):
    return Run([*w.ssh(), "stty -a; exit 3"], status=3)


@failure("advisory/terminal closed", "remote-command", None)
def _(w):
    return Run([*w.ssh("-tt"), "exit 3"], status=3)


@failure("advisory/shared terminal closed", "remote-command", None)
def _(w):
    return Run([*w.ssh("-tt", "-S", master(w, "shared")), "exit 3"], status=3)


@failure("advisory/debug lines", "auth", DENIED)
def _(w):
    return Run([*w.stranger("-vv"), "true"], status=255)


@failure("advisory/debug lines, then silence", "remote-command", None)
def _(w):
    return Run([*w.ssh("-v"), "exit 3"], status=3)


@failure("advisory/no terminal", "remote-command", None)
def _(w):
    return Run([*w.ssh("-t"), "exit 3"], status=3)


@failure("advisory/forwarding that is not needed", "remote-command", None)
def _(w):
    return Run([*w.ssh("-R", f"127.0.0.1:{w.listening()}:127.0.0.1:22"), "exit 3"], status=3)


@failure("advisory/post-quantum warning", "remote-command", r"job: failed")
def _(w):
    # OpenSSH 10.1 prints it itself; where ssh is older, what stands in for it does.
    noisy = w.script("noisy-ssh/ssh", r"""
echo '** WARNING: connection is not using a post-quantum key exchange algorithm.' >&2
echo '** This session may be vulnerable to "store now, decrypt later" attacks.' >&2
echo '** The server may need to be upgraded. See https://openssh.com/pq.html' >&2
exec /usr/bin/ssh "$@"
""")
    return Run([noisy, *w.ssh()[1:], "echo 'job: failed' >&2; exit 5"], status=5)


@failure("advisory/post-quantum warning, then refused", "refused", r"ssh: connect to host .*")
def _(w):
    noisy = w.script("noisy-ssh2/ssh", r"""
/usr/bin/ssh "$@"
status=$?
echo '** WARNING: connection is not using a post-quantum key exchange algorithm.' >&2
echo '** This session may be vulnerable to "store now, decrypt later" attacks.' >&2
echo '** The server may need to be upgraded. See https://openssh.com/pq.html' >&2
exit $status
""")
    return Run([noisy, *w.ssh("-p", str(w.refusing()))[1:], "true"], status=255)


# --- recording --------------------------------------------------------------------------------


def environment(directory):
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("FD2_", "SSH_", "GIT_", "BORG_", "RSYNC_", "XDG_"))}
    kept.update(HOME=os.path.join(directory, "home"), LC_ALL="C",
                PATH=kept.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin")
    return kept


def record_one(world, one):
    """What it says and how it ends, without fd2."""
    run = one.make(world)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([*run.prefix, *run.argv], env={**world.env, **run.env},
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=said, cwd=world.dir)
        if run.during:
            run.during(process.pid)
        if run.kills:
            process.send_signal(run.kills)
        code = process.wait()
        said.seek(0)
        text = said.read().decode(errors="replace")
    assert code != 0, f"{one.name}: it did not fail\n{text[-2000:]}"
    wanted = run.status
    assert wanted is None or code in (wanted, 128 - wanted), f"{one.name}: {code}\n{text[-2000:]}"
    return {"name": one.name, "class": one.cls, "line": one.line, "unknowable": one.unknowable,
            "exit": {"signal": -code} if code < 0 else {"code": code},
            "command": run.argv, "stderr": text}


def scrub(text, directory):
    return text.replace(directory, "/tmp/fd2").replace(os.uname().nodename, "machine")


def record(path, names):
    records = []
    for one in FAILURES:
        if names and one.name not in names:
            continue
        directory = tempfile.mkdtemp(prefix="fd2-failures-")
        os.chmod(directory, 0o755)
        world = World(directory, environment(directory))
        begin = time.monotonic()
        try:
            made = record_one(world, one)
        except Skip as why:
            print(f"{one.name}: skipped: {why}", file=sys.stderr)
            continue
        except AssertionError as why:
            print(f"FAILED {why}", file=sys.stderr)
            continue
        finally:
            world.close()
            shutil.rmtree(directory, ignore_errors=True)
        line = scrub(json.dumps(made), directory)
        records.append(line)
        good = one.line is None or any(re.fullmatch(one.line, each.rstrip("\r"))
                                       for each in made["stderr"].split("\n"))
        print(f"{one.name}: {made['exit']} in {time.monotonic() - begin:.1f} s"
              + ("" if good else f"; NO LINE {one.line}\n{made['stderr'][-2000:]}"), file=sys.stderr)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in records)


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] != "--record":
        sys.exit(__doc__)
    os.umask(0o022)
    record(sys.argv[2], sys.argv[3:])
