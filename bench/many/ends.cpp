#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fcntl.h>

#include "many/receiver.hpp"

namespace fd2::bench {

namespace {

void check(int answer, const char* what) {
    if (answer < 0) throw refused(std::string(what) + ": " + std::strerror(errno));
}

/// Plain, for a measurement: nobody else connects here.
std::pair<unique_fd, unique_fd> tcp_ends() {
    constexpr int kind = SOCK_STREAM | SOCK_CLOEXEC;
    const unique_fd listener(::socket(AF_INET, kind, 0));
    unique_fd kept(::socket(AF_INET, kind, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const name = reinterpret_cast<sockaddr*>(&at);
    socklen_t size = sizeof(at);
    check(::bind(listener.get(), name, size), "bind");
    check(::listen(listener.get(), 1), "listen");
    check(::getsockname(listener.get(), name, &size), "getsockname");
    check(::connect(kept.get(), name, size), "connect");
    unique_fd child(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    check(child.get(), "accept");
    const int yes = 1;
    check(::setsockopt(child.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)), "TCP_NODELAY");
    const linger at_once{1, 0};  // or thousands of ports stay in TIME_WAIT
    check(::setsockopt(kept.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), "SO_LINGER");
    return {std::move(kept), std::move(child)};
}

}  // namespace

std::pair<unique_fd, unique_fd> make_ends(std::string_view medium) {
    if (medium == "tcp") return tcp_ends();
    int ends[2];
    if (medium == "pipe") {
        check(::pipe2(ends, O_CLOEXEC), "pipe");
    } else {
        check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
    }
    return {unique_fd(ends[0]), unique_fd(ends[1])};
}

}  // namespace fd2::bench
