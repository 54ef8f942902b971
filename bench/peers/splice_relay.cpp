// Peer: splice(2) from stdin to stdout. Nothing is seen, so nothing is kept or counted: what it
// would cost if the kernel did it all.

#include <fcntl.h>

#include "support/process.hpp"

using namespace fd2::bench;

int main() {
    for (;;) {
        const ssize_t moved =
            ::splice(STDIN_FILENO, nullptr, STDOUT_FILENO, nullptr, std::size_t{1} << 20, 0);
        if (moved == 0) return 0;
        if (moved < 0 && errno != EINTR) die("splice");
    }
}
