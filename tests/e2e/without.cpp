// without CALL COMMAND [ARG...]: runs COMMAND where the system call fails with EPERM, as under a
// container's filter. CALL: socketpair, pipe, tcp, eventfd, netlink, pidfd. 77 where that cannot be
// had.
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "support/deny.hpp"

int main(int argc, char** argv) {
    if (argc < 3) return 70;
    const struct {
        const char* name;
        long number;
        int family;
    } calls[] = {
        {"socketpair", SYS_socketpair, -1},  {"pipe", SYS_pipe2, -1},
        {"tcp", SYS_socket, AF_INET},        {"eventfd", SYS_eventfd2, -1},
        {"netlink", SYS_socket, AF_NETLINK}, {"pidfd", SYS_pidfd_open, -1},
    };
    for (const auto& each : calls) {
        if (std::strcmp(argv[1], each.name) != 0) continue;
        if (!deny(each.number, each.family)) return 77;
        execvp(argv[2], argv + 2);
        return 71;
    }
    return 70;
}
