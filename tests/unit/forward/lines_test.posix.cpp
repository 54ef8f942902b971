// Mode `lines`.
#include <limits.h>

#include "unit/forward/support.posix.hpp"

using namespace forward_test;

TEST_CASE("lines go out whole, each behind the prefix") {
    const ends p = make_pipe();
    forwarder f(p.ours.get(), shaped_as(forward_mode::lines, "> "));
    const auto s = f.open({});
    give(*s, "one\ntwo\nthr");
    CHECK(read_now(p.theirs.get()) == "> one\n> two\n");
    CHECK(s->counts().forwarded == 8);
    CHECK(s->counts().queued == 3);
    give(*s, "ee\n\n");
    CHECK(read_now(p.theirs.get()) == "> three\n> \n");
    CHECK(s->flush(now() + hang));
    CHECK(s->counts().forwarded == 15);
}

TEST_CASE("lines without a prefix are the child's bytes") {
    const ends p = make_pipe();
    forwarder f(p.ours.get(), shaped_as(forward_mode::lines));
    const auto s = f.open({});
    give(*s, "one\ntw");
    CHECK(read_now(p.theirs.get()) == "one\n");
    give(*s, "o\nthree\n");
    CHECK(read_now(p.theirs.get()) == "two\nthree\n");
    CHECK(s->flush(now() + hang));
}

TEST_CASE("an unfinished line goes out after a silence, and its rest without a second prefix") {
    const ends p = make_pipe();
    forwarder f(p.ours.get(), shaped_as(forward_mode::lines, "> "));
    const auto s = f.open({});
    give(*s, "Password: ");
    CHECK(read_exactly(p.theirs.get(), 12) == "> Password: ");
    give(*s, "ok\nnext\n");
    CHECK(read_exactly(p.theirs.get(), 10) == "ok\n> next\n");
    give(*s, "again: ");
    CHECK(read_exactly(p.theirs.get(), 9) == "> again: ");
}

TEST_CASE("an unfinished line goes out at finishing, a later one at the flush") {
    const ends p = make_pipe();
    forwarder f(p.ours.get(), shaped_as(forward_mode::lines, "> "));
    const auto s = f.open({});
    give(*s, "half");
    s->finishing();
    CHECK(read_now(p.theirs.get()) == "> half");
    give(*s, " and\nlast");
    CHECK(s->flush(now() + hang));
    CHECK(read_now(p.theirs.get()) == " and\n> last");
    CHECK(s->counts().forwarded == 13);
}

TEST_CASE("a line longer than 64 KiB is cut without a second prefix") {
    const ends p = make_sockets(SOCK_STREAM);
    forwarder f(p.ours.get(), shaped_as(forward_mode::lines, "> "));
    const auto s = f.open({});
    const std::string text = std::string(150000, 'x') + "\n";
    for (std::size_t at = 0; at < text.size(); at += 10000) {
        give(*s, std::string_view(text).substr(at, 10000));
        CHECK(s->counts().queued < max_line + 10000);
    }
    CHECK(read_exactly(p.theirs.get(), text.size() + 2) == "> " + text);
    give(*s, "next\n");
    CHECK(read_exactly(p.theirs.get(), 7) == "> next\n");
}

TEST_CASE("on a pipe, a line of at most PIPE_BUF bytes is never cut by another writer") {
    const ends p = make_pipe();
    const std::string before = fill(p.ours.get());
    forwarder f(p.ours.get(), shaped_as(forward_mode::lines, "> "));
    const auto s = f.open({});
    // One free page at a time: a write of several lines would be cut in the middle of one.
    std::string chunk;
    for (int i = 0; i < 20; ++i) chunk += std::string(700, static_cast<char>('a' + i)) + "\n";
    give(*s, chunk);
    give(*s, chunk);
    std::string got = read_exactly(p.theirs.get(), before.size()).substr(before.size());
    const unique_fd other(fcntl(p.ours.get(), F_DUPFD_CLOEXEC, 0));
    const std::size_t ours = 2 * 20 * 703;
    std::size_t others = 0;
    while (got.size() < ours + others) {
        pollfd one{other.get(), POLLOUT, 0};
        if (poll(&one, 1, 0) == 1) {
            REQUIRE(write(other.get(), "other\n", 6) == 6);
            others += 6;
        }
        const std::string more = read_exactly(p.theirs.get(), 1);
        REQUIRE(!more.empty());
        got += more + read_now(p.theirs.get(), 4095);
    }
    std::size_t bad = 0;
    for (std::size_t at = 0; at < got.size();) {
        const std::size_t end = got.find('\n', at);
        REQUIRE(end != std::string::npos);
        const std::string line = got.substr(at, end - at);
        at = end + 1;
        if (line == "other") continue;
        if (line.size() != 702 || line.find_first_not_of(line[2], 2) != std::string::npos) ++bad;
    }
    CHECK(bad == 0);
}

TEST_CASE("lines that do not fit are dropped whole") {
    const ends p = make_pipe();
    const std::string before = fill(p.ours.get());
    options chosen = shaped_as(forward_mode::lines, "> ");
    chosen.blocked = blocked_policy::drop;
    chosen.buffer = 1000;
    forwarder f(p.ours.get(), chosen);
    const auto s = f.open({});
    std::string text;
    for (int i = 0; i < 30; ++i) text += std::string(99, 'x') + "\n";
    give(*s, text);
    CHECK(adds_up(*s));
    const counters c = s->counts();
    CHECK(c.dropped > 0);
    CHECK(c.queued > 0);
    const std::string got = read_exactly(p.theirs.get(), before.size() + 8 * 102);
    CHECK(s->flush(now() + hang) == false);
    CHECK(s->counts().forwarded == 800);
    CHECK(got.size() == before.size() + 8 * 102);
    CHECK(got.back() == '\n');
    give(*s, "next\n");
    CHECK(read_exactly(p.theirs.get(), 7) == "> next\n");
}
