// Two connected TCP sockets on 127.0.0.1, made the way a platform without socketpair has to.
#pragma once

#include <cstdint>

namespace fd2::plugin {

/// Both close-on-exec (on Windows: not inheritable); the caller owns them.
struct tcp_ends {
    int kept = -1;   ///< the connecting end, non-blocking; its close resets the connection
    int child = -1;  ///< the accepted end, blocking; on Windows not overlapped, as a child expects
};

/// What failed: a system call's name and its errno (on Windows: what WSAGetLastError says).
struct pair_failure {
    const char* operation = nullptr;
    int sys_errno = 0;
};

/// For tests: called with the listening socket between listen and connect, when another process
/// could connect first.
struct pair_watch {
    void (*listening)(void* ctx, int listener);
    void* ctx;
};

/// How long a handshake may take, in nanoseconds. Loopback needs microseconds; after a second
/// something prevents it: a packet filter, or a flood of other connections.
constexpr std::int64_t handshake_limit = 1'000'000'000;

/// Makes the pair, or fills `failed` and leaves nothing behind: ETIMEDOUT of "accept" after
/// `deadline` (CLOCK_MONOTONIC, ns). The address is exclusive, and the listener is closed on
/// return. A connection that is not ours is dropped, and the wait goes on. `watch` may be NULL.
/// On Windows the host has called WSAStartup, and the deadline is of QueryPerformanceCounter.
bool make_loopback_pair(std::int64_t deadline, const pair_watch* watch, tcp_ends& out,
                        pair_failure& failed) noexcept;

}  // namespace fd2::plugin
