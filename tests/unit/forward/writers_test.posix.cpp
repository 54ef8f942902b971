// How each kind of object is written.
#include <sys/un.h>

#include "unit/forward/support.posix.hpp"

using namespace forward_test;

TEST_CASE("a pipe is written through a description of our own") {
    const ends p = make_pipe();
    const flags_stay same(p.ours.get());
    forwarder f(p.ours.get(), {});
    CHECK(f.writer_name() == "reopened");
    const auto s = f.open({});
    CHECK(give(*s, "one\n") == flow::more);
    CHECK(read_now(p.theirs.get()) == "one\n");
    CHECK(s->counts().forwarded == 4);
    CHECK(s->flush(now() + hang));
    CHECK(f.failed() == 0);
}

TEST_CASE("a FIFO is written through a description of our own") {
    scratch dir;
    const std::string name = dir / "fifo";
    REQUIRE(mkfifo(name.c_str(), 0600) == 0);
    const unique_fd theirs(open(name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    const unique_fd ours(open(name.c_str(), O_WRONLY | O_CLOEXEC));
    REQUIRE(ours);
    const flags_stay same(ours.get());
    forwarder f(ours.get(), {});
    CHECK(f.writer_name() == "reopened");
    const auto s = f.open({});
    give(*s, "one\n");
    CHECK(read_now(theirs.get()) == "one\n");
}

TEST_CASE("a full FIFO and a full pipe take the rest as soon as they are read") {
    const ends p = make_pipe();
    const flags_stay same(p.ours.get());
    const std::string before = fill(p.ours.get());
    forwarder f(p.ours.get(), {});
    const auto s = f.open({});
    CHECK(give(*s, "late\n") == flow::more);
    CHECK(s->counts().queued == 5);
    CHECK(read_exactly(p.theirs.get(), before.size() + 5) == before + "late\n");
    CHECK(s->flush(now() + hang));
    CHECK(s->counts().forwarded == 5);
}

TEST_CASE("a pipe that somebody made non-blocking and filled loses nothing") {
    const ends p = make_pipe();
    REQUIRE(fcntl(p.ours.get(), F_SETFL, O_NONBLOCK) == 0);
    const flags_stay same(p.ours.get());
    const std::string before = fill(p.ours.get());
    forwarder f(p.ours.get(), {});
    const auto s = f.open({});
    const std::string text = pattern(200000);
    for (std::size_t at = 0; at < text.size(); at += 50000) {
        give(*s, std::string_view(text).substr(at, 50000));
    }
    CHECK(read_exactly(p.theirs.get(), before.size() + text.size()) == before + text);
    CHECK(s->flush(now() + hang));
    CHECK(s->counts().dropped == 0);
}

TEST_CASE("a stream socket is written without blocking and without touching its flags") {
    const ends p = make_sockets(SOCK_STREAM);
    const flags_stay same(p.ours.get());
    forwarder f(p.ours.get(), {});
    CHECK(f.writer_name() == "socket");
    const auto s = f.open({});
    const std::string text = pattern(700000);  // more than the socket holds: the queue is used
    for (std::size_t at = 0; at < text.size(); at += 50000) {
        give(*s, std::string_view(text).substr(at, 50000));
    }
    CHECK(s->counts().queued > 0);
    CHECK(read_exactly(p.theirs.get(), text.size()) == text);
    CHECK(s->flush(now() + hang));
}

TEST_CASE("a chunk costs exactly one write while nothing is queued") {
    const ends p = make_sockets(SOCK_SEQPACKET);  // keeps the boundaries of writes
    forwarder f(p.ours.get(), {});
    const auto s = f.open({});
    for (const std::size_t size : {1U, 80U, 4096U, 65536U}) {
        const std::string chunk = pattern(size);
        give(*s, chunk);
        std::string got(100000, '\0');
        const ssize_t n = recv(p.theirs.get(), got.data(), got.size(), 0);
        CHECK(n == static_cast<ssize_t>(size));
        CHECK(recv(p.theirs.get(), got.data(), got.size(), 0) < 0);
    }
}

TEST_CASE("a chunk too large for one datagram goes out in several") {
    const ends p = make_sockets(SOCK_DGRAM);
    const int small = 8192;
    REQUIRE(setsockopt(p.ours.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
    forwarder f(p.ours.get(), {});
    const auto s = f.open({});
    const std::string text = pattern(60000);
    give(*s, text);
    CHECK(read_exactly(p.theirs.get(), text.size()) == text);
    CHECK(s->flush(now() + hang));
    CHECK(f.failed() == 0);
}

TEST_CASE("a file shared with another writer is not overwritten") {
    scratch dir;
    const std::string name = dir / "file";
    const int extra = GENERATE(0, O_APPEND);
    const unique_fd ours(open(name.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | extra, 0600));
    REQUIRE(ours);
    const flags_stay same(ours.get());
    const unique_fd other(dup(ours.get()));  // as a shell's 2>file leaves it to several commands
    REQUIRE(write(other.get(), "before\n", 7) == 7);
    forwarder f(ours.get(), {});
    CHECK(f.writer_name() == "plain");
    const auto s = f.open({});
    give(*s, "one\n");
    REQUIRE(write(other.get(), "between\n", 8) == 8);
    give(*s, "two\n");
    std::string got(100, '\0');
    got.resize(static_cast<std::size_t>(pread(ours.get(), got.data(), got.size(), 0)));
    CHECK(got == "before\none\nbetween\ntwo\n");
}

TEST_CASE("two appending descriptions of one file keep each other's bytes") {
    scratch dir;
    const std::string name = dir / "file";
    const int flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC;
    const unique_fd ours(open(name.c_str(), flags, 0600));
    const unique_fd other(open(name.c_str(), flags, 0600));
    forwarder f(ours.get(), {});
    const auto s = f.open({});
    REQUIRE(write(other.get(), "a\n", 2) == 2);
    give(*s, "b\n");
    REQUIRE(write(other.get(), "c\n", 2) == 2);
    std::string got(100, '\0');
    got.resize(static_cast<std::size_t>(pread(ours.get(), got.data(), got.size(), 0)));
    CHECK(got == "a\nb\nc\n");
}

TEST_CASE("/dev/null takes everything") {
    const unique_fd ours(open("/dev/null", O_WRONLY | O_CLOEXEC));
    const flags_stay same(ours.get());
    forwarder f(ours.get(), {});
    CHECK(f.writer_name() == "plain");
    const auto s = f.open({});
    give(*s, pattern(100000));
    CHECK(s->flush(now() + hang));
    CHECK(s->counts().forwarded == 100000);
}

TEST_CASE("off counts what is offered and writes nothing") {
    const ends p = make_pipe();
    options chosen;
    chosen.how = forward_mode::off;
    forwarder f(p.ours.get(), chosen);
    const auto s = f.open({});
    CHECK(give(*s, "silent\n") == flow::more);
    CHECK(s->flush(now() + hang));
    const counters c = s->counts();
    CHECK(c.offered == 7);
    CHECK(c.forwarded + c.dropped + c.queued == 0);
    CHECK(f.note("spoken\n"));
    CHECK(read_now(p.theirs.get()) == "spoken\n");
}
