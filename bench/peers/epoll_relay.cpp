// Peer: an event loop by hand. Waits with epoll, reads until the object is empty, keeps, counts and
// forwards each chunk. stdin to stdout.

#include <fcntl.h>
#include <sys/epoll.h>

#include "peers/relay_work.hpp"
#include "support/process.hpp"

using namespace fd2::bench;

int main() {
    static char chunk[chunk_size];
    static relay_record record;
    const int loop = ::epoll_create1(EPOLL_CLOEXEC);
    if (loop < 0) die("epoll_create1");
    if (::fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) != 0) die("fcntl");
    epoll_event interest{};
    interest.events = EPOLLIN;
    if (::epoll_ctl(loop, EPOLL_CTL_ADD, STDIN_FILENO, &interest) != 0) die("epoll_ctl");
    for (;;) {
        epoll_event ready{};
        if (::epoll_wait(loop, &ready, 1, -1) < 0) {
            if (errno == EINTR) continue;
            die("epoll_wait");
        }
        for (;;) {
            const ssize_t got = read_some(STDIN_FILENO, chunk, sizeof(chunk));
            if (got == 0) return 0;
            if (got < 0) {
                if (errno == EAGAIN) break;
                die("read");
            }
            record.take(chunk, static_cast<std::size_t>(got));
            if (!write_all(STDOUT_FILENO, chunk, static_cast<std::size_t>(got))) die("write");
        }
    }
}
