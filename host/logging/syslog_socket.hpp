// Syslog over the local datagram socket, without syslog(3).
//
// Boost.Log's native syslog backend calls openlog(3) and syslog(3). Those are the process's: the
// first caller's ident and facility hold for everybody, an embedding program included, and a
// syslog daemon that does not read blocks the caller for ever (with the default queue after some
// ten messages). This sends the same datagrams, on a descriptor of its own, within a bound.
#pragma once

#include <fd2/observer.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"
#include "logging/log_options.hpp"

namespace fd2::logging {

/// [the log thread alone]
class syslog_socket {
  public:
    /// Called when the socket would block: true once it may be tried again.
    using waiter = std::function<bool(int fd)>;

    /// Opens nothing yet: the first message connects.
    syslog_socket(std::string path, std::string ident, syslog_facility facility);

    /// Sends one message, as "<PRI>Mmm dd hh:mm:ss IDENT[PID]: TEXT" in local time (RFC 3164, as
    /// syslog(3) does). Connects, and once more where the daemon was restarted. Returns 0 or an
    /// errno; the message is then lost.
    int send(severity level, std::int64_t realtime_ns, std::string_view text, const waiter& wait);

    const std::string& path() const noexcept { return path_; }

  private:
    int connect();

    std::string path_;
    std::string ident_;
    int facility_;
    unique_fd fd_;
};

}  // namespace fd2::logging
