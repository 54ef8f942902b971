#include "logging/syslog_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace fd2::logging {

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
