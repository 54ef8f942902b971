#include <fd2/exit_status.hpp>

#include <cerrno>
#include <csignal>

#include "base/signal_set.hpp"
#include "support/catch.hpp"

using fd2::exit_status;

TEST_CASE("a status says how the child ended and nothing else") {
    constexpr auto exited = fd2::exit_status::exited(23);
    CHECK(exited.code() == 23);
    CHECK(exited.signal() == 0);
    CHECK(exited.lost_errno() == 0);
    CHECK_FALSE(exited.success());
    CHECK(fd2::exit_status::exited(0).success());

    constexpr auto killed = fd2::exit_status::signalled(SIGSEGV, true);
    CHECK(killed.code() == -1);
    CHECK(killed.signal() == SIGSEGV);
    CHECK(killed.core());
    CHECK_FALSE(killed == fd2::exit_status::signalled(SIGSEGV, false));
    CHECK_FALSE(fd2::exit_status::lost(0).success());
    CHECK(fd2::exit_status::lost(ECHILD).lost_errno() == ECHILD);
}

TEST_CASE("a status has a text that no locale changes") {
    CHECK(fd2::text_of(fd2::exit_status::exited(23)) == "status 23");
    CHECK(fd2::text_of(fd2::exit_status::signalled(SIGKILL, false)) == "signal SIGKILL");
    CHECK(fd2::text_of(fd2::exit_status::signalled(SIGABRT, true)) == "signal SIGABRT");
    CHECK(fd2::text_of(fd2::exit_status::lost(ECHILD)) == "unknown status (ECHILD)");
}

TEST_CASE("every signal has a name or a number") {
    using fd2::signal_name;
    CHECK(signal_name(SIGTERM) == "SIGTERM");
    CHECK(signal_name(SIGRTMIN) == "SIGRTMIN");
    CHECK(signal_name(SIGRTMIN + 3) == "SIGRTMIN+3");
    CHECK(signal_name(SIGRTMAX) == "SIGRTMIN+30");
    CHECK(signal_name(32) == "32");
    CHECK(signal_name(0) == "0");
    CHECK(signal_name(4711) == "4711");
}

TEST_CASE("the reference's mapping of a status") {
    CHECK(fd2::reference_code(fd2::exit_status::exited(0)) == 0);
    for (const int code : {1, 12, 126, 127, 255}) {
        CHECK(fd2::reference_code(fd2::exit_status::exited(code)) == code);
    }
    CHECK(fd2::reference_code(fd2::exit_status::signalled(SIGKILL, false)) == 16);
    CHECK(fd2::reference_code(fd2::exit_status::signalled(SIGSEGV, true)) == 15);
    CHECK(fd2::reference_code(fd2::exit_status::lost(ECHILD)) == 21);
}

TEST_CASE("a shell's view of a status") {
    CHECK(fd2::shell_code(fd2::exit_status::exited(7)) == 7);
    CHECK(fd2::shell_code(fd2::exit_status::signalled(SIGTERM, false)) == 143);
    CHECK(fd2::shell_code(fd2::exit_status::lost(ECHILD)) == 125);
}
