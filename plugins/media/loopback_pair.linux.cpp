#include "loopback_pair.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

namespace fd2::plugin {

namespace {

// How many connections of other processes may be queued before ours without delaying it.
constexpr int backlog = 16;

/// A descriptor that is closed with this object; errno is left alone.
struct owned_fd {
    int fd = -1;
    owned_fd() = default;
    owned_fd(const owned_fd&) = delete;
    owned_fd& operator=(const owned_fd&) = delete;
    ~owned_fd() { reset(); }
    void reset() {
        const int kept_errno = errno;
        if (fd >= 0) close(fd);
        fd = -1;
        errno = kept_errno;
    }
    int release() {
        const int released = fd;
        fd = -1;
        return released;
    }
};

std::int64_t now() {
    timespec ts{};
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return std::int64_t{ts.tv_sec} * 1'000'000'000 + ts.tv_nsec;
}

sockaddr* generic(sockaddr_in& address) {
    return reinterpret_cast<sockaddr*>(&address);
}

bool same(const sockaddr_in& left, const sockaddr_in& right) {
    return left.sin_port == right.sin_port && left.sin_addr.s_addr == right.sin_addr.s_addr;
}

bool fail(pair_failure& out, const char* operation, int sys_errno = errno) {
    out = {operation, sys_errno};
    return false;
}

/// Waits until a connection can be accepted, at most until the deadline.
bool wait_for(int listener, int connecting, std::int64_t deadline, pair_failure& failed) {
    for (;;) {
        const std::int64_t left = deadline - now();
        if (left <= 0) return fail(failed, "accept", ETIMEDOUT);
        const timespec limit{static_cast<time_t>(left / 1'000'000'000),
                             static_cast<long>(left % 1'000'000'000)};
        // The connecting end is watched for errors only: a refusal must not take the whole limit.
        pollfd waiting[2] = {{listener, POLLIN, 0}, {connecting, 0, 0}};
        const int ready = ppoll(waiting, 2, &limit, nullptr);
        if (ready < 0 && errno != EINTR) return fail(failed, "ppoll");
        if (ready <= 0) continue;
        if ((waiting[1].revents & POLLERR) != 0) {
            int refused = 0;
            socklen_t size = sizeof(refused);
            (void)getsockopt(connecting, SOL_SOCKET, SO_ERROR, &refused, &size);
            return fail(failed, "connect", refused != 0 ? refused : EIO);
        }
        if (waiting[0].revents != 0) return true;
    }
}

/// Accepts until the peer is `ours`.
bool accept_ours(int listener, int connecting, const sockaddr_in& ours, std::int64_t deadline,
                 owned_fd& out, pair_failure& failed) {
    for (;;) {
        sockaddr_in peer{};
        socklen_t size = sizeof(peer);
        out.fd = accept4(listener, generic(peer), &size, SOCK_CLOEXEC);
        if (out.fd >= 0) {
            if (size == sizeof(peer) && same(peer, ours)) return true;
            out.reset();
        } else if (errno == EAGAIN) {
            if (!wait_for(listener, connecting, deadline, failed)) return false;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return fail(failed, "accept");
        }
    }
}

}  // namespace

bool make_loopback_pair(std::int64_t deadline, const pair_watch* watch, tcp_ends& out,
                        pair_failure& failed) noexcept {
    constexpr int kind = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    owned_fd listener;
    owned_fd kept;
    owned_fd child;
    listener.fd = socket(AF_INET, kind, 0);
    if (listener.fd < 0) return fail(failed, "socket");
    // No SO_REUSEADDR, no SO_REUSEPORT: no one else can bind the address that the kernel picks.
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (bind(listener.fd, generic(address), size) != 0) return fail(failed, "bind");
    if (listen(listener.fd, backlog) != 0) return fail(failed, "listen");
    if (getsockname(listener.fd, generic(address), &size) != 0) return fail(failed, "getsockname");
    if (watch != nullptr) watch->listening(watch->ctx, listener.fd);

    kept.fd = socket(AF_INET, kind, 0);
    if (kept.fd < 0) return fail(failed, "socket");
    if (connect(kept.fd, generic(address), size) != 0 && errno != EINPROGRESS && errno != EINTR) {
        return fail(failed, "connect");
    }
    sockaddr_in ours{};
    size = sizeof(ours);
    if (getsockname(kept.fd, generic(ours), &size) != 0) return fail(failed, "getsockname");
    if (!accept_ours(listener.fd, kept.fd, ours, deadline, child, failed)) return false;
    listener.reset();

    const int yes = 1;
    if (setsockopt(child.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) != 0) {
        return fail(failed, "setsockopt TCP_NODELAY");
    }
    // A child that reads its fd 2 sees the end of the file. Shut on the child's side: a FIN from
    // ours would make us the one that closes first, and leave a TIME_WAIT for each channel.
    if (shutdown(child.fd, SHUT_RD) != 0) return fail(failed, "shutdown");
    // We never send anything, so the reset at our close loses nothing; it keeps the port out of
    // TIME_WAIT.
    const linger at_once{1, 0};
    if (setsockopt(kept.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) != 0) {
        return fail(failed, "setsockopt SO_LINGER");
    }
    out = {kept.release(), child.release()};
    return true;
}

}  // namespace fd2::plugin
