"""`fd2 link`: under another command's name fd2 goes on to the next one on PATH, and never back."""

import os
import shutil
import subprocess

import harness

REAL = 'echo "real $*"; exit 7\n'


class Links(harness.Case):
    """Whatever is run here might multiply without end: as nobody, who may have few processes."""

    def setUp(self):
        super().setUp()
        harness.needs_tool("prlimit")
        self.bounded = []
        if os.geteuid() == 0:
            self.bounded = ["prlimit", "--nproc=150", *self.for_nobody(alone=True)]

    def directory(self, name):
        path = self.path(name)
        os.makedirs(path, exist_ok=True)
        return path

    def installation(self, name):
        """Another fd2: a copy of the program, with a link to it of its own. Its directory."""
        directory = self.directory(name)
        program = shutil.copy(os.environ["FD2_COMMAND"], os.path.join(directory, "fd2"))
        os.symlink(program, os.path.join(directory, "ssh"))
        return directory

    def command(self, name, text=REAL):
        self.write(os.path.join(self.directory(name), "ssh"), "#!/bin/sh\n" + text, 0o755)
        return self.path(name)

    def call(self, *path, words=("ssh", "a", "b"), prefix=(), **more):
        """Calls ssh as a shell would, with these directories on PATH (and the system's behind)."""
        env = dict(self.env, PATH=":".join([*path, "/usr/bin", "/bin"]))
        shell = ["/bin/sh", "-c", 'exec "$@"', "sh", *words]
        return self.run_raw([*self.bounded, *prefix, *shell], env=env, **more)

    def assertReal(self, outcome, said=b"real a b\n"):
        self.assertEqual((outcome.out, outcome.code), (said, 7), str(outcome))

    def assertCycle(self, outcome, *files):
        self.assertStatus(outcome, 125)
        for file in files:
            self.assertIn(file.encode(), outcome.err)
        self.assertIn(b"call each other", outcome.err)

    def layouts(self):
        """PATHs with several links that all lead to the real command."""
        one, two, three = (self.installation(name) for name in ("one", "two", "three"))
        hard, soft, copy, again = (self.directory(name)
                                   for name in ("hard", "soft", "copy", "again"))
        os.link(os.path.join(one, "fd2"), os.path.join(hard, "ssh"))
        os.symlink(os.path.join(two, "ssh"), os.path.join(soft, "ssh"))
        shutil.copy(os.environ["FD2_COMMAND"], os.path.join(copy, "ssh"))
        os.rmdir(again)
        os.symlink(one, again)
        real = self.command("real")
        return [
            ([real], "none"), ([one, real], "one"), ([one, two, three, real], "three"),
            ([one, two, one, real], "one of them twice"),
            ([one, two, one, two, three, two, one, real], "each several times"),
            ([one, two, again, two, real], "a directory by another name"),
            ([one, hard, soft, copy, two, real], "hard links, links to links, copies"),
            ([soft, copy, soft, one, two, copy, real], "the same the other way round"),
            ([one, real, one, two, real], "the real one in between"),
            ([os.path.relpath(one, self.dir), "two", real], "relative entries"),
            (["", one, "", two, real], "empty entries"),
            ([".", "one/", "./two//", real], "other spellings"),
        ]

    def test_several_links_on_path_lead_to_the_real_command(self):
        for path, what in self.layouts():
            with self.subTest(what):
                self.assertReal(self.call(*path, cwd=self.dir))

    def test_an_empty_entry_of_path_is_the_working_directory(self):
        one, two = self.installation("one"), self.installation("two")
        real = self.command("real")
        self.assertReal(self.call(one, "", two, cwd=real))
        self.assertReal(self.call("", real, cwd=one))
        self.assertReal(self.call("", two, "", real, cwd=one))

    def test_without_proc_as_well(self):
        harness.needs_tool("unshare")
        layouts = self.layouts()
        # The namespace is made by root; who may have few processes comes after it.
        if os.geteuid() != 0:
            self.skipTest("only root can unmount /proc")
        inside = ["unshare", "--mount", "sh", "-c", 'umount -l /proc && exec "$@"', "sh"]
        if self.run_raw([*inside, "true"]).code != 0:
            self.skipTest("/proc cannot be unmounted here")
        self.bounded = [*inside, *self.bounded]
        for path, what in layouts:
            with self.subTest(what):
                self.assertReal(self.call(*path, cwd=self.dir))

    def test_a_link_that_is_called_by_its_path_begins_at_the_start_of_path(self):
        one, two, real = self.installation("one"), self.installation("two"), self.command("real")
        link = os.path.join(one, "ssh")
        for path in ([real], [two, real], [two, two, real], [one, real], [two, one, real]):
            self.assertReal(self.call(*path, words=(link, "a", "b")))
        # By a name of the caller's choice.
        self.assertReal(self.call(two, real, words=(
            "bash", "-c", 'exec -a ssh "$0" a b', os.path.join(one, "fd2"))))

    def test_where_there_is_no_real_command_each_chain_ends(self):
        one, two = self.installation("one"), self.installation("two")
        for path in ([one], [one, two], [one, two, one, two], ["one", "", two, one]):
            env = dict(self.env, PATH=":".join([*path, "/bin-that-is-not-there"]))
            outcome = self.run_raw([*self.bounded_by_path(), os.path.join(one, "ssh")], env=env,
                                   cwd=self.dir)
            self.assertStatus(outcome, 127)
            self.assertIn(b"no other command of this name", outcome.err)

    def bounded_by_path(self):
        return [shutil.which(self.bounded[0]), self.bounded[1], shutil.which(self.bounded[2]),
                *self.bounded[3:]] if self.bounded else []

    def test_a_script_that_executes_the_link_finds_what_is_behind_itself(self):
        one, real = self.installation("one"), self.command("real")
        script = self.command("script", f'exec {os.path.join(one, "ssh")} "$@"\n')
        self.assertReal(self.call(script, real))
        self.assertReal(self.call(one, script, real))

    def test_scripts_that_call_the_link_again_end_with_both_names(self):
        one, real = self.installation("one"), self.command("real")
        link = os.path.join(one, "ssh")
        for text in (f'{link} "$@"; exit $?\n',            # no exec: fd2 is not its parent's parent
                     f'PATH=$PWD/script:$PATH exec {link} "$@"\n'):  # another PATH each time
            script = self.command("script", text)
            self.assertCycle(self.call(script, real, cwd=self.dir), link,
                             os.path.join(script, "ssh"))

    def test_a_command_may_call_itself_through_the_link_as_often_as_ssh_does(self):
        """ssh does, once a jump host."""
        one = self.installation("one")
        real = self.command("real", 'echo "$1"; [ "$1" = 1 ] || ssh $(($1 - 1)); exit 0\n')
        outcome = self.call(one, real, words=("ssh", "20"))
        self.assertStatus(outcome, 0)
        self.assertEqual(outcome.out.split(), [b"%d" % n for n in range(20, 0, -1)])

    def test_a_variable_that_makes_no_sense_is_none(self):
        one, real = self.installation("one"), self.command("real")
        for value in ("", "x", "1", "1 2 3", "1 2 3 4 5", "-1 0 0 0", "9" * 30 + " 0 0 0",
                      f"{os.getpid()} 0 18446744073709551615 0"):
            self.env["_FD2_LINK"] = value
            self.assertReal(self.call(one, real))


class Making(harness.Case):
    def test_the_first_thing_that_failed_is_shown(self):
        self.write("file", "")
        outcome = self.run_raw([self.fd2, "link", self.path("file", "directory")])
        self.assertStatus(outcome, 1)
        self.assertEqual(outcome.err.decode(), "fd2: link: create directory: "
                         f"{self.path('file', 'directory')}: Not a directory (ENOTDIR)\n")

    def test_a_directory_is_no_name_of_a_command(self):
        for name in (".", "..", "a/b", "fd2x"):
            outcome = self.run_raw([self.fd2, "link", self.path("links"), name])
            self.assertStatus(outcome, 1)
            self.assertEqual(outcome.err.decode(),
                             f"fd2: link: '{name}': not a valid command name\n")

    def test_what_is_in_the_way_is_named(self):
        os.mkdir(self.path("links"))
        self.write(os.path.join("links", "ssh"), "")
        outcome = self.run_raw([self.fd2, "link", self.path("links")])
        self.assertStatus(outcome, 1)
        self.assertIn(b"/links/ssh: File exists (EEXIST); choose another directory", outcome.err)

    def test_links_are_made_and_left_alone_without_proc_too(self):
        harness.needs_tool("unshare")
        inside = ["unshare", "--mount", "sh", "-c", 'umount -l /proc && exec "$@"', "sh"]
        if self.run_raw([*inside, "true"]).code != 0:
            self.skipTest("/proc cannot be unmounted here")
        for prefix in ([], inside):
            shutil.rmtree(self.path("links"), ignore_errors=True)
            for said in (b" -> ", b"already"):
                outcome = self.run_raw([*prefix, self.fd2, "link", self.path("links"), "ssh"])
                self.assertStatus(outcome, 0)
                self.assertIn(said, outcome.out)
            self.assertTrue(os.path.samefile(self.path("links", "ssh"), self.fd2))


class Ssh(harness.SshCase):
    def test_a_proxy_command_goes_through_the_link_again(self):
        self.assertStatus(self.run_raw([self.fd2, "link", self.path("links")]), 0)
        env = dict(self.env, PATH=f"{self.path('links')}:{self.env['PATH']}")
        proxy = f"ssh -F {self.server.config} -W %h:%p {self.host}"
        outcome = self.run_raw(["ssh", "-F", self.server.config, "-o", f"ProxyCommand={proxy}",
                                self.host, "echo through; echo err >&2; exit 5"], env=env,
                               stderr=subprocess.PIPE)
        self.assertStatus(outcome, 5)
        self.assertEqual((outcome.out, outcome.err), (b"through\n", b"err\n"))


if __name__ == "__main__":
    harness.main()
