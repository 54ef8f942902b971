"""Running hosts: fd2 ps, tail, swap and reload, and what else may connect to a control socket."""

import hashlib
import json
import os
import pwd
import re
import resource
import shutil
import signal
import socket
import subprocess
import unittest

import harness

# Says its number, and waits until it may go on.
WAITS = "echo ready >&2; if read line; then echo \"$line\" >&2; fi; read line; exit 3"


class Hosts(harness.Case):
    def setUp(self):
        super().setUp()
        # Many of these move to copies, which are not this fd2's own.
        self.env["FD2_SWAP_REQUIRE"] = "trial"

    def started(self, script, *options):
        """A run of a shell that reads what it is to do; (process, its control socket)."""
        process = self.spawn(self.fd2_run("sh", "-c", script, options=list(options)),
                             stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        path = self.path("runtime", str(process.pid))
        harness.until(lambda: os.path.exists(path), "the control socket")
        return process, path

    def ended(self, process, code=3):
        """Its stderr, once its stdin is closed."""
        process.stdin.close()
        err = process.stderr.read()
        self.assertEqual(process.wait(), code)
        return err

    def host(self, *words):
        return self.run_raw([self.fd2, *words])

    def connect(self, path):
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        client.settimeout(60)
        return client

    def call(self, client, method, parameters=None, **more):
        message = {"method": method, "parameters": parameters or {}, **more}
        client.sendall(json.dumps(message).encode() + b"\0")
        return self.reply(client)

    def reply(self, client):
        data = b""
        while not data.endswith(b"\0"):
            got = client.recv(1)
            if not got:
                return None
            data += got
        return json.loads(data[:-1])


class Looking(Hosts):
    def test_a_run_is_listed_while_it_lasts(self):
        process, path = self.started(WAITS)
        seen = json.loads(self.host("ps", "--json").out)
        self.assertEqual([one["host"] for one in seen["channels"]], [process.pid])
        one = seen["channels"][0]
        self.assertEqual(one["command"][0], "sh")
        self.assertEqual(one["backend"], "pipe")
        self.assertEqual(one["state"], "running")
        self.assertEqual((one["bytes"], one["lines"]), (6, 1))
        text = self.host("ps").out.decode()
        self.assertIn(f"{process.pid}", text)
        self.assertIn("pipe", text)
        self.ended(process)
        self.assertFalse(os.path.exists(path))
        self.assertEqual(json.loads(self.host("ps", "--json").out)["channels"], [])

    def test_a_short_run_makes_no_socket_and_no_directory(self):
        self.assertStatus(self.run_raw(self.fd2_run("true")), 0)
        self.assertEqual(os.listdir(self.path("runtime")), [])

    def test_no_socket_where_it_is_switched_off(self):
        begun = self.path("begun")
        process = self.spawn(self.fd2_run("sh", "-c", f"sleep 1; touch {begun}; read x",
                                          options=["--set", "control.enabled=false"]),
                             stdin=subprocess.PIPE)
        harness.until(lambda: os.path.exists(begun), "the command")
        self.assertEqual(os.listdir(self.path("runtime")), [])
        process.stdin.close()
        process.wait()

    def test_a_run_without_a_capture_says_why(self):
        process, _ = self.started(WAITS, "--set", "transport=async",
                                  "--set", "features.ssh-socketpair-stderr=false")
        one = json.loads(self.host("ps", "--json").out)["channels"][0]
        self.assertEqual(one["backend"], "inherit")
        self.assertIn("ssh-socketpair-stderr off", one["reason"])
        outcome = self.host("tail", str(process.pid))
        self.assertStatus(outcome, 1)
        self.assertIn(b"nothing is captured", outcome.err)
        self.ended(process)

    def test_a_directory_that_two_variables_name_is_listed_once(self):
        # As systemd sets it, XDG_RUNTIME_DIR is where fd2 looks anyway.
        user = os.getuid()
        runtime = f"/run/user/{user}" if user != 0 else "/run"
        if not os.access(runtime, os.W_OK):
            self.skipTest(f"{runtime} is not there")
        del self.env["FD2_RUNTIME_DIR"]
        self.env["XDG_RUNTIME_DIR"] = runtime
        process = self.spawn(self.fd2_run("sh", "-c", "read line"), stdin=subprocess.PIPE)
        path = f"{runtime}/fd2/{process.pid}"
        harness.until(lambda: os.path.exists(path), "the control socket")
        seen = json.loads(self.host("ps", "--json").out)["channels"]
        self.assertEqual([one["host"] for one in seen if one["host"] == process.pid],
                         [process.pid])
        process.stdin.close()
        process.wait()

    def test_root_sees_whose_a_run_is(self):
        as_nobody = self.for_nobody()
        del self.env["FD2_RUNTIME_DIR"]
        process = self.spawn(as_nobody + self.fd2_run("sh", "-c", "read line"),
                             stdin=subprocess.PIPE)

        def listed():
            channels = json.loads(self.host("ps", "--json").out)["channels"]
            return [one["uid"] for one in channels if one["host"] == process.pid]

        harness.until(lambda: listed() != [], "the run in fd2 ps")
        self.assertEqual(listed(), [pwd.getpwnam("nobody").pw_uid])
        text = self.host("ps").out.decode()
        self.assertRegex(text, r"^ *PID  USER ")
        self.assertRegex(text, rf"(?m)^ *{process.pid}  nobody ")
        process.stdin.close()
        process.wait()

    def test_tail_prints_the_newest_lines_and_then_those_that_come(self):
        process, _ = self.started("seq 20 >&2; read line; echo \"$line\" >&2; printf 'a\\377b' >&2;"
                                  " exit 3")
        outcome = self.host("tail", "-n", "3", "--no-follow", str(process.pid))
        self.assertEqual(outcome.out, b"18\n19\n20\n")
        tail = self.spawn([self.fd2, "tail", "-n", "1", str(process.pid)], stdout=subprocess.PIPE)
        self.assertEqual(tail.stdout.readline(), b"20\n")
        process.stdin.write(b"more\n")
        process.stdin.flush()
        self.assertEqual(tail.stdout.readline(), b"more\n")
        rest, _ = tail.communicate()
        self.assertEqual(rest, b"a\xffb\n")
        self.assertEqual(tail.returncode, 0)
        self.ended(process)

    def test_what_is_not_there_is_said(self):
        for words, code, text in ((["tail", "1"], 1, b"no fd2 run has this pid"),
                                  (["tail", "x"], 2, b"not a PID"),
                                  (["swap"], 2, b"--all"),
                                  (["swap", "--all", "5"], 2, b"cannot be used together"),
                                  (["swap", "--back", "--to", "pipe", "5"], 2, b"cannot be used together"),
                                  (["reload", "1:x"], 2, b"not a PID")):
            outcome = self.host(*words)
            self.assertStatus(outcome, code)
            self.assertIn(text, outcome.err)
        outcome = self.host("swap", "--all")
        self.assertStatus(outcome, 0)
        self.assertIn(b"no host is running", outcome.out)

    def test_a_host_without_a_descriptor_for_a_client_serves_the_next(self):
        process, path = self.started(WAITS)
        limit = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        highest = max(map(int, os.listdir(f"/proc/{process.pid}/fd")))
        fillers = len(os.listdir(f"/proc/{process.pid}/fd"))
        self.assertEqual(fillers, highest + 1, "the lowest free descriptor is the next one")
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (highest + 1, limit[1]))
        client = self.connect(path)
        self.assertEqual(client.recv(1), b"")
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, limit)
        self.assertIn(b" running ", self.host("ps").out)
        self.ended(process)

    def test_a_stopped_host_is_listed_as_one_that_does_not_answer(self):
        process, _ = self.started(WAITS)
        process.send_signal(signal.SIGSTOP)
        outcome = self.host("ps")
        self.assertIn(f"host {process.pid} does not answer".encode(), outcome.out)
        process.send_signal(signal.SIGCONT)
        self.ended(process)

    def test_what_a_killed_host_leaves_is_removed(self):
        process, path = self.started(WAITS)
        process.kill()
        process.wait()
        self.assertTrue(os.path.exists(path))
        self.assertEqual(json.loads(self.host("ps", "--json").out)["channels"], [])
        self.assertFalse(os.path.exists(path))
        # The next host does so as well.
        process, path = self.started(WAITS)
        process.kill()
        process.wait()
        other, _ = self.started(WAITS)
        self.assertFalse(os.path.exists(path))
        other.stdin.close()
        self.ended(other)


class Swapping(Hosts):
    def test_a_channel_moves_there_and_back(self):
        process, _ = self.started(WAITS)
        outcome = self.host("swap", "--to", "tokio-like-async", str(process.pid))
        self.assertStatus(outcome, 0)
        self.assertIn(b"pipe -> tokio-like-async", outcome.out)
        one = json.loads(self.host("ps", "--json").out)["channels"][0]
        self.assertEqual((one["backend"], one["moves"]), ("tokio-like-async", 1))
        process.stdin.write(b"after the move\n")
        process.stdin.flush()
        outcome = self.host("swap", "--back", f"{process.pid}:1")
        self.assertIn(b"tokio-like-async -> pipe", outcome.out)
        outcome = self.host("swap", str(process.pid))
        self.assertStatus(outcome, 0)
        self.assertIn(b"is already on it", outcome.out)
        self.assertEqual(self.ended(process), b"ready\nafter the move\n")

    def test_what_cannot_move_stays_and_says_why(self):
        process, _ = self.started(WAITS)
        outcome = self.host("swap", "--to", "socketpair", str(process.pid))
        self.assertStatus(outcome, 1)
        self.assertIn(b"stays with pipe", outcome.out)
        outcome = self.host("swap", "--to", "no-such", str(process.pid))
        self.assertStatus(outcome, 1)
        self.assertIn(b"no no-such.so in", outcome.err)
        outcome = self.host("swap", "--back", str(process.pid))
        self.assertIn(b"was not moved yet", outcome.out)
        outcome = self.host("swap", f"{process.pid}:9")
        self.assertIn(b"no such channel", outcome.err)
        process.stdin.write(b"still here\n")
        self.assertEqual(self.ended(process), b"ready\nstill here\n")

    def test_moves_under_a_flood_lose_nothing(self):
        """The backend changes all the time, and its plugin's file is replaced, overwritten,
        truncated and removed meanwhile."""
        plugins = self.path("moving")
        shutil.copytree(self.env["FD2_PLUGIN_PATH"], plugins)
        for directory, _, names in os.walk(plugins):
            for name in names:
                os.chmod(os.path.join(directory, name), 0o755)
        self.env["FD2_PLUGIN_PATH"] = plugins
        out = self.path("out")
        count = 400000
        process = self.spawn(self.fd2_run("sh", "-c", f"seq {count} >&2; read x; exit 3"),
                             stdin=subprocess.PIPE, stderr=open(out, "wb"))
        path = self.path("runtime", str(process.pid))
        harness.until(lambda: os.path.exists(path), "the control socket")
        whole = {}
        for name in ("pipe", "tokio-like-async"):
            with open(os.path.join(plugins, name + ".so"), "rb") as file:
                whole[name] = file.read()
        moved = 0
        for turn in range(40):
            name = ("tokio-like-async", "pipe")[turn % 2]
            file = os.path.join(plugins, name + ".so")
            # A new file, then the old one spoilt in place once it is in use.
            os.unlink(file)
            with open(file, "wb") as fresh:
                fresh.write(whole[name])
            os.chmod(file, 0o755)
            outcome = self.host("swap", "--to", name, str(process.pid))
            self.assertStatus(outcome, 0)
            moved += b" -> " in outcome.out
            if turn % 3 == 0:
                os.truncate(file, 100)
            elif turn % 3 == 1:
                with open(file, "r+b") as torn:
                    torn.write(b"\0" * len(whole[name]))
            else:
                os.unlink(file)
                open(file, "wb").close()
        self.assertEqual(moved, 40)
        torn = self.host("swap", str(process.pid))
        self.assertStatus(torn, 1)
        process.stdin.close()
        self.assertEqual(process.wait(), 3)
        with open(out, "rb") as file:
            self.assertEqual(file.read(),
                             b"".join(b"%d\n" % number for number in range(1, count + 1)))

    def test_a_trial_goes_on_beside_the_run(self):
        process, _ = self.started(WAITS)
        asks = self.spawn([self.fd2, "swap", "--to", os.environ["FD2_E2E_HANGING_PLUGIN"],
                           str(process.pid)], stderr=subprocess.PIPE)
        harness.until(lambda: self.trials_of(process), "the trial")
        tried = self.trials_of(process)
        os.kill(int(tried[0]), signal.SIGSTOP)  # it lasts as long as it may
        self.assertIn(b" running ", self.host("ps").out)
        self.assertEqual(self.trials_of(process), tried)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(), -signal.SIGTERM)
        self.assertEqual(asks.wait(), 1)
        self.assertIn(b"is gone", asks.stderr.read())

    def test_what_a_trial_found_is_answered_when_it_is_over(self):
        process, _ = self.started(WAITS)
        hangs = os.environ["FD2_E2E_HANGING_PLUGIN"]
        for _ in range(2):  # the second is not tried
            outcome = self.host("swap", "--to", hangs, str(process.pid))
            self.assertStatus(outcome, 1)
            self.assertIn(b"did not answer", outcome.err)
        self.assertEqual(self.ended(process), b"ready\n")

    @staticmethod
    def trials_of(process):
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
            children = file.read().split()
        return [pid for pid in children if "fd2-conform" in harness.command_of(pid)]


@unittest.skipUnless(harness.LONG, "scripts/test --long")
class Foreign(Hosts):
    """A client that is generated from what the socket says of itself."""

    def test_a_client_of_another_library_lists_follows_moves_and_reloads(self):
        sources = "/usr/share/gocode"
        library = "github.com/varlink/go"
        harness.needs_tool("go")
        if not os.path.isdir(f"{sources}/src/{library}"):
            self.skipTest("golang-github-varlink-go-dev is not installed")
        process, path = self.started(WAITS)
        client = self.connect(path)
        said = self.call(client, "org.varlink.service.GetInterfaceDescription",
                         {"interface": "org.fd2.control"})
        client.close()
        package = self.path("go", "src", "orgfd2control")
        os.makedirs(package)
        with open(os.path.join(package, "org.fd2.control.varlink"), "w", encoding="utf-8") as file:
            file.write(said["parameters"]["description"])
        environment = {**self.env, "GOPATH": f"{self.path('go')}:{sources}", "GO111MODULE": "off",
                       "GOCACHE": self.path("cache"), "CGO_ENABLED": "0"}
        generator, program = self.path("generator"), self.path("client")
        source = os.path.join(harness.HERE, "varlink_client")
        for words in (["go", "build", "-o", generator,
                       f"{library}/cmd/varlink-go-interface-generator"],
                      [generator, os.path.join(package, "org.fd2.control.varlink")],
                      ["go", "build", "-o", program, os.path.join(source, "main.go")]):
            self.assertStatus(self.run_raw(words, env=environment), 0)
        outcome = self.run_raw([program, path])
        self.assertStatus(outcome, 0)
        self.assertEqual(outcome.out.decode().splitlines(), [
            "interfaces: [org.varlink.service org.fd2.control]",
            f"list: run {['sh', '-c', WAITS]} 1 pipe running".replace("'", "").replace(",", ""),
            "tail: ready 0 true",
            "swap: 1 pipe tokio-like-async 0",
            "no such channel: true",
            "reload: 0"])
        self.ended(process)


class Proving(Hosts):
    """What a running command may be moved to."""

    def setUp(self):
        super().setUp()
        del self.env["FD2_SWAP_REQUIRE"]

    def test_to_what_belongs_to_this_fd2_without_a_proof(self):
        process, _ = self.started(WAITS)
        self.assertStatus(self.host("swap", "--to", "tokio-like-async", str(process.pid)), 0)
        self.assertEqual(self.ended(process), b"ready\n")

    def test_only_to_what_is_known_to_conform(self):
        plugins = self.path("copies")
        shutil.copytree(self.env["FD2_PLUGIN_PATH"], plugins)
        self.env["FD2_PLUGIN_PATH"] = plugins
        process, _ = self.started(WAITS)
        refused = self.host("swap", "--to", "tokio-like-async", str(process.pid))
        self.assertStatus(refused, 1)
        self.assertIn(b"not checked for conformance; run: fd2 conform ", refused.err)
        file = os.path.join(self.env["FD2_PLUGIN_PATH"], "tokio-like-async.so")
        checked = self.run_raw([self.fd2, "conform", file])
        self.assertStatus(checked, 0)
        moved = self.host("swap", "--to", "tokio-like-async", str(process.pid))
        self.assertStatus(moved, 0)
        # Where it was at the start nobody asks for a proof.
        self.assertStatus(self.host("swap", "--to", "pipe", str(process.pid)), 0)
        self.assertEqual(self.ended(process), b"ready\n")

    def test_every_defect_is_refused_while_the_command_goes_on(self):
        """The mutants of the conformance tests: each has one defect, most survive a trial."""
        mutants = os.environ["FD2_E2E_MUTANTS"]
        process, _ = self.started("seq 100000 >&2; read x; echo end >&2; exit 3", "--forward",
                                  "off", "--tail", "1MiB", "--tail-out", self.path("tail"),
                                  "--set", "surface=never")
        offered = 0
        for name in sorted(os.listdir(mutants)):
            if not name.endswith(".so"):
                continue
            outcome = self.host("swap", "--to", os.path.join(mutants, name), str(process.pid))
            self.assertStatus(outcome, 1)
            self.assertNotIn(b" -> ", outcome.out)
            offered += 1
        self.assertGreater(offered, 100)
        self.ended(process)
        with open(self.path("tail"), "rb") as file:
            self.assertEqual(file.read(), b"".join(b"%d\n" % n for n in range(1, 100001)) +
                             b"end\n")


class Transfer(harness.SshCase):
    """A real rsync over a real ssh, whose backend changes all the time."""

    def setUp(self):
        harness.needs_tool("rsync")
        super().setUp()
        self.env["FD2_SWAP_REQUIRE"] = "trial"

    def test_a_transfer_survives_everything_that_is_done_to_its_backend(self):
        size = (2048 if harness.LONG else 96) * 1024 * 1024
        plugins = self.path("moving")
        shutil.copytree(self.env["FD2_PLUGIN_PATH"], plugins)
        self.env["FD2_PLUGIN_PATH"] = plugins
        whole = {}
        for name in ("socketpair", "tokio-like-async"):
            with open(os.path.join(plugins, name + ".so"), "rb") as file:
                whole[name] = file.read()
        with open(self.path("source"), "wb") as file:
            block = os.urandom(1024 * 1024)
            for number in range(size // len(block)):
                file.write(block[number % 251:] + block[:number % 251])
        # The far rsync is slow enough to be swapped under, and talks.
        far = self.script("far", "(i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo \"n:$i\";"
                                 " done >&2) &\nexec rsync \"$@\"\n")
        errors = self.path("errors")
        shell = " ".join(self.fd2_run(*self.ssh, "-vv"))
        with open(errors, "wb") as err:
            process = self.spawn(
                ["rsync", "-a", "--inplace", "-W", "--rsync-path", far,
                 f"--bwlimit={size // 1024 // (60 if harness.LONG else 4)}", "-e", shell,
                 self.path("source"), f"{self.host}:{self.path('target')}"],
                stdout=subprocess.DEVNULL, stderr=err)
        runtime = self.path("runtime")
        harness.until(lambda: os.path.isdir(runtime) and
                      [name for name in os.listdir(runtime) if not name.startswith(".")],
                      "the control socket")
        pid = [name for name in os.listdir(runtime) if not name.startswith(".")][0]
        crashing = os.path.join(os.environ["FD2_E2E_BROKEN_PLUGINS"], "crashes.so")
        moves = refusals = turn = 0
        while process.poll() is None:
            name = ("tokio-like-async", "socketpair")[turn % 2]
            file = os.path.join(plugins, name + ".so")
            os.unlink(file)
            with open(file, "wb") as fresh:
                fresh.write(whole[name])
            os.chmod(file, 0o755)
            outcome = self.run_raw([self.fd2, "swap", "--to", name, pid])
            moves += b" -> " in outcome.out
            with open(file, "r+b") as used:
                (lambda: used.truncate(turn * 100), lambda: used.write(b"\0" * 5000))[turn % 2]()
            outcome = self.run_raw([self.fd2, "swap", "--to", crashing, pid])
            refusals += b"crashed" in outcome.err
            turn += 1
        self.assertEqual(process.returncode, 0)
        self.assertGreater(moves, 2)
        self.assertGreater(refusals, 1)
        with open(self.path("source"), "rb") as one, open(self.path("target"), "rb") as other:
            while True:
                left, right = one.read(1 << 20), other.read(1 << 20)
                self.assertTrue(left == right, "the transfer is wrong")
                if not left:
                    break
        with open(errors, "rb") as file:
            # ssh writes its own words between two blocks of the other side's.
            said = re.sub(rb"debug[12]: [^\n]*\n", b"", file.read())
        numbers = [int(number) for number in re.findall(rb"n:(\d+)\n", said)]
        self.assertTrue(numbers == list(range(1, 20001)), "stderr is not complete")


class Reloading(Hosts):
    def test_a_reload_says_what_changed_and_moves_what_may(self):
        config = self.write("fd2.yaml", "backends:\n  sync: [pipe]\n")
        process, _ = self.started(WAITS, "--config", config)
        outcome = self.host("reload", str(process.pid))
        self.assertStatus(outcome, 0)
        self.assertIn(b"0 changes", outcome.out)
        self.write("fd2.yaml", "backends:\n  sync: [tokio-like-async]\n"
                               "swap:\n  running: hand-over\ncapture:\n  tail: 1MiB\n"
                               "options:\n  tokio-like-async:\n    medium: pipe\n")
        outcome = self.host("reload", str(process.pid))
        self.assertStatus(outcome, 0)
        self.assertIn(b"backends.sync: [pipe] -> [tokio-like-async]\n", outcome.out)
        self.assertIn(b"capture.tail: 64KiB -> 1MiB (from the next run on)", outcome.out)
        self.assertIn(b"pipe -> tokio-like-async", outcome.out)
        self.assertEqual(self.ended(process), b"ready\n")

    def test_a_mistake_changes_nothing(self):
        config = self.write("fd2.yaml", "backends:\n  sync: [pipe]\n")
        process, _ = self.started(WAITS, "--config", config)
        self.write("fd2.yaml", "swap:\n  running: hand-over\nbackends:\n  sync: [pipe\n")
        outcome = self.host("reload", str(process.pid))
        self.assertStatus(outcome, 1)
        first, _, rest = outcome.err.partition(b"\n")
        self.assertTrue(first.endswith(b"has mistakes and was left as it was"), outcome)
        self.assertIn(b"fd2.yaml:", rest)
        self.assertEqual(json.loads(self.host("ps", "--json").out)["channels"][0]["backend"],
                         "pipe")
        self.ended(process)


class Audit(Hosts):
    def test_each_change_is_a_record_with_who_and_what(self):
        del self.env["FD2_PLUGIN_PATH"]  # what came with fd2 is loaded without a hash
        log = self.path("log")
        config = self.write("fd2.yaml", "backends:\n  sync: [pipe]\nlog:\n  file: " + log + "\n")
        process, _ = self.started(WAITS, "--config", config)
        pid = str(process.pid)
        asker = self.spawn([self.fd2, "swap", "--to", "tokio-like-async", pid])
        self.assertEqual(asker.wait(), 0)
        self.assertStatus(self.host("swap", "--back", pid), 0)
        self.assertStatus(self.host("swap", "--back", pid), 0)
        self.host("swap", "--to", "socketpair", pid)
        self.write("fd2.yaml", "backends:\n  sync: [pipe\n")
        self.host("reload", pid)
        self.write("fd2.yaml", "backends:\n  sync: [pipe, socketpair]\n"
                               "rules:\n  - name: shells\n    when:\n      command: sh\n"
                               "    set:\n      capture:\n        tail: 1MiB\n")
        self.host("reload", pid)
        self.ended(process)
        with open(log, encoding="utf-8") as file:
            records = [one for one in map(json.loads, file) if one.get("kind") == "audit"]
        said = [one["audit"] for one in records]
        for part in ("from", "to"):
            with open(said[0][part]["file"], "rb") as plugin:
                self.assertEqual(said[0][part]["sha256"],
                                 hashlib.sha256(plugin.read()).hexdigest())
            self.assertRegex(said[0][part]["version"], r"^\d+\.\d+\.\d+$")
        back, again = said.pop(1), said.pop(1)
        self.assertEqual((back["to"], again["from"]), (said[0]["from"], said[0]["from"]))
        self.assertEqual([one["action"] for one in said], ["swap", "swap", "reload", "reload"])
        self.assertEqual(said[0]["by"], {"uid": os.geteuid(), "pid": asker.pid})
        self.assertEqual((said[0]["from"]["backend"], said[0]["to"]["backend"]),
                         ("pipe", "tokio-like-async"))
        self.assertGreaterEqual(said[0]["pause_us"], 0)
        self.assertEqual((said[1]["from"]["backend"], said[1]["to"]), ("tokio-like-async", None))
        self.assertIn("fd2.yaml:", said[2]["problems"][0])
        self.assertIn({"key": "capture.tail", "old": "64KiB", "new": "1MiB", "applied": False},
                      said[3]["changes"])
        self.assertEqual((said[3]["rule"]["old"], said[3]["rule"]["new"]["name"]),
                         (None, "shells"))

    def test_a_torn_upgrade_leaves_everything_as_it_is(self):
        plugins = self.path("copies")
        shutil.copytree(self.env["FD2_PLUGIN_PATH"], plugins)
        self.env["FD2_PLUGIN_PATH"] = plugins
        log = self.path("log")
        process, _ = self.started(WAITS, "--set", "backends=pipe,tokio-like-async", "--log", log)
        file = os.path.join(plugins, "pipe.so")
        with open(file, "rb") as whole:
            content = whole.read()
        with open(file + ".new", "wb") as torn:
            torn.write(content[:9000])
        os.rename(file + ".new", file)
        for words in ([], ["--to", file]):
            outcome = self.host("swap", *words, str(process.pid))
            self.assertStatus(outcome, 1)
            self.assertIn(b"truncated", outcome.out + outcome.err)
            self.assertNotIn(b" -> ", outcome.out)
        self.assertEqual(self.ended(process), b"ready\n")
        with open(log, encoding="utf-8") as lines:
            records = [one["audit"] for one in map(json.loads, lines)
                       if one.get("kind") == "audit"]
        self.assertEqual([one["to"] for one in records], [None, None])
        for one in records:
            self.assertIn("truncated", one["reason"])
            self.assertEqual(one["from"]["sha256"], hashlib.sha256(content).hexdigest())

    def test_one_that_has_ended_keeps_the_others_from_nothing(self):
        ended, _ = self.started(WAITS)
        self.ended(ended)
        process, _ = self.started(WAITS)
        for words in (["swap", "--to", "tokio-like-async"], ["reload"]):
            outcome = self.host(*words, str(ended.pid), str(process.pid))
            self.assertStatus(outcome, 1)
            self.assertIn(b"no fd2 run has this pid", outcome.err)
            self.assertIn(f"{process.pid}".encode(), outcome.out)
        self.assertIn(b"tokio-like-async", self.host("ps").out)
        self.ended(process)

    def test_a_rollback_to_no_capture_moves_nothing_and_says_why(self):
        text = "transport: async\nbackends:\n  async: [pipe]\nfeatures:\n  {}: {}\n"
        flag = "ssh-socketpair-stderr"
        config = self.write("fd2.yaml", text.format(flag, "true"))
        process, _ = self.started(WAITS, "--config", config)
        self.write("fd2.yaml", text.format(flag, "false"))
        self.assertStatus(self.host("reload", str(process.pid)), 0)
        outcome = self.host("swap", str(process.pid))
        self.assertStatus(outcome, 1)
        self.assertIn(b"nothing would be captured now: transport async with features." +
                      flag.encode() + b" off", outcome.out)
        self.ended(process)


class Watching(Hosts):
    """reload.watch: each way to replace a file is seen, once."""

    TEXT = ("backends:\n  sync: [{}]\noptions:\n  tokio-like-async:\n    medium: pipe\n"
            "swap:\n  running: hand-over\nreload:\n  watch: true\nlog:\n  file: {}\n")

    def text(self, backend):
        return self.TEXT.format(backend, self.path("log"))

    def said(self, what):
        try:
            with open(self.path("log"), encoding="utf-8") as file:
                return [one for one in map(json.loads, file) if what in one.get("message", "")]
        except FileNotFoundError:
            return []

    def backend(self):
        return json.loads(self.host("ps", "--json").out)["channels"][0]["backend"]

    def check(self, path, change):
        process, _ = self.started(WAITS, "--config", path)
        harness.until(lambda: self.host("ps", "--json").out, "an answer")
        change(self.text("tokio-like-async"))
        harness.until(lambda: self.said("because a file changed"), "the reload")
        harness.until(lambda: self.backend() == "tokio-like-async", "the hand-over")
        self.assertEqual(self.ended(process), b"ready\n")
        self.assertEqual(len(self.said("reload: backends.sync: [pipe] -> [tokio-like-async]")), 1)
        self.assertEqual(len(self.said("reload: 1 change (because")), 1)

    def test_written_in_place(self):
        path = self.write("fd2.yaml", self.text("pipe"))
        self.check(path, lambda text: self.write("fd2.yaml", text))

    def test_renamed_over(self):
        path = self.write("fd2.yaml", self.text("pipe"))

        def change(text):
            os.rename(self.write("other", text), path)
        self.check(path, change)

    def test_moved_away_and_made_anew(self):
        """As vim does it by default."""
        path = self.write("fd2.yaml", self.text("pipe"))

        def change(text):
            self.write("4913", "")
            os.unlink(self.path("4913"))
            os.rename(path, path + "~")
            self.write("fd2.yaml", text)
            os.unlink(path + "~")
        self.check(path, change)

    def test_a_link_that_is_pointed_elsewhere(self):
        """As Kubernetes mounts a ConfigMap: file -> ..data/file, ..data -> ..1"""
        for number, backend in (("1", "pipe"), ("2", "tokio-like-async")):
            os.makedirs(self.path("mount", ".." + number))
            self.write(os.path.join("mount", ".." + number, "fd2.yaml"), self.text(backend))
        os.symlink("..1", self.path("mount", "..data"))
        os.symlink("..data/fd2.yaml", self.path("mount", "fd2.yaml"))

        def change(_):
            os.symlink("..2", self.path("mount", "..data_tmp"))
            os.rename(self.path("mount", "..data_tmp"), self.path("mount", "..data"))
        self.check(self.path("mount", "fd2.yaml"), change)

    def test_a_plugin_that_is_replaced(self):
        plugins = self.path("moving")
        shutil.copytree(self.env["FD2_PLUGIN_PATH"], plugins)
        self.env["FD2_PLUGIN_PATH"] = plugins
        path = self.write("fd2.yaml", self.text("pipe"))
        process, _ = self.started(WAITS, "--config", path)
        harness.until(lambda: self.host("ps", "--json").out, "an answer")
        file = os.path.join(plugins, "pipe.so")
        shutil.copy(file, file + ".new")
        os.rename(file + ".new", file)
        harness.until(lambda: self.said("swap: pipe -> pipe, version 2"), "the new version")
        # One that is torn changes nothing.
        with open(file, "rb") as whole:
            half = whole.read()[:9000]
        with open(file + ".new", "wb") as torn:
            torn.write(half)
        os.chmod(file + ".new", 0o755)
        os.rename(file + ".new", file)
        harness.until(lambda: self.said("swap: kept pipe"), "the refusal")
        self.assertEqual(self.ended(process), b"ready\n")

    def test_a_mistake_is_reported_and_changes_nothing(self):
        path = self.write("fd2.yaml", self.text("pipe"))
        process, _ = self.started(WAITS, "--config", path)
        harness.until(lambda: self.host("ps", "--json").out, "an answer")
        self.write("fd2.yaml", "backends: [\n")
        harness.until(lambda: self.said("reload refused"), "the refusal")
        self.assertEqual(self.backend(), "pipe")
        self.assertIn("fd2.yaml:", self.said("reload refused")[0]["message"])
        self.ended(process)


class Strangers(Hosts):
    """Whoever connects harms nobody."""

    def test_another_user_gets_in_nowhere(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        process, path = self.started(WAITS)
        os.chmod(self.dir, 0o755)
        script = ("import socket; s = socket.socket(socket.AF_UNIX); "
                  f"s.connect({path!r})")
        outcome = self.run_raw(["python3", "-c", script], user=65534, group=65534)
        self.assertIn(b"PermissionError", outcome.err)
        # Not even if the directory were open: the peer is asked for.
        os.chmod(self.path("runtime"), 0o777)
        os.chmod(path, 0o777)
        script += "; s.sendall(b'{\"method\":\"org.fd2.control.List\"}\\0'); print(s.recv(9))"
        outcome = self.run_raw(["python3", "-c", script], user=65534, group=65534)
        self.assertNotIn(b"channels", outcome.out)
        self.assertTrue(outcome.out == b"b''\n" or b"Error" in outcome.err, outcome)
        self.ended(process)

    def test_garbage_and_halves_end_the_connection_alone(self):
        process, path = self.started(WAITS)
        for bad in (b"\0", b"garbage\0", b"[]\0", b"{}\0", b"{\"method\":5}\0", b"\xff\xfe\0",
                    b"[" * 60000 + b"\0", b"x" * 200000):
            client = self.connect(path)
            try:
                client.sendall(bad)
                self.assertIsNone(self.reply(client))
            except (BrokenPipeError, ConnectionResetError):
                pass
            client.close()
        half = self.connect(path)
        half.sendall(b"{\"method\":\"org.fd2.Con")
        self.assertIn("parameters", self.call(self.connect(path), "org.fd2.control.List"))
        half.close()
        self.ended(process)

    def test_clients_that_say_nothing_are_turned_away_beyond_a_number(self):
        process, path = self.started(WAITS)
        idle = [self.connect(path) for _ in range(40)]
        process.stdin.write(b"the command goes on\n")
        self.assertEqual(self.ended(process), b"ready\nthe command goes on\n")
        for one in idle:
            one.close()

    def test_a_flood_of_calls_delays_nobody(self):
        process, path = self.started(WAITS)
        client = self.connect(path)
        message = b"{\"method\":\"org.fd2.control.List\"}\0"
        client.setblocking(False)
        sent = 0
        try:
            while sent < 100_000_000:  # nobody reads the answers
                sent += client.send(message * 100)
        except BlockingIOError:
            pass
        process.stdin.write(b"the command goes on\n")
        self.assertEqual(self.ended(process), b"ready\nthe command goes on\n")
        client.close()

    def test_the_interface_describes_itself(self):
        process, path = self.started(WAITS)
        client = self.connect(path)
        info = self.call(client, "org.varlink.service.GetInfo")["parameters"]
        self.assertEqual(info["interfaces"], ["org.varlink.service", "org.fd2.control"])
        text = self.call(client, "org.varlink.service.GetInterfaceDescription",
                         {"interface": "org.fd2.control"})["parameters"]["description"]
        for word in ("interface org.fd2.control", "method Swap(", "error NoSuchChannel"):
            self.assertIn(word, text)
        for method, error in (("org.fd2.control.No", "MethodNotFound"),
                              ("org.none.No", "InterfaceNotFound"),
                              ("No", "InterfaceNotFound"),
                              ("org.varlink.service.No", "MethodNotFound")):
            self.assertEqual(self.call(client, method)["error"], f"org.varlink.service.{error}")
        for method, parameters in (("Tail", {"count": "many"}), ("Tail", {"count": -1}),
                                   ("Swap", {"backend": 5}), ("Swap", {"back": "yes"}),
                                   ("Tail", {"follow": 1})):
            answer = self.call(client, f"org.fd2.control.{method}", parameters)
            self.assertEqual(answer["error"], "org.varlink.service.InvalidParameter")
            self.assertEqual(list(parameters), [answer["parameters"]["parameter"]])
        self.assertEqual(self.call(client, "org.fd2.control.Tail", {"follow": True})["error"],
                         "org.varlink.service.ExpectedMore")
        # A call that wants no answer gets none, and the next one is served.
        client.sendall(b"{\"method\":\"org.fd2.control.List\",\"oneway\":true}\0")
        self.assertIn("vendor", self.call(client, "org.varlink.service.GetInfo")["parameters"])
        # Answers come although the client has said its last word.
        client.sendall(b"{\"method\":\"org.fd2.control.List\"}\0")
        client.shutdown(socket.SHUT_WR)
        self.assertIn("channels", self.reply(client)["parameters"])
        self.assertIsNone(self.reply(client))
        self.ended(process)

    def test_a_slow_reader_of_lines_loses_for_itself_alone(self):
        process, path = self.started("read line; seq 300000 >&2; read line; exit 3", "--forward",
                                     "off", "--set", "surface=never")
        client = self.connect(path)
        first = self.call(client, "org.fd2.control.Tail", {"follow": True}, more=True)
        self.assertTrue(first["continues"])
        process.stdin.write(b"go\n")
        process.stdin.flush()
        other = self.connect(path)
        harness.until(lambda: self.call(other, "org.fd2.control.List")["parameters"]["channels"][0]
                      ["lines"] == 300000, "all lines")
        numbers, lost, data = [], 0, b""
        while len(numbers) + lost < 300000:
            data += client.recv(65536)
            *whole, data = data.split(b"\0")
            for one in map(json.loads, whole):
                numbers += [line["number"] for line in one["parameters"]["lines"]]
                lost += one["parameters"]["lost"]
        self.assertEqual(len(numbers) + lost, 300000)
        self.assertGreater(lost, 0)
        self.assertTrue(numbers == sorted(set(numbers)), "lines doubled or out of order")
        self.ended(process)

    def test_a_follower_that_keeps_up_gets_the_last_line(self):
        for _ in range(20):
            process, path = self.started("read line; seq 100 >&2; exit 3")
            client = self.connect(path)
            self.assertTrue(self.call(client, "org.fd2.control.Tail", {"follow": True},
                                      more=True)["continues"])
            process.stdin.write(b"go\n")
            self.ended(process)
            with client.makefile("rb") as stream:
                replies = [json.loads(one) for one in stream.read().split(b"\0")[:-1]]
            numbers = [line["number"] for one in replies for line in one["parameters"]["lines"]]
            self.assertEqual(numbers, list(range(1, 101)))
            self.assertTrue(replies[-1]["parameters"]["ended"])
            self.assertNotIn("continues", replies[-1])


if __name__ == "__main__":
    harness.main()
