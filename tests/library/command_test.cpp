#include "library/support.hpp"

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
