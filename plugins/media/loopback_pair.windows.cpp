// It brings windows.h, which by itself would bring the older winsock.h.
#include <winsock2.h>

#include "loopback_pair.hpp"

namespace fd2::plugin {

namespace {

// How many connections of other processes may be queued before ours without delaying it.
constexpr int backlog = 16;

/// A socket that is closed with this object.
struct owned_socket {
    SOCKET socket = INVALID_SOCKET;
    owned_socket() = default;
    owned_socket(const owned_socket&) = delete;
    owned_socket& operator=(const owned_socket&) = delete;
    ~owned_socket() { reset(); }
    void reset() {
        if (socket != INVALID_SOCKET) closesocket(socket);
        socket = INVALID_SOCKET;
    }
    int release() {
        const int released = static_cast<int>(socket);
        socket = INVALID_SOCKET;
        return released;
    }
};

std::int64_t now() {
    LARGE_INTEGER count;
    LARGE_INTEGER frequency;
    (void)QueryPerformanceFrequency(&frequency);
    (void)QueryPerformanceCounter(&count);
    const std::int64_t whole = count.QuadPart / frequency.QuadPart;
    const std::int64_t part = count.QuadPart % frequency.QuadPart;
    return whole * 1'000'000'000 + part * 1'000'000'000 / frequency.QuadPart;
}

sockaddr* generic(sockaddr_in& address) {
    return reinterpret_cast<sockaddr*>(&address);
}

sockaddr_in any_port() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

bool same(const sockaddr_in& left, const sockaddr_in& right) {
    return left.sin_port == right.sin_port && left.sin_addr.s_addr == right.sin_addr.s_addr;
}

bool fail(pair_failure& out, const char* operation, int sys_errno = WSAGetLastError()) {
    out = {operation, sys_errno};
    return false;
}

/// A socket that no child inherits, and whose address nobody else can bind, not even with
/// SO_REUSEADDR, by which Windows lets any process take an address over.
bool make_socket(DWORD flags, owned_socket& out, sockaddr_in& address, pair_failure& failed) {
    out.socket = WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, nullptr, 0,
                            flags | WSA_FLAG_NO_HANDLE_INHERIT);
    if (out.socket == INVALID_SOCKET) return fail(failed, "WSASocket");
    const BOOL yes = TRUE;
    if (setsockopt(out.socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, reinterpret_cast<const char*>(&yes),
                   sizeof(yes)) != 0) {
        return fail(failed, "setsockopt SO_EXCLUSIVEADDRUSE");
    }
    address = any_port();
    if (bind(out.socket, generic(address), sizeof(address)) != 0) return fail(failed, "bind");
    int size = sizeof(address);
    if (getsockname(out.socket, generic(address), &size) != 0) return fail(failed, "getsockname");
    u_long on = 1;
    if (ioctlsocket(out.socket, FIONBIO, &on) != 0) return fail(failed, "ioctlsocket FIONBIO");
    return true;
}

/// Waits until the listener has a connection (`connecting` alone: until that is connected), at most
/// until the deadline. Windows reports a refused connection as an exception.
bool wait_for(SOCKET listener, SOCKET connecting, std::int64_t deadline, pair_failure& failed) {
    for (;;) {
        const std::int64_t left = deadline - now();
        if (left <= 0) return fail(failed, "accept", WSAETIMEDOUT);
        fd_set readable;
        fd_set writable;
        fd_set excepted;
        FD_ZERO(&readable);
        FD_ZERO(&writable);
        FD_ZERO(&excepted);
        if (listener != INVALID_SOCKET) {
            FD_SET(listener, &readable);
        } else {
            FD_SET(connecting, &writable);
        }
        FD_SET(connecting, &excepted);
        const std::int64_t microseconds = (left + 999) / 1000;
        timeval limit{static_cast<long>(microseconds / 1'000'000),
                      static_cast<long>(microseconds % 1'000'000)};
        const int ready = select(0, &readable, &writable, &excepted, &limit);
        if (ready == SOCKET_ERROR) return fail(failed, "select");
        if (ready == 0) continue;
        if (FD_ISSET(connecting, &excepted)) {
            int refused = 0;
            int size = sizeof(refused);
            (void)getsockopt(connecting, SOL_SOCKET, SO_ERROR, reinterpret_cast<char*>(&refused),
                             &size);
            return fail(failed, "connect", refused != 0 ? refused : WSAECONNREFUSED);
        }
        return true;
    }
}

/// Accepts until the peer is `ours`.
bool accept_ours(SOCKET listener, SOCKET connecting, const sockaddr_in& ours, std::int64_t deadline,
                 owned_socket& out, pair_failure& failed) {
    for (;;) {
        sockaddr_in peer{};
        int size = sizeof(peer);
        out.socket = accept(listener, generic(peer), &size);
        if (out.socket != INVALID_SOCKET) {
            // It is inheritable, whatever the listener is.
            if (!SetHandleInformation(reinterpret_cast<HANDLE>(out.socket), HANDLE_FLAG_INHERIT,
                                      0)) {
                return fail(failed, "SetHandleInformation", static_cast<int>(GetLastError()));
            }
            if (size == sizeof(peer) && same(peer, ours)) return true;
            out.reset();
            continue;
        }
        switch (WSAGetLastError()) {
            case WSAEWOULDBLOCK:
                if (!wait_for(listener, connecting, deadline, failed)) return false;
                break;
            case WSAECONNRESET:  // it has gone before we came to accept it
            case WSAECONNABORTED:
            case WSAEINTR:
                break;
            default:
                return fail(failed, "accept");
        }
    }
}

}  // namespace

bool make_loopback_pair(std::int64_t deadline, const pair_watch* watch, tcp_ends& out,
                        pair_failure& failed) noexcept {
    owned_socket listener;
    owned_socket kept;
    owned_socket child;
    sockaddr_in address{};
    sockaddr_in ours{};
    // What it accepts is overlapped if it is. A child writes to its stderr as to a file, and such a
    // write to an overlapped handle, without an OVERLAPPED, does not work.
    if (!make_socket(0, listener, address, failed)) return false;
    if (listen(listener.socket, backlog) != 0) return fail(failed, "listen");
    if (watch != nullptr) watch->listening(watch->ctx, static_cast<int>(listener.socket));

    // Bound first: the address of a socket that is still connecting is not always known.
    if (!make_socket(WSA_FLAG_OVERLAPPED, kept, ours, failed)) return false;
    if (connect(kept.socket, generic(address), sizeof(address)) != 0 &&
        WSAGetLastError() != WSAEWOULDBLOCK) {
        return fail(failed, "connect");
    }
    if (!accept_ours(listener.socket, kept.socket, ours, deadline, child, failed)) return false;
    // Accepted, but our side has to hear of it before it may receive.
    if (!wait_for(INVALID_SOCKET, kept.socket, deadline, failed)) return false;
    listener.reset();

    u_long off = 0;  // it has that of the listener
    if (ioctlsocket(child.socket, FIONBIO, &off) != 0) return fail(failed, "ioctlsocket FIONBIO");
    const BOOL yes = TRUE;
    if (setsockopt(child.socket, IPPROTO_TCP, TCP_NODELAY, reinterpret_cast<const char*>(&yes),
                   sizeof(yes)) != 0) {
        return fail(failed, "setsockopt TCP_NODELAY");
    }
    // A child that reads its stderr sees the end of the file.
    if (shutdown(child.socket, SD_RECEIVE) != 0) return fail(failed, "shutdown");
    // We never send anything, so the reset at our close loses nothing; it keeps the port out of
    // TIME_WAIT.
    const linger at_once{1, 0};
    if (setsockopt(kept.socket, SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&at_once),
                   sizeof(at_once)) != 0) {
        return fail(failed, "setsockopt SO_LINGER");
    }
    out = {kept.release(), child.release()};
    return true;
}

}  // namespace fd2::plugin
