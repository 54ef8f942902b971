// A command to its end in one call, and what a child may have as stdin and stdout.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "library/support.hpp"

using namespace library_test;
using fd2::exit_status;
using fd2::stdio;

namespace {

std::string pattern(std::size_t size) {
    std::string out(size, 'x');
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 7 + i / 251);
    return out;
}

}  // namespace

TEST_CASE("a run gives input, takes both outputs and the status") {
    const test_host host({"surface=never"});
    auto command = shell("cat; echo to the side >&2; exit 7");
    const auto got = fd2::run(host, command, {.input = "over\n"});
    CHECK(got.out == "over\n");
    CHECK(got.err.bytes == "to the side\n");
    CHECK(got.report.status == exit_status::exited(7));
    CHECK_FALSE(got.success());
    CHECK_FALSE(got.timed_out);
    CHECK_FALSE(has_children());
    // Nothing is the zero value of everything.
    auto quiet = shell("cat");
    const auto none = fd2::run(host, quiet);
    CHECK(none.success());
    CHECK(none.out.empty());
}

TEST_CASE("a run carries more than the pipes hold, in all directions at once") {
    const test_host host({"surface=never", "forward.mode=off", "capture.tail=4MiB"});
    auto command = fd2::ssh_command::from_argv({"cat"});
    const std::string sent = pattern(3000000);
    const auto got = fd2::run(host, command, {.input = sent});
    CHECK(got.success());
    CHECK(got.out == sent);
    CHECK(got.out_dropped == 0);
    auto both = shell(
        "awk 'BEGIN { for (i = 0; i < 40000; ++i) { print i, \"to the one\"; "
        "print i, \"to the other\" >\"/dev/stderr\" } }'");
    auto loud = fd2::run(host, both.backend("pipe"));
    CHECK(loud.success());
    CHECK(loud.err.total_lines == 40000);
    CHECK(std::count(loud.out.begin(), loud.out.end(), '\n') == 40000);
}

TEST_CASE("a child that does not read its input, or closes it, is no failure of the run") {
    const test_host host({"surface=never"});
    const std::string much = pattern(1000000);
    for (const char* script :
         {"exit 3", "exec <&-; echo there; exit 3", "head -c 5 >/dev/null; exit 3"}) {
        auto command = shell(script);
        const auto got = fd2::run(host, command, {.input = much});
        CHECK(got.report.status == exit_status::exited(3));
    }
}

TEST_CASE("a run ends with the child, whoever else holds its outputs") {
    for (const char* linger : {"finish.linger=25ms", "finish.linger=0ms"}) {
        const test_host host({"surface=never", "forward.mode=off", linger});
        const gate held;
        // The one in the background has stdout and stderr until the gate opens.
        const std::string all(60000, 'y');
        auto command = shell("(cat </proc/self/fd/" + std::to_string(held.inner()) +
                             ") </dev/null & head -c 60000 /dev/zero | tr '\\0' y; echo err >&2");
        const auto got = fd2::run(host, command);
        CHECK(got.success());
        CHECK(got.out == all);
        CHECK(got.err.bytes == "err\n");
    }
}

TEST_CASE("a run that takes too long is stopped by the command's actions") {
    const test_host host({"surface=never"});
    auto command = shell("echo begun; trap 'kill $!; echo bye; exit 9' TERM; sleep 1000 & wait");
    command.stop({{fd2::stop::terminate, std::chrono::seconds(60)}, {}, {}});
    const auto got = fd2::run(host, command, {.timeout = std::chrono::milliseconds(300)});
    CHECK(got.timed_out);
    CHECK_FALSE(got.success());
    // Where the machine is slow the signal came before the trap.
    const bool trapped = got.report.status == exit_status::exited(9);
    CHECK((trapped || got.report.status == exit_status::signalled(SIGTERM, false)));
    if (trapped) CHECK(got.out == "begun\nbye\n");
    // Without actions: SIGKILL.
    auto stubborn = shell("trap '' TERM; exec sleep 1000");
    const auto killed = fd2::run(host, stubborn, {.timeout = std::chrono::milliseconds(1)});
    CHECK(killed.timed_out);
    CHECK(killed.report.status == exit_status::signalled(SIGKILL, false));
    // Actions that do not end it are followed by SIGKILL, and what it said is not lost.
    auto deaf = shell("trap '' TERM; echo out; echo err >&2; exec sleep 1000");
    deaf.stop({{fd2::stop::terminate, std::chrono::milliseconds(1)}, {}, {}});
    auto begun = deaf.subscribe();
    const auto late = fd2::run(host, deaf, {.timeout = std::chrono::milliseconds(500)});
    CHECK(late.timed_out);
    CHECK(late.report.status.how() == exit_status::kind::signalled);
    if (begun.poll()) {  // else the machine was slow, and it was killed before it said a word
        CHECK(late.err.bytes == "err\n");
        CHECK(late.out == "out\n");
    }
    CHECK_FALSE(has_children());
    // A time that has passed already is no missing limit.
    const auto passed = fd2::run(host, stubborn, {.timeout = std::chrono::milliseconds(-5)});
    CHECK(passed.timed_out);
}

TEST_CASE("a run keeps no more than it was told to, and counts the rest") {
    const test_host host({"surface=never"});
    auto command = shell("head -c 1000000 /dev/zero");
    const auto got = fd2::run(host, command, {.out_limit = 1000});
    CHECK(got.success());
    CHECK(got.out == std::string(1000, '\0'));
    CHECK(got.out_dropped == 999000);
}

TEST_CASE("a run whose command cannot be is an error, and leaves nothing") {
    const test_host host;
    std::error_code failed;
    std::string why;
    auto absent = fd2::ssh_command::from_argv({"/nowhere/ssh"});
    CHECK_FALSE(fd2::run(host, absent, {}, failed, &why));
    CHECK(failed == std::errc::no_such_file_or_directory);
    CHECK(why.find("/nowhere/ssh") != why.npos);
    CHECK_THROWS_AS(fd2::run(host, absent), fd2::error);
    auto silent = shell("cat").standard_input(stdio::null());
    CHECK_FALSE(fd2::run(host, silent, {.input = "x"}, failed));
    CHECK(failed == fd2::errc::invalid);
}

TEST_CASE("stdin and stdout are each a pipe, null, inherited or a descriptor") {
    const test_host host;
    test_pipe given;
    SECTION("null") {
        auto command = shell(
            "in=$(readlink /proc/$$/fd/0); out=$(readlink /proc/$$/fd/1); echo $in $out >&2; cat; "
            "echo lost");
        command.standard_input(stdio::null()).standard_output(stdio::null());
        auto child = fd2::spawn(host, command);
        CHECK_FALSE(child.in().is_open());
        CHECK_FALSE(child.out().is_open());
        std::error_code failed;
        child.in().write("x", failed);
        CHECK(failed == std::errc::bad_file_descriptor);
        CHECK(child.wait_with_stderr().second.bytes == "/dev/null /dev/null\n");
    }
    SECTION("a descriptor, which stays ours") {
        auto command = shell("cat; echo back");
        REQUIRE(::write(given.write_end(), "from a pipe\n", 12) == 12);
        const test_pipe back;
        command.standard_input(stdio::fd(given.read_end()))
            .standard_output(stdio::fd(back.write_end()));
        auto child = fd2::spawn(host, command);
        given.close_write();
        CHECK(child.wait().success());
        CHECK(back.take() == "from a pipe\nback\n");
        CHECK(::fcntl(back.write_end(), F_GETFD) == FD_CLOEXEC);
        CHECK(::fcntl(given.read_end(), F_GETFD) == FD_CLOEXEC);
    }
    SECTION("inherited, also where ours is close-on-exec") {
        struct stat ours {};
        REQUIRE(::fstat(0, &ours) == 0);
        const int flags = ::fcntl(0, F_GETFD);
        REQUIRE(::fcntl(0, F_SETFD, flags | FD_CLOEXEC) == 0);
        auto command = shell("stat -L -c %i /proc/self/fd/0");
        command.standard_input(stdio::inherit());
        const auto got = fd2::run(host, command);
        REQUIRE(::fcntl(0, F_SETFD, flags) == 0);
        CHECK(got.out == std::to_string(ours.st_ino) + "\n");
    }
    SECTION("a descriptor that is not open is named, before anything starts") {
        auto command = shell("exit 0").standard_output(stdio::fd(9999));
        std::error_code failed;
        std::string why;
        CHECK_FALSE(fd2::spawn(host, command, failed, &why));
        CHECK(failed == std::errc::bad_file_descriptor);
        CHECK(why.find("stdout") != why.npos);
        CHECK(why.find("9999") != why.npos);
        command.standard_output(stdio::fd(-2));
        CHECK_FALSE(fd2::spawn(host, command, failed, &why));
        CHECK(failed == fd2::errc::invalid);
    }
}
