// The TCP pair, and each safeguard of its handshake.
#include "media/loopback_pair.hpp"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <functional>
#include <vector>

#include "base/clock.hpp"
#include "tcp.hpp"

using fd2::plugin::make_loopback_pair;

namespace {

/// What happens between listen and connect.
struct seam {
    std::function<void(int listener)> then;

    static void listening(void* ctx, int listener) { static_cast<seam*>(ctx)->then(listener); }
    fd2::plugin::pair_watch watch() { return {listening, this}; }
};

struct made {
    bool good = false;
    fd2::unique_fd kept;
    fd2::unique_fd child;
    fd2::plugin::pair_failure failed;
};

made make(
    fd2::nanoseconds_t limit, std::function<void(int)> then = [](int) {}) {
    seam between{std::move(then)};
    const auto watch = between.watch();
    fd2::plugin::tcp_ends ends;
    made out;
    out.good = make_loopback_pair(fd2::after(fd2::now(), limit), &watch, ends, out.failed);
    out.kept.reset(ends.kept);
    out.child.reset(ends.child);
    return out;
}

constexpr fd2::nanoseconds_t plenty = 60 * fd2::second;

/// What the pair must be whatever happened before.
void check_ours(const made& pair, std::uint16_t port) {
    REQUIRE(pair.good);
    const auto ours = local_of(pair.kept.get());
    const auto theirs = local_of(pair.child.get());
    CHECK(theirs.sin_port == port);  // the accepted end is the child's
    CHECK(remote_of(pair.kept.get()).sin_port == theirs.sin_port);
    CHECK(remote_of(pair.child.get()).sin_port == ours.sin_port);
    REQUIRE(::write(pair.child.get(), "word", 4) == 4);
    pollfd readable{pair.kept.get(), POLLIN, 0};
    REQUIRE(::poll(&readable, 1, 60000) == 1);
    char got[8];
    CHECK(::read(pair.kept.get(), got, sizeof(got)) == 4);
}

}  // namespace

TEST_CASE("the pair carries from the accepted end to the connecting one") {
    std::uint16_t port = 0;
    const auto pair = make(plenty, [&](int listener) { port = local_of(listener).sin_port; });
    check_ours(pair, port);
    CHECK(integer_option(pair.child.get(), IPPROTO_TCP, TCP_NODELAY) != 0);
    CHECK((::fcntl(pair.kept.get(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(pair.child.get(), F_GETFL) & O_NONBLOCK) == 0);
    CHECK(::fcntl(pair.kept.get(), F_GETFD) == FD_CLOEXEC);
    CHECK(::fcntl(pair.child.get(), F_GETFD) == FD_CLOEXEC);
    char unused;
    CHECK(::read(pair.child.get(), &unused, 1) == 0);  // a child that reads its fd 2
}

TEST_CASE("it listens on 127.0.0.1 alone") {
    make(plenty, [&](int listener) {
        const auto address = local_of(listener);
        CHECK(address.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
        CHECK((::fcntl(listener, F_GETFD) & FD_CLOEXEC) != 0);
    });
}

TEST_CASE("nobody else can bind its address") {
    make(plenty, [&](int listener) {
        auto address = local_of(listener);
        const fd2::unique_fd thief(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const int on = 1;
        REQUIRE(::setsockopt(thief.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
        REQUIRE(::setsockopt(thief.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0);
        CHECK(::bind(thief.get(), generic(address), sizeof(address)) == -1);
        CHECK(errno == EADDRINUSE);
        CHECK(integer_option(listener, SOL_SOCKET, SO_REUSEADDR) == 0);
    });
}

TEST_CASE("a stranger's connection is dropped and the wait goes on") {
    for (const int count : {1, 5}) {
        std::vector<fd2::unique_fd> strangers;
        std::uint16_t port = 0;
        const auto pair = make(plenty, [&](int listener) {
            const auto address = local_of(listener);
            port = address.sin_port;
            for (int i = 0; i < count; ++i) strangers.push_back(connecting_to(address));
        });
        INFO(count << " strangers");
        check_ours(pair, port);
        for (const auto& stranger : strangers) {
            CHECK(local_of(stranger.get()).sin_port != remote_of(pair.child.get()).sin_port);
            pollfd closed{stranger.get(), POLLIN, 0};
            CHECK(::poll(&closed, 1, 60000) == 1);
            char unused;
            CHECK(::read(stranger.get(), &unused, 1) <= 0);
        }
    }
}

TEST_CASE("a handshake that does not come about ends at its limit and leaves nothing") {
    // Strangers fill the queue of the listener, which drops what comes after.
    const int before = ::dup(0);
    ::close(before);
    std::vector<fd2::unique_fd> strangers;
    const auto begun = fd2::now();
    const auto pair = make(50 * fd2::millisecond, [&](int listener) {
        for (int i = 0; i < 40; ++i) strangers.push_back(connecting_to(local_of(listener)));
    });
    CHECK_FALSE(pair.good);
    CHECK(std::string(pair.failed.operation) == "accept");
    CHECK(pair.failed.sys_errno == ETIMEDOUT);
    CHECK(fd2::now() - begun >= 50 * fd2::millisecond);
    strangers.clear();
    const int after = ::dup(0);
    ::close(after);
    CHECK(after == before);
}

TEST_CASE("a refused connection is told at once") {
    const auto pair = make(plenty, [&](int listener) { (void)::shutdown(listener, SHUT_RDWR); });
    CHECK_FALSE(pair.good);
    CHECK(pair.failed.sys_errno != ETIMEDOUT);
}

TEST_CASE("the listener is gone when the pair is there") {
    sockaddr_in address{};
    const auto pair = make(plenty, [&](int listener) { address = local_of(listener); });
    REQUIRE(pair.good);
    const fd2::unique_fd late(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    CHECK(::connect(late.get(), generic(address), sizeof(address)) == -1);
    CHECK(errno == ECONNREFUSED);
}
