// Syslog over the local datagram socket, without syslog(3).
//
// Boost.Log's syslog backend calls syslog(3), or sends UDP to a port where usually nobody listens.
// A syslog daemon that does not read blocks syslog(3) for ever, with the default queue after some
// ten messages. This sends the same datagrams within a bound.
#pragma once

#include <fd2/observer.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"

namespace fd2::logging {

/// "<PRI>Mmm dd hh:mm:ss fd2[PID]: ", in local time.
std::string syslog_head(severity level, std::int64_t time);

/// [the log thread alone]
class syslog_socket {
  public:
    /// Called when the socket would block: true once it may be tried again.
    using waiter = std::function<bool(int fd)>;

    explicit syslog_socket(std::string path) : path_(std::move(path)) {}

    /// Connects if necessary, and again if the daemon was restarted. Returns 0 or an
    /// errno; the message is then lost.
    int send(std::string_view datagram, const waiter& wait);

    const std::string& path() const noexcept { return path_; }

  private:
    int connect();

    std::string path_;
    unique_fd fd_;
};

}  // namespace fd2::logging
