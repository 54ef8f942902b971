// Two connected TCP sockets on 127.0.0.1, made the way a platform without socketpair has to.
#pragma once

#include <cstdint>

namespace fd2::plugin {

/// Both close-on-exec; the caller owns them.
struct tcp_ends {
    int kept = -1;   ///< the connecting end, non-blocking; its close resets the connection
    int child = -1;  ///< the accepted end, blocking
};

/// What failed: a system call's name and its errno.
struct pair_failure {
    const char* operation = nullptr;
    int sys_errno = 0;
};

/// Called between listen and connect with the listening socket, where a stranger could slip in. For
/// tests; NULL otherwise.
struct pair_watch {
    void (*listening)(void* ctx, int listener);
    void* ctx;
};

/// What a handshake may take, in nanoseconds. Loopback needs microseconds; a second tells that
/// something (a packet filter, a stranger's flood of connections) swallows it.
constexpr std::int64_t handshake_limit = 1'000'000'000;

/// Makes the pair, or says what failed and leaves nothing behind: ETIMEDOUT of "accept" when
/// `deadline` (CLOCK_MONOTONIC, ns) passed. The address is exclusive, the listener gone on return.
/// A connection that is not ours is dropped and the wait goes on.
bool make_loopback_pair(std::int64_t deadline, const pair_watch* watch, tcp_ends& out,
                        pair_failure& failed) noexcept;

}  // namespace fd2::plugin
