// A TCP connection over 127.0.0.1 as a channel's object. Include from one source file of a plugin.
#pragma once

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loopback_pair.hpp"
#include "sock_diag.linux.hpp"
#include "system_call.linux.hpp"

namespace fd2::plugin {

/// Asks the kernel for bytes in transit, over one netlink socket per instance. [any thread]
struct tcp_questions {
    int sock_diag = -1;  ///< -1 if the kernel refused it; then nothing is known
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    tcp_questions() noexcept : sock_diag(open_sock_diag()) {}
    ~tcp_questions() {
        if (sock_diag >= 0) close(sock_diag);
        (void)pthread_mutex_destroy(&lock);
    }
    tcp_questions(const tcp_questions&) = delete;
    tcp_questions& operator=(const tcp_questions&) = delete;

    std::int64_t ask(const sockaddr_in& local, const sockaddr_in& remote) noexcept {
        if (sock_diag < 0) return -ENOTSUP;
        (void)pthread_mutex_lock(&lock);
        const std::int64_t answer = unacknowledged(sock_diag, local, remote);
        (void)pthread_mutex_unlock(&lock);
        return answer;
    }
};

/// `Owner::questions(const fd2_instance &)` gives the instance's tcp_questions.
template <class Owner>
struct tcp_medium {
    // Not ATOMIC: while a write waits for buffer space, other writes can come in between.
    static constexpr std::uint64_t caps = FD2_CAP_POLLABLE | FD2_CAP_WAKE | FD2_CAP_KEEPS_WRITERS |
                                          FD2_CAP_COMPACT | FD2_CAP_HANDOVER;

    // If bytes were late at all (a loaded softirq), then by at most 5 ms; with Nagle's algorithm,
    // which is off, by 65 ms.
    static constexpr fd2_option_spec settle = {
        sizeof(fd2_option_spec),
        FD2_OPTION_DURATION,
        "settle",
        "if the kernel does not report data in transit: end reading after this long without a byte",
        nullptr,
        nullptr,
        100'000'000,
        1'000'000,
        60'000'000'000,
    };

    /// Bytes that the child's end has not delivered yet. An end that is gone has none.
    static std::int64_t in_flight(const fd2_instance* instance, fd2_native read_end) noexcept {
        sockaddr_in ours{};
        sockaddr_in theirs{};
        if (!addresses(static_cast<int>(read_end), ours, theirs)) {
            return errno == ENOTCONN ? 0 : -errno;
        }
        const std::int64_t answer = Owner::questions(*instance).ask(theirs, ours);
        return answer == -ENOENT ? 0 : answer;
    }
    static constexpr fd2_drain_transit in_transit = {in_flight};

    static bool addresses(int socket, sockaddr_in& ours, sockaddr_in& theirs) noexcept {
        socklen_t size = sizeof(ours);
        if (getsockname(socket, reinterpret_cast<sockaddr*>(&ours), &size) != 0) return false;
        size = sizeof(theirs);
        return getpeername(socket, reinterpret_cast<sockaddr*>(&theirs), &size) == 0;
    }

    static std::int32_t describe(fd2_instance& instance, int read_end, const fd2_options* given,
                                 fd2_drain_spec& spec, fd2_error* error) {
        int domain = 0;
        int type = 0;
        socklen_t size = sizeof(domain);
        if (getsockopt(read_end, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 ||
            getsockopt(read_end, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || domain != AF_INET ||
            type != SOCK_STREAM) {
            return fd2_fail(error, FD2_E_UNSUPPORTED, 0, "adopt", "not a TCP socket");
        }
        spec.medium = FD2_MEDIUM_TCP;
        spec.transit = &in_transit;
        spec.settle_ns = fd2_option_number(given, settle.name, settle.default_number);
        // Our own end does exist. If the kernel does not find it (no tcp_diag, another network
        // namespace), it would report every connection as gone, and so every byte as delivered.
        sockaddr_in ours{};
        sockaddr_in theirs{};
        if (!addresses(read_end, ours, theirs) ||
            Owner::questions(instance).ask(ours, theirs) < 0) {
            spec.flags |= FD2_INFO_SETTLES;
        }
        return make_non_blocking(read_end, error);
    }

    static std::int32_t make(fd2_instance& instance, const fd2_options* given, fd2_drain_spec& spec,
                             fd2_error* error) {
        tcp_ends ends;
        pair_failure failure;
        if (!make_loopback_pair(fd2_drain_clock() + handshake_limit, nullptr, ends, failure)) {
            return fd2_fail(error, fd2_code_of_errno(failure.sys_errno), failure.sys_errno,
                            failure.operation, "127.0.0.1");
        }
        const std::int32_t code = describe(instance, ends.kept, given, spec, error);
        if (code != FD2_OK) {
            close(ends.kept);
            close(ends.child);
            return code;
        }
        int sending = 0;
        int receiving = 0;
        socklen_t size = sizeof(sending);
        if (getsockopt(ends.child, SOL_SOCKET, SO_SNDBUF, &sending, &size) == 0 &&
            getsockopt(ends.kept, SOL_SOCKET, SO_RCVBUF, &receiving, &size) == 0) {
            // Small writes are merged, so as many of their bytes fit as of large ones.
            spec.capacity_bytes = spec.capacity_small_writes =
                static_cast<std::uint64_t>(sending) + static_cast<std::uint64_t>(receiving);
        }
        spec.read_end = ends.kept;
        spec.child_end = ends.child;
        return FD2_OK;
    }
};

}  // namespace fd2::plugin
