// What the kernel tells about TCP connections through NETLINK_SOCK_DIAG.
#pragma once

#include <netinet/in.h>

#include <cstdint>

namespace fd2::plugin {

/// A netlink socket, close-on-exec; -1 and errno where there is none.
int open_sock_diag() noexcept;

/// Bytes in the sender's queue (sent and not acknowledged, or not sent) of the connection that lies
/// at `local` in this network namespace; -errno where the kernel does not tell, -ENOENT for a
/// connection that is gone and in a kernel without tcp_diag. Linux queues the answer before send
/// returns, so this never waits. One caller at a time for one socket.
std::int64_t unacknowledged(int sock_diag, const sockaddr_in& local,
                            const sockaddr_in& remote) noexcept;

}  // namespace fd2::plugin
