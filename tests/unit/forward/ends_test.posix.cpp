// How forwarding ends: unusable descriptors, readers that go, disks that are full.
#include "unit/forward/support.posix.hpp"

using namespace forward_test;

TEST_CASE("a closed descriptor is an ended forwarding, not a failure to construct") {
    unique_fd gone(open("/dev/null", O_WRONLY | O_CLOEXEC));
    const int number = gone.get();
    gone.reset();
    forwarder f(number, {});
    CHECK(f.failed() == EBADF);
    CHECK(f.writer_name() == "none");
    const auto s = f.open({});
    CHECK(give(*s, "lost\n") == flow::more);
    CHECK_FALSE(s->flush(now() + hang));
    CHECK(s->counts().dropped == 5);
    CHECK_FALSE(f.note("lost\n"));
    CHECK(adds_up(*s));
}

TEST_CASE("a descriptor that cannot be written is not made writable by opening it anew") {
    const ends p = make_pipe();
    forwarder reading(p.theirs.get(), {});
    CHECK(reading.failed() == EBADF);
    const unique_fd path(open("/dev/null", O_PATH | O_CLOEXEC));
    forwarder naming(path.get(), {});
    CHECK(naming.failed() == EBADF);
}

TEST_CASE("a descriptor closed under way ends forwarding") {
    scratch dir;
    unique_fd ours(open((dir / "f").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    listener heard;
    forwarder f(ours.get(), {}, &heard);
    const auto s = f.open({});
    give(*s, "one\n");
    ours.reset();
    give(*s, "two\n");
    CHECK(f.failed() == EBADF);
    CHECK(s->counts().forwarded == 4);
    CHECK(s->counts().dropped == 4);
}

TEST_CASE("a pipe without a reader ends forwarding at the first byte") {
    ends p = make_pipe();
    p.theirs.reset();
    forwarder f(p.ours.get(), {});
    const auto s = f.open({});
    CHECK(give(*s, "lost\n") == flow::more);
    CHECK(f.failed() == EPIPE);
    CHECK_FALSE(pipe_signal_blocked::pending());
}

TEST_CASE("a FIFO without a reader cannot be opened anew and has ended with EPIPE") {
    scratch dir;
    const std::string name = dir / "fifo";
    REQUIRE(mkfifo(name.c_str(), 0600) == 0);
    unique_fd theirs(open(name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    const unique_fd ours(open(name.c_str(), O_WRONLY | O_CLOEXEC));
    theirs.reset();
    forwarder f(ours.get(), {});
    CHECK(f.failed() == EPIPE);
    CHECK(f.writer_name() == "none");
}

TEST_CASE("a reader that goes ends forwarding once, quietly") {
    ends p = GENERATE(0, 1) == 0 ? make_pipe() : make_sockets(SOCK_STREAM);
    const flags_stay same(p.ours.get());
    listener heard;
    forwarder f(p.ours.get(), {}, &heard);
    const auto s = f.open({});
    give(*s, "one\n");
    CHECK(read_now(p.theirs.get()) == "one\n");
    p.theirs.reset();
    for (int i = 0; i < 3; ++i) CHECK(give(*s, "two\n") == flow::more);
    CHECK(f.failed() == EPIPE);
    CHECK_FALSE(pipe_signal_blocked::pending());
    REQUIRE(heard.messages().size() == 1);
    CHECK(heard.messages()[0].find("(EPIPE)") != std::string::npos);
    const counters c = s->counts();
    CHECK(c.forwarded == 4);
    CHECK(c.dropped == 12);
    CHECK(c.queued == 0);
    CHECK_FALSE(s->flush(now() + hang));
}

TEST_CASE("a note survives a reader that is gone, in a thread that does not block SIGPIPE") {
    CHECK(in_child([] {
              std::array<int, 2> fd{};
              if (pipe2(fd.data(), O_CLOEXEC) != 0) return 1;
              sigset_t none;
              sigemptyset(&none);
              pthread_sigmask(SIG_SETMASK, &none, nullptr);
              forwarder f(fd[1], {});
              close(fd[0]);
              return !f.note("lost\n") && f.failed() == EPIPE ? 0 : 2;
          }) == 0);
}

TEST_CASE("a reader that goes while streams are paused releases them") {
    ends p = make_pipe();
    fill(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::wait, 1 << 20, hang));
    calls r;
    const auto s = f.open(r.call());
    const auto t = f.open(r.call());
    REQUIRE(give(*s, "a\n") == flow::pause);
    REQUIRE(give(*t, "b\n") == flow::pause);
    p.theirs.reset();
    CHECK(r.wait(2));
    CHECK(f.failed() == EPIPE);
    CHECK(s->counts().dropped == 2);
    CHECK(give(*s, "c\n") == flow::more);
    CHECK(r.count() == 2);
}

TEST_CASE("a full disk ends forwarding with ENOSPC") {
    const unique_fd ours(open("/dev/full", O_WRONLY | O_CLOEXEC));
    const flags_stay same(ours.get());
    listener heard;
    forwarder f(ours.get(), {}, &heard);
    const auto s = f.open({});
    CHECK(give(*s, "lost\n") == flow::more);
    give(*s, "lost\n");
    CHECK(f.failed() == ENOSPC);
    CHECK(heard.messages().size() == 1);
    CHECK(s->counts().dropped == 10);
}

TEST_CASE("a stream that outlives its forwarder drops") {
    const ends p = make_pipe();
    fill(p.ours.get());
    auto f = std::make_unique<forwarder>(p.ours.get(), options{});
    const auto s = f->open({});
    give(*s, "queued\n");
    f.reset();
    give(*s, "late\n");
    CHECK(s->counts().dropped == 12);
    CHECK_FALSE(s->flush(now() + hang));
}

TEST_CASE("the destructor writes what the reader takes at once") {
    const ends p = make_pipe();
    const std::string before = fill(p.ours.get());
    std::string text = pattern(30000);
    {
        forwarder f(p.ours.get(), {});
        const auto s = f.open({});
        give(*s, text);
        CHECK(read_now(p.theirs.get()).substr(0, before.size()) == before);
        // Part of it may have been written and read already; the counters know how much.
        s->flush(now() + hang);
        CHECK(s->counts().forwarded == text.size());
    }
    CHECK(fcntl(p.ours.get(), F_GETFD) == FD_CLOEXEC);
}
