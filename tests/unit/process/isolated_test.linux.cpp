#include "process/isolated.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <stdexcept>

#include "support.hpp"

using fd2::errc;
using fd2::millisecond;
using fd2::second;
using fd2::process::largest_answer;
using fd2::process::run_isolated;

namespace {

constexpr fd2::nanoseconds_t long_enough = 60 * second;

fd2::failure why_not(const std::function<std::string()>& work,
                     fd2::nanoseconds_t limit = long_enough) {
    const auto answer = run_isolated(work, limit);
    REQUIRE_FALSE(answer);
    INFO(answer.error().message);
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
    CHECK(errno == ECHILD);
    return answer.error();
}

[[noreturn]] void hang() {
    while (true) ::pause();
}

/// Writable end in others' hands: readable, at end of file, when all of them are gone.
void check_all_gone(process_test::channel& held) {
    held.writing.reset();
    pollfd ended{held.reading.get(), POLLIN, 0};
    REQUIRE(::poll(&ended, 1, 60'000) == 1);
    char byte;
    CHECK(::read(held.reading.get(), &byte, 1) == 0);
}

}  // namespace

TEST_CASE("isolated work gives its answer, whatever bytes it has") {
    const std::string bytes("a\0\xff\n", 4);
    const auto answer = run_isolated([&] { return bytes; }, long_enough);
    REQUIRE(answer);
    CHECK(*answer == bytes);
    const auto empty = run_isolated([] { return std::string(); }, long_enough);
    REQUIRE(empty);
    CHECK(empty->empty());
    const auto large = run_isolated([] { return std::string(largest_answer, 'x'); }, long_enough);
    REQUIRE(large);
    CHECK(large->size() == largest_answer);
    CHECK(why_not([] { return std::string(largest_answer + 1, 'x'); }).code == errc::internal);
}

TEST_CASE("isolated work that crashes is named by its signal") {
    for (const auto& [signal, words] : {std::pair{SIGSEGV, "crashed (SIGSEGV)"},
                                        {SIGABRT, "crashed (SIGABRT)"},
                                        {SIGBUS, "crashed (SIGBUS)"},
                                        {SIGILL, "crashed (SIGILL)"}}) {
        const auto why = why_not([signal = signal]() -> std::string {
            ::raise(signal);
            return "went on";
        });
        CHECK(why.code == errc::internal);
        CHECK(why.message == words);
    }
    // Also where this process does not care about the signal.
    const auto before = ::signal(SIGABRT, SIG_IGN);
    CHECK(why_not([]() -> std::string {
              ::raise(SIGABRT);
              return "went on";
          }).message == "crashed (SIGABRT)");
    ::signal(SIGABRT, before);
}

TEST_CASE("isolated work that ends the process is told from an answer") {
    for (const int code : {0, 3}) {
        const auto why = why_not([code]() -> std::string { ::_exit(code); });
        CHECK(why.code == errc::internal);
        CHECK(why.message == "ended with status " + std::to_string(code) + " before it answered");
    }
    CHECK(why_not([]() -> std::string { throw std::runtime_error("no"); }).sys_errno == ENOMEM);
}

TEST_CASE("isolated work that hangs is ended, stopped or not, with what it has started") {
    for (const bool stopped : {false, true}) {
        process_test::channel held;
        const auto why = why_not(
            [&]() -> std::string {
                if (::fork() == 0) hang();
                if (stopped) ::raise(SIGSTOP);
                hang();
            },
            200 * millisecond);
        CHECK(why.code == errc::timedout);
        CHECK(why.message == "did not answer within 200 ms");
        check_all_gone(held);
    }
}

TEST_CASE("what isolated work has started goes with it, also when it answers or crashes") {
    for (const bool crashes : {false, true}) {
        process_test::channel held;
        const auto answer = run_isolated(
            [&]() -> std::string {
                if (::fork() == 0) hang();
                if (crashes) ::abort();
                return "done";
            },
            long_enough);
        CHECK(static_cast<bool>(answer) != crashes);
        check_all_gone(held);
    }
}

TEST_CASE("isolated work ends with the process that asked for it") {
    process_test::channel held;
    process_test::channel ready;
    const pid_t asking = ::fork();
    REQUIRE(asking >= 0);
    if (asking == 0) {
        (void)run_isolated(
            [&]() -> std::string {
                (void)!::write(ready.writing.get(), "r", 1);
                hang();
            },
            long_enough);
        ::_exit(0);
    }
    char byte;
    REQUIRE(::read(ready.reading.get(), &byte, 1) == 1);
    ::kill(asking, SIGKILL);
    REQUIRE(::waitpid(asking, nullptr, 0) == asking);
    check_all_gone(held);
}

TEST_CASE("isolated work cannot write where we do, and reads nothing of ours") {
    process_test::channel out;
    const int before = ::dup(STDOUT_FILENO);
    REQUIRE(::dup2(out.writing.get(), STDOUT_FILENO) == STDOUT_FILENO);
    const auto answer = run_isolated(
        [] {
            (void)!::write(STDOUT_FILENO, "noise", 5);
            (void)!::write(STDERR_FILENO, "noise", 5);
            std::puts("more");
            std::fflush(stdout);
            char byte;
            return std::to_string(::read(STDIN_FILENO, &byte, 1));
        },
        long_enough);
    ::dup2(before, STDOUT_FILENO);
    ::close(before);
    REQUIRE(answer);
    CHECK(*answer == "0");
    check_all_gone(out);
}

TEST_CASE("isolated work needs no free descriptor") {
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit few{64, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
    std::vector<fd2::unique_fd> all;
    for (int fd; (fd = ::dup(STDIN_FILENO)) >= 0;) all.emplace_back(fd);
    const auto answer = run_isolated([] { return std::string("here"); }, long_enough);
    const auto late = run_isolated([]() -> std::string { hang(); }, 1 * second);
    all.clear();
    ::setrlimit(RLIMIT_NOFILE, &before);
    REQUIRE(answer);
    CHECK(*answer == "here");
    REQUIRE_FALSE(late);
    CHECK(late.error().code == errc::timedout);
}
