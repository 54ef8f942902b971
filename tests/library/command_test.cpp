#include "library/support.hpp"

#include <sys/stat.h>

#include "support/scratch.hpp"

using namespace library_test;
using words = std::vector<std::string>;

TEST_CASE("an ssh command puts its parts where ssh expects them") {
    fd2::ssh_command command("backup");
    command.option("BatchMode=yes").argument("-4").port(2222).user("me").remote({"ls", "-l"});
    CHECK(command.argv() ==
          words{"ssh", "-o", "BatchMode=yes", "-4", "-p", "2222", "-l", "me", "backup", "ls -l"});
    CHECK(fd2::ssh_command("backup").argv() == words{"ssh", "backup"});
    CHECK(fd2::ssh_command("h").program({"lsh", "-x"}).argv() == words{"lsh", "-x", "h"});
    CHECK(fd2::ssh_command("h").remote_line("a | b").argv() == words{"ssh", "h", "a | b"});
}

TEST_CASE("a POSIX shell reads quoted words back as they were") {
    const test_host host;
    const words hard = {"",      "plain-1.2/x:y@z", "two words", "it's",  "$HOME `id` \\ \"",
                        "a\nb",  "~root",           "*",         "-rf",   "caf\xC3\xA9 \xFF",
                        "a=b#c", "{a,b}",           "!history",  "\ttab", "%s%n"};
    std::string line = "printf '%s\\0'";
    for (const auto& word : hard) line += " " + fd2::quoted_for_shell(word);
    auto command = shell(line);
    auto child = fd2::spawn(host, command);
    std::string expected;
    for (const auto& word : hard) expected += word + '\0';
    CHECK(child.out().read_all() == expected);
    CHECK(child.wait().success());
    CHECK(fd2::quoted_for_shell("plain-1.2/x") == "plain-1.2/x");
}

TEST_CASE("what cannot be right is refused before anything starts") {
    const test_host host;
    std::vector<fd2::ssh_command> wrong;
    wrong.emplace_back("");
    wrong.emplace_back("-oProxyCommand=touch /tmp/x");
    wrong.emplace_back("h");
    wrong.back().port(65536);
    wrong.emplace_back("h");
    wrong.back().port(0);
    wrong.emplace_back(std::string("h\0x", 3));
    wrong.push_back(fd2::ssh_command::from_argv({}));
    wrong.push_back(fd2::ssh_command::from_argv({""}));
    wrong.push_back(fd2::ssh_command::from_argv({"cat"}).user("me"));
    wrong.push_back(shell("exit 0").environment({"NAME"}));
    wrong.push_back(shell("exit 0").environment({"=value"}));
    wrong.push_back(shell("exit 0").env("", "value"));
    wrong.push_back(shell("exit 0").env("A=B", "value"));
    wrong.push_back(shell("exit 0").env("A", std::string("b\0c", 3)));
    wrong.push_back(shell("exit 0").env_remove("A=B"));
    for (auto& command : wrong) {
        std::error_code failed;
        CHECK_FALSE(fd2::spawn(host, command, failed));
        CHECK(failed == fd2::errc::invalid);
        CHECK_THROWS_AS(fd2::spawn(host, command), fd2::error);
    }
}

TEST_CASE("a command takes a directory and an environment along, and can be spawned again") {
    const test_host host;
    auto command = shell("pwd; echo \"$GREETING $HOME\"");
    command.working_directory("/usr").environment({"GREETING=hello"});
    for (int i = 0; i < 2; ++i) {
        auto child = fd2::spawn(host, command);
        CHECK(child.out().read_all() == "/usr\nhello \n");
        CHECK(child.wait().success());
    }
}

TEST_CASE("one variable is set or removed, and the last word on a name counts") {
    const test_host host({"surface=never"});
    REQUIRE(::setenv("FD2_TEST_A", "ours", 1) == 0);
    REQUIRE(::setenv("FD2_TEST_AB", "stays", 1) == 0);
    const std::string print = "echo ${FD2_TEST_A-none} ${FD2_TEST_AB-none} ${FD2_TEST_B-none}";
    const auto said = [&](fd2::ssh_command command) { return fd2::run(host, command).out; };
    CHECK(said(shell(print)) == "ours stays none\n");
    CHECK(said(shell(print).env("FD2_TEST_A", "a = b").env("FD2_TEST_B", "")) == "a = b stays\n");
    CHECK(said(shell(print).env_remove("FD2_TEST_A")) == "none stays none\n");
    CHECK(
        said(shell(print).env("FD2_TEST_A", "1").env_remove("FD2_TEST_A").env("FD2_TEST_A", "2")) ==
        "2 stays none\n");
    // On top of an environment of its own.
    CHECK(said(shell(print)
                   .env("FD2_TEST_B", "b")
                   .environment({"FD2_TEST_A=a", "PATH=/usr/bin:/bin"})) == "a none b\n");
    // Taken at the spawn, and nothing of ours is changed.
    auto later = shell(print).env("FD2_TEST_B", "b");
    REQUIRE(::setenv("FD2_TEST_A", "new", 1) == 0);
    CHECK(said(later) == "new stays b\n");
    CHECK(::getenv("FD2_TEST_B") == nullptr);
    REQUIRE(::unsetenv("FD2_TEST_A") == 0);
    REQUIRE(::unsetenv("FD2_TEST_AB") == 0);
}

TEST_CASE("the program is searched in our PATH, or in the child's where that is wanted") {
    using fd2::ssh_command;
    const test_host host({"surface=never"});
    const scratch directory;
    const std::string file = directory.write("fd2-test-program", "#!/bin/sh\necho found\n");
    REQUIRE(::chmod(file.c_str(), 0755) == 0);
    auto command = ssh_command::from_argv({"fd2-test-program"});
    command.env("PATH", directory.path());
    std::error_code failed;
    CHECK_FALSE(fd2::run(host, command, {}, failed));
    CHECK(failed == std::errc::no_such_file_or_directory);
    command.search_path(ssh_command::path_of::child);
    CHECK(fd2::run(host, command).out == "found\n");
    // An environment without PATH: the system's default list.
    auto plain = ssh_command::from_argv({"sh", "-c", "echo plain"});
    plain.environment({"A=b"}).search_path(ssh_command::path_of::child);
    CHECK(fd2::run(host, plain).out == "plain\n");
}
