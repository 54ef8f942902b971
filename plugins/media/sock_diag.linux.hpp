// Asks the kernel about TCP connections, through NETLINK_SOCK_DIAG.
#pragma once

#include <netinet/in.h>

#include <cstdint>

namespace fd2::plugin {

/// A netlink socket, close-on-exec; -1 and errno if the kernel refuses it.
int open_sock_diag() noexcept;

/// Bytes in the send queue (not sent, or sent and not acknowledged) of the socket at `local` in
/// this network namespace; -errno if the kernel does not tell, -ENOENT if the connection is gone or
/// the kernel has no tcp_diag. Linux queues the answer before send returns, so this never waits.
/// One caller at a time per netlink socket.
std::int64_t unacknowledged(int sock_diag, const sockaddr_in& local,
                            const sockaddr_in& remote) noexcept;

}  // namespace fd2::plugin
