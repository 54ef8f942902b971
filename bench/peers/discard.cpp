// No relay: reads its stdin to the end and drops it. What this comes to is the limit of every relay
// over the same kind of object.

#include <vector>

#include "support/process.hpp"

int main() {
    std::vector<char> buffer(std::size_t{256} << 10);
    ssize_t got;
    do {
        got = fd2::bench::read_some(STDIN_FILENO, buffer.data(), buffer.size());
    } while (got > 0);
    if (got < 0) fd2::bench::die("read");
}
