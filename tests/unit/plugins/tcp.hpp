// Sockets of the tests' own.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/unique_fd.hpp"
#include "support/catch.hpp"

inline sockaddr* generic(sockaddr_in& address) {
    return reinterpret_cast<sockaddr*>(&address);
}

inline sockaddr_in local_of(int socket) {
    sockaddr_in address{};
    socklen_t size = sizeof(address);
    REQUIRE(::getsockname(socket, generic(address), &size) == 0);
    return address;
}

inline sockaddr_in remote_of(int socket) {
    sockaddr_in address{};
    socklen_t size = sizeof(address);
    REQUIRE(::getpeername(socket, generic(address), &size) == 0);
    return address;
}

/// A socket that connects without waiting.
inline fd2::unique_fd connecting_to(sockaddr_in address) {
    fd2::unique_fd made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    REQUIRE(made);
    const int done = ::connect(made.get(), generic(address), sizeof(address));
    REQUIRE((done == 0 || errno == EINPROGRESS));
    return made;
}

inline int integer_option(int socket, int level, int option) {
    int value = -1;
    socklen_t size = sizeof(value);
    REQUIRE(::getsockopt(socket, level, option, &value, &size) == 0);
    return value;
}
