#include "logging/syslog_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/clock.hpp"

namespace fd2::logging {

std::string syslog_head(severity level, std::int64_t time) {
    // The C locale's names whatever ours is.
    constexpr std::array<const char*, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    constexpr std::array<int, 5> priorities = {LOG_DEBUG, LOG_DEBUG, LOG_INFO, LOG_WARNING,
                                               LOG_ERR};
    const time_t seconds = static_cast<time_t>(time / second);
    tm local{};
    if (!::localtime_r(&seconds, &local)) local = {};
    std::array<char, 80> head{};
    std::snprintf(head.data(), head.size(), "<%d>%s %2d %02d:%02d:%02d fd2[%d]: ",
                  LOG_USER | priorities[static_cast<std::size_t>(level)],
                  months[static_cast<std::size_t>(local.tm_mon)], local.tm_mday, local.tm_hour,
                  local.tm_min, local.tm_sec, static_cast<int>(::getpid()));
    return head.data();
}

int syslog_socket::connect() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path) return ENAMETOOLONG;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    unique_fd fresh(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fresh) return errno;
    if (::connect(fresh.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return errno;
    }
    fd_ = std::move(fresh);
    return 0;
}

int syslog_socket::send(std::string_view datagram, const waiter& wait) {
    constexpr std::size_t longest = 8192;  // what rsyslog takes by default; journald takes more
    datagram = datagram.substr(0, longest);
    bool fresh = false;
    for (;;) {
        if (!fd_) {
            fresh = true;
            if (const int error = connect(); error != 0) return error;
        }
        if (::send(fd_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL) >= 0) return 0;
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
