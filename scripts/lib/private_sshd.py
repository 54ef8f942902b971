"""A private sshd on loopback: own host and user keys, own configuration, a free port.

Used by scripts/demo and by the end-to-end tests. Nothing of the user's or the machine's ssh
configuration is read or written: the client side is one `ssh -F FILE` away. As an ordinary user
sshd runs unprivileged and lets in that user alone; as root it needs the directory /run/sshd (which
the distribution's service makes at boot), and makes it when it is missing.
"""

import os
import pwd
import shutil
import socket
import subprocess

# Between the moment a free port is found and the moment sshd binds it, somebody else may take it.
PORT_ATTEMPTS = 10


class Unavailable(Exception):
    """There can be no private sshd here; the text says why."""


def _tool(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin")
    if path is None:
        raise Unavailable(f"{name} is not installed")
    return path


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _sftp_server():
    for path in ("/usr/lib/openssh/sftp-server", "/usr/libexec/sftp-server"):
        if os.access(path, os.X_OK):
            return path
    raise Unavailable("sftp-server is not installed")


def _account_is_locked(name):
    """Whether sshd without PAM would refuse the account. Only root can see that, and need to."""
    if os.geteuid() != 0:
        return False
    try:
        with open("/etc/shadow", encoding="utf-8", errors="replace") as shadow:
            return any(line.startswith(f"{name}:!") for line in shadow)
    except OSError:
        return False


class PrivateSshd:
    """`with PrivateSshd(directory) as sshd:` serves until the block ends.

    `directory` must exist and belong to the caller; it is left behind with keys and logs in it.
    `config` is the path for `ssh -F`; the only host it knows is `host`.
    """

    def __init__(self, directory, environment=(), home=None, host="loopback"):
        """`environment`: NAME=VALUE strings that remote commands see (sshd's SetEnv).

        `home`: where remote commands start, sftp too, in place of the account's own home; HOME says
        the same. For non-interactive commands only.
        """
        self.host = host
        self.directory = os.path.abspath(directory)
        self.config = os.path.join(self.directory, "ssh_config")
        self.log = os.path.join(self.directory, "sshd.log")
        self.port = None
        self._environment = list(environment)
        self._home = None if home is None else os.path.abspath(home)
        if self._home is not None:
            self._environment.append(f"HOME={self._home}")
        self._process = None
        self._logger = None

    def __enter__(self):
        try:
            self._prepare()
            for _ in range(PORT_ATTEMPTS):
                if self._start():
                    return self
        except BaseException:
            self.stop()
            raise
        raise Unavailable(f"sshd found no free port; its last words are in {self.log}")

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends sshd. Connections that are up are not cut: they end with their clients."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait()
        self._process.stderr.close()
        self._process = None
        if self._logger is not None:
            try:
                self._logger.wait(timeout=5)
            except subprocess.TimeoutExpired:  # somebody's connection still holds the log
                self._logger.kill()
                self._logger.wait()
            self._logger = None

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _prepare(self):
        account = pwd.getpwuid(os.geteuid())
        if os.path.basename(account.pw_shell) in ("nologin", "false"):
            raise Unavailable(f"the account {account.pw_name} has no login shell")
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        keygen = _tool("ssh-keygen")
        for key in ("host_key", "user_key"):
            subprocess.run(
                [keygen, "-q", "-t", "ed25519", "-N", "", "-C", f"fd2 {key}",
                 "-f", self._path(key)],
                check=True, stdin=subprocess.DEVNULL)
        shutil.copy(self._path("user_key.pub"), self._path("authorized_keys"))
        self._account = account.pw_name

    def _start(self):
        self.port = _free_port()
        self._write_server_config()
        self._write_client_config()
        self._process = subprocess.Popen(
            [_tool("sshd"), "-D", "-e", "-f", self._path("sshd_config")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, bufsize=0)
        said = b""
        for line in self._process.stderr:
            said += line
            if b"Server listening on" in line:
                self._collect_log(said)
                return True
        self._process.wait()
        self._process.stderr.close()
        self._process = None
        with open(self.log, "wb") as log:
            log.write(said)
        if b"Address already in use" in said:
            return False
        raise Unavailable("sshd does not start: " + said.decode(errors="replace").strip())

    def _collect_log(self, said):
        """From now on `cat` carries sshd's log to a file, so that sshd never waits for us."""
        with open(self.log, "wb") as log:
            log.write(said)
            log.flush()
            self._logger = subprocess.Popen(["cat"], stdin=self._process.stderr, stdout=log)

    def _write_server_config(self):
        # In one line: of several, sshd takes the first.
        pairs = " ".join(f'"{pair}"' for pair in self._environment)
        more = f"SetEnv {pairs}\n" if pairs else ""
        sftp = "internal-sftp"
        if self._home is not None:
            # Started by the forced command too, so that it has the same home.
            sftp = _sftp_server()
            more += f"ForceCommand cd '{self._home}' && exec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"\n"
        with open(self._path("sshd_config"), "w", encoding="utf-8") as out:
            out.write(f"""\
Port {self.port}
ListenAddress 127.0.0.1
HostKey {self._path("host_key")}
PidFile none
AuthorizedKeysFile {self._path("authorized_keys")}
AllowUsers {self._account}
PermitRootLogin prohibit-password
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM {"yes" if _account_is_locked(self._account) else "no"}
PermitUserRC no
PrintMotd no
PrintLastLog no
X11Forwarding no
MaxStartups 100
Subsystem sftp {sftp}
{more}""")

    def _write_client_config(self):
        with open(self._path("host_key.pub"), encoding="utf-8") as key:
            kind, blob = key.read().split()[:2]
        with open(self._path("known_hosts"), "w", encoding="utf-8") as out:
            out.write(f"[127.0.0.1]:{self.port} {kind} {blob}\n")
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(f"""\
Host {self.host}
    HostName 127.0.0.1
    Port {self.port}
    User {self._account}
    IdentityFile {self._path("user_key")}
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {self._path("known_hosts")}
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
    ControlPath none
""")
