#include <sstream>
#include <thread>

#include "library/support.hpp"

using namespace library_test;

TEST_CASE("writing to a child that reads no more is an error and no signal") {
    const test_host host({"surface=never"});
    auto command = shell("exec 0<&-; echo closed; read x <&1");
    auto child = fd2::spawn(host, command);
    char c = 0;
    while (c != '\n') REQUIRE(child.out().read_some(&c, 1) == 1);
    std::error_code failed;
    CHECK(child.in().write("nobody reads this", failed) == 0);
    CHECK(failed == std::errc::broken_pipe);
    CHECK_THROWS_AS(child.in().write("nor this"), fd2::error);
    sigset_t blocked;
    REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &blocked) == 0);
    CHECK(::sigismember(&blocked, SIGPIPE) == 0);
    child.kill(SIGKILL);
    child.wait();
}

TEST_CASE("the wire carries more than a pipe holds, both ways at once") {
    const test_host host;
    auto command = fd2::ssh_command::from_argv({"cat"});
    auto [child, in, out] = fd2::spawn(host, command).split();
    std::string sent(3000000, 'x');
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 7 + i / 251);
    std::thread writer([&in = in, &sent] {
        in.write(sent);
        in.close();
    });
    const std::string got = out.read_all();
    writer.join();
    CHECK(got == sent);
    CHECK(child.wait().success());
}

TEST_CASE("the child has its three descriptors and no others of ours") {
    const test_host host;
    auto command = shell("for fd in /proc/self/fd/*; do echo ${fd##*/} $(readlink $fd); done");
    auto child = fd2::spawn(host, command);
    std::istringstream listed(child.out().read_all());
    int fd = 0;
    std::string object;
    while (listed >> fd && std::getline(listed, object)) {
        if (fd == 0 || fd == 1) CHECK(object.find("pipe:") != object.npos);
        if (fd == 2) CHECK(object.find("socket:") != object.npos);
        if (fd <= 2) continue;
        // The shell's own, or one that whoever started the tests left open for everybody.
        char ours[256] = {};
        const std::string link = "/proc/self/fd/" + std::to_string(fd);
        const bool same = ::readlink(link.c_str(), ours, sizeof(ours) - 1) > 0 &&
                          object == std::string(" ") + ours;
        CHECK((!same || ::fcntl(fd, F_GETFD) == 0));
    }
    child.wait();
}

TEST_CASE("a closed end of the wire stays closed and answers with an error") {
    const test_host host;
    auto command = fd2::ssh_command::from_argv({"cat"});
    auto child = fd2::spawn(host, command);
    child.in().close();
    child.in().close();
    CHECK_FALSE(child.in().is_open());
    std::error_code failed;
    child.in().write("x", failed);
    CHECK(failed == std::errc::bad_file_descriptor);
    CHECK(child.out().read_all().empty());
    CHECK(child.wait().success());
}
