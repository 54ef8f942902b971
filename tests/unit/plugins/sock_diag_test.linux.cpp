// What the kernel tells of a connection's sender.
#include "media/sock_diag.linux.hpp"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <vector>

#include "base/clock.hpp"
#include "media/loopback_pair.hpp"
#include "tcp.hpp"

namespace {

struct connection {
    fd2::unique_fd kept;
    fd2::unique_fd child;

    connection() {
        fd2::plugin::tcp_ends ends;
        fd2::plugin::pair_failure failed;
        REQUIRE(fd2::plugin::make_loopback_pair(fd2::after(fd2::now(), 60 * fd2::second), nullptr,
                                                ends, failed));
        kept.reset(ends.kept);
        child.reset(ends.child);
    }
};

}  // namespace

TEST_CASE("the sender's queue is told without its descriptor, also after its close") {
    const fd2::unique_fd diag(fd2::plugin::open_sock_diag());
    REQUIRE(diag);
    CHECK(::fcntl(diag.get(), F_GETFD) == FD_CLOEXEC);
    connection pair;
    const auto ours = local_of(pair.kept.get());
    const auto theirs = local_of(pair.child.get());
    CHECK(fd2::plugin::unacknowledged(diag.get(), theirs, ours) == 0);

    // More than the receiver takes: the rest waits at the sender's.
    REQUIRE(::fcntl(pair.child.get(), F_SETFL, O_NONBLOCK) == 0);
    const std::vector<char> block(65536, 'x');
    while (::write(pair.child.get(), block.data(), block.size()) > 0) {
    }
    int queued = 0;
    REQUIRE(::ioctl(pair.child.get(), SIOCOUTQ, &queued) == 0);
    CHECK(queued > 0);
    CHECK(fd2::plugin::unacknowledged(diag.get(), theirs, ours) == queued);
    pair.child.reset();
    CHECK(fd2::plugin::unacknowledged(diag.get(), theirs, ours) >= queued);
}

TEST_CASE("a connection that is not there is ENOENT, a refusal its errno") {
    const fd2::unique_fd diag(fd2::plugin::open_sock_diag());
    REQUIRE(diag);
    sockaddr_in nowhere{};
    nowhere.sin_family = AF_INET;
    nowhere.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    nowhere.sin_port = htons(1);
    CHECK(fd2::plugin::unacknowledged(diag.get(), nowhere, nowhere) == -ENOENT);
    CHECK(fd2::plugin::unacknowledged(-1, nowhere, nowhere) == -EBADF);
}
