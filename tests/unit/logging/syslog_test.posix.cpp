// Syslog, against real datagram sockets of our own.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "base/unique_fd.hpp"
#include "unit/logging/support.hpp"

using namespace logging_test;
using fd2::severity;

namespace {

fd2::unique_fd listen_at(const std::string& path) {
    fd2::unique_fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof name.sun_path);
    std::memcpy(name.sun_path, path.data(), path.size());
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
    return fd;
}

/// The next datagram; waits for it, but not for ever.
std::string receive(const fd2::unique_fd& fd) {
    pollfd ready{fd.get(), POLLIN, 0};
    REQUIRE(::poll(&ready, 1, 60'000) == 1);
    std::string out(16 << 10, '\0');
    const ssize_t n = ::recv(fd.get(), out.data(), out.size(), 0);
    REQUIRE(n >= 0);
    out.resize(static_cast<std::size_t>(n));
    return out;
}

log_options with_syslog(const std::string& path, console& tty) {
    log_options options;
    options.report = tty.reader();
    options.syslog = path;
    return options;
}

}  // namespace

TEST_CASE("syslog gets priority, time, ident, pid and one safe line") {
    const scratch dir;
    const auto daemon = listen_at(dir / "socket");
    console tty;
    const auto log = open_log(with_syslog(dir / "socket", tty));
    say(*log, severity::debug, "below the level");
    log->on_event({severity::warning, "two\nlines", "pipe", 3, 42});
    const std::string first = receive(daemon);
    INFO(first);
    int priority = 0, day = 0, hour = 0, minute = 0, second = 0, pid = 0, end = 0;
    char month[4] = "";
    REQUIRE(std::sscanf(first.c_str(), "<%d>%3s %2d %2d:%2d:%2d fd2[%d]: %n", &priority, month,
                        &day, &hour, &minute, &second, &pid, &end) == 7);
    CHECK(priority == 12);  // user, warning
    CHECK(std::string("JanFebMarAprMayJunJulAugSepOctNovDec").find(month) % 3 == 0);
    CHECK(first.find(' ') == 7);
    CHECK(first[10] == ' ');  // the day is two wide
    CHECK(pid == ::getpid());
    CHECK(first.substr(static_cast<std::size_t>(end)) ==
          "warning: two\\nlines (channel 3, backend pipe, pid 42)");
    say(*log, severity::info, "plain");
    CHECK(receive(daemon).ends_with("]: info: plain"));
    log->on_event({severity::error, std::string(20'000, 'x')});
    CHECK(receive(daemon).size() == 8192);
}

TEST_CASE("a restarted syslog daemon is found again") {
    const scratch dir;
    console tty;
    auto daemon = listen_at(dir / "socket");
    const auto log = open_log(with_syslog(dir / "socket", tty));
    say(*log, severity::info, "one");
    CHECK(receive(daemon).ends_with("one"));
    daemon.reset();
    REQUIRE(::unlink((dir / "socket").c_str()) == 0);
    daemon = listen_at(dir / "socket");
    say(*log, severity::info, "two");
    CHECK(receive(daemon).ends_with("two"));
    CHECK(tty.lines().empty());
}

TEST_CASE("without a syslog daemon the console says so once and the rest goes on") {
    const scratch dir;
    console tty;
    log_options options = with_syslog(dir / "nobody", tty);
    options.file = dir / "log";
    {
        const auto log = open_log(options);
        for (int i = 0; i < 10; ++i) say(*log, severity::info, "x");
    }
    CHECK(tty.count("syslog: " + dir / "nobody") == 1);
    CHECK(tty.lines().size() == 1);
    CHECK(records(options.file).size() == 11);
}

TEST_CASE("a syslog daemon that does not read costs records, never time without a bound") {
    const scratch dir;
    const auto daemon = listen_at(dir / "socket");
    console tty;
    log_options options = with_syslog(dir / "socket", tty);
    options.file = dir / "log";
    constexpr std::uint64_t sent = 5000;
    {
        const auto log = open_log(options);
        for (std::uint64_t i = 0; i < sent; ++i) say(*log, severity::info, "x");
    }
    CHECK(tty.count("syslog: ") == 1);
    std::size_t kept = 0;
    for (const json& record : records(options.file)) kept += record["message"] == "x";
    CHECK(kept == sent);
}
