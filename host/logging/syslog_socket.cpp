#include "logging/syslog_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/clock.hpp"

namespace fd2::logging {
namespace {

constexpr std::size_t longest_message = 8192;  // what rsyslog takes by default; journald takes more

int priority(severity level) noexcept {
    switch (level) {
        case severity::trace:
        case severity::debug:
            return LOG_DEBUG;
        case severity::info:
            return LOG_INFO;
        case severity::warning:
            return LOG_WARNING;
        case severity::error:
            return LOG_ERR;
    }
    return LOG_NOTICE;
}

}  // namespace

syslog_socket::syslog_socket(std::string path, std::string ident, syslog_facility facility)
    : path_(std::move(path)),
      ident_(std::move(ident)),
      facility_(facility == syslog_facility::daemon ? LOG_DAEMON : LOG_USER) {}

int syslog_socket::connect() {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (path_.size() >= sizeof to.sun_path) return ENAMETOOLONG;
    std::memcpy(to.sun_path, path_.data(), path_.size());
    unique_fd fresh(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fresh) return errno;
    if (::connect(fresh.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        return errno;
    }
    fd_ = std::move(fresh);
    return 0;
}

int syslog_socket::send(severity level, std::int64_t realtime_ns, std::string_view text,
                        const waiter& wait) {
    // The C locale's names whatever the program's locale is.
    constexpr std::array<const char*, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const time_t seconds = static_cast<time_t>(realtime_ns / second);
    tm local{};
    if (!::localtime_r(&seconds, &local)) local = {};
    std::array<char, 64> when{};
    std::snprintf(when.data(), when.size(), "<%d>%s %2d %02d:%02d:%02d ",
                  facility_ | priority(level), months[static_cast<std::size_t>(local.tm_mon)],
                  local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec);
    std::string message = when.data();
    message += ident_ + '[' + std::to_string(::getpid()) + "]: ";
    message += text;
    if (message.size() > longest_message) message.resize(longest_message);

    bool fresh = false;
    for (;;) {
        if (!fd_) {
            fresh = true;
            if (const int error = connect(); error != 0) return error;
        }
        if (::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL) >= 0) return 0;
        const int error = errno;
        if (error == EINTR) continue;
        if (error == EAGAIN || error == ENOBUFS) {
            if (wait(fd_.get())) continue;
            return EAGAIN;
        }
        fd_.reset();
        if (fresh) return error;  // a new connection failed as well
    }
}

}  // namespace fd2::logging
