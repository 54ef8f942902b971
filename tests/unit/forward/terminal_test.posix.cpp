// Our own stderr is a terminal.
#include <pty.h>
#include <sched.h>
#include <termios.h>

#include <thread>

#include "unit/forward/support.posix.hpp"

using namespace forward_test;

namespace {

/// A raw pty: `ours` is the terminal, `theirs` the side of whoever looks at it.
ends make_pty() {
    int master = -1;
    int slave = -1;
    termios raw{};
    cfmakeraw(&raw);
    raw.c_iflag |= IXON;
    raw.c_cc[VSTOP] = 19;
    raw.c_cc[VSTART] = 17;
    REQUIRE(openpty(&master, &slave, nullptr, &raw, nullptr) == 0);
    ends out{unique_fd(slave), unique_fd(master)};
    REQUIRE(fcntl(master, F_SETFL, O_NONBLOCK) == 0);
    REQUIRE(fcntl(master, F_SETFD, FD_CLOEXEC) == 0);
    REQUIRE(fcntl(slave, F_SETFD, FD_CLOEXEC) == 0);
    return out;
}

}  // namespace

TEST_CASE("a terminal is written through a description of our own") {
    const ends p = make_pty();
    const flags_stay same(p.ours.get());
    forwarder f(p.ours.get(), {});
    CHECK(f.writer_name() == "reopened");
    const auto s = f.open({});
    CHECK(give(*s, "one\n") == flow::more);
    CHECK(read_exactly(p.theirs.get(), 4) == "one\n");
}

TEST_CASE("a terminal stopped by Ctrl-S pauses the child for as long as it takes") {
    const ends p = make_pty();
    const flags_stay same(p.ours.get());
    options chosen;
    chosen.stall = nanosecond;  // must not matter while the child runs
    forwarder f(p.ours.get(), chosen);
    calls r;
    const auto s = f.open(r.call());
    const bool typed = GENERATE(true, false);
    if (typed) {
        REQUIRE(write(p.theirs.get(), "\x13", 1) == 1);  // Ctrl-S
        // The kernel hands typed characters to the line discipline when it finds the time.
        const nanoseconds_t limit = now() + hang;
        pollfd one{p.ours.get(), POLLOUT, 0};
        while (poll(&one, 1, 0) == 1 && now() < limit) sched_yield();
    } else {
        REQUIRE(tcflow(p.ours.get(), TCOOFF) == 0);
    }
    REQUIRE(give(*s, "held\n") == flow::pause);
    CHECK(s->counts().queued == 5);
    CHECK(r.count() == 0);
    if (typed) {
        REQUIRE(write(p.theirs.get(), "\x11", 1) == 1);  // Ctrl-Q
    } else {
        REQUIRE(tcflow(p.ours.get(), TCOON) == 0);
    }
    CHECK(r.wait(1));
    CHECK(read_exactly(p.theirs.get(), 5) == "held\n");
    CHECK(s->flush(now() + hang));
    CHECK(s->counts().dropped == 0);
}

TEST_CASE("once the child has exited, a stopped terminal is waited for no longer than the limit") {
    const ends p = make_pty();
    const flags_stay same(p.ours.get());
    options chosen;
    chosen.stall = 50 * millisecond;
    forwarder f(p.ours.get(), chosen);
    calls r;
    const auto s = f.open(r.call());
    REQUIRE(tcflow(p.ours.get(), TCOOFF) == 0);
    REQUIRE(give(*s, "held\n") == flow::pause);
    s->finishing();
    CHECK(r.wait(1));
    CHECK(give(*s, "last\n") == flow::more);
    CHECK_FALSE(s->flush(now() + hang));
    CHECK(s->counts().dropped == 10);
    REQUIRE(tcflow(p.ours.get(), TCOON) == 0);
}

TEST_CASE("a large output reaches a terminal complete and in order") {
    const ends p = make_pty();
    forwarder f(p.ours.get(), {});
    calls r;
    const auto s = f.open(r.call());
    std::string text;
    for (int i = 0; text.size() < 500000; ++i) text += std::to_string(i) + "\n";
    std::string got;
    std::thread reader([&] { got = read_exactly(p.theirs.get(), text.size()); });
    int pauses = 0;
    for (std::size_t at = 0; at < text.size(); at += 20000) {
        if (give(*s, std::string_view(text).substr(at, 20000)) == flow::pause) {
            REQUIRE(r.wait(++pauses));
        }
    }
    CHECK(s->flush(now() + hang));
    reader.join();
    CHECK(got == text);
}

TEST_CASE("a terminal that hangs up ends forwarding with EIO") {
    ends p = make_pty();
    forwarder f(p.ours.get(), {});
    const auto s = f.open({});
    p.theirs.reset();
    give(*s, "lost\n");
    CHECK(f.failed() == EIO);
    CHECK(s->counts().dropped == 5);
}

TEST_CASE("the master side of a pty is not opened anew") {
    const ends p = make_pty();
    forwarder f(p.theirs.get(), {});
    CHECK(f.writer_name() == "terminal");
    const auto s = f.open({});
    give(*s, "typed");
    CHECK(s->flush(now() + hang));
    std::string got(5, '\0');
    CHECK(read(p.ours.get(), got.data(), 5) == 5);
    CHECK(got == "typed");
}
