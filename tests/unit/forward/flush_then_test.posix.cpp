// A flush that nobody waits for.
#include <memory>

#include "unit/forward/support.posix.hpp"

using namespace forward_test;

namespace {}  // namespace

TEST_CASE("a flush that does not wait is over at once where nothing is queued") {
    const ends p = make_pipe();
    forwarder f(p.ours.get(), with(blocked_policy::automatic, buffer, hang));
    calls done;
    const auto s = f.open({});
    give(*s, "out already\n");
    CHECK(s->flush_then(done.call()));
    CHECK(done.count() == 0);
}

TEST_CASE("a flush that does not wait tells once when the last byte is out") {
    const ends p = make_pipe();
    const std::string before = fill(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::automatic, buffer, hang));
    calls done;
    const auto s = f.open({});
    give(*s, "mine\n");
    CHECK_FALSE(s->flush_then(done.call()));
    CHECK(done.count() == 0);
    CHECK(read_exactly(p.theirs.get(), before.size() + 5) == before + "mine\n");
    REQUIRE(done.wait(1));
    CHECK(s->counts().dropped == 0);
    CHECK(adds_up(*s));
}

TEST_CASE("a flush that does not wait gives up at the stall limit and counts what is lost") {
    const ends p = make_pipe();
    fill(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::automatic, buffer, 50 * millisecond));
    calls done;
    const auto s = f.open({});
    give(*s, "mine\n");
    CHECK_FALSE(s->flush_then(done.call()));
    REQUIRE(done.wait(1));
    CHECK(s->counts().dropped == 5);
}

TEST_CASE("a flush that does not wait ends with a broken stderr, and when it is abandoned") {
    ends p = make_pipe();
    fill(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::automatic, buffer, hang));
    calls done;
    const auto s = f.open({});
    const auto t = f.open({});
    give(*s, "mine\n");
    give(*t, "other\n");
    CHECK_FALSE(s->flush_then(done.call()));
    s->abandon();
    REQUIRE(done.wait(1));
    CHECK_FALSE(t->flush_then(done.call()));
    p.theirs.reset();
    REQUIRE(done.wait(2));
    CHECK(t->counts().dropped == 6);
}

TEST_CASE("a forwarder that goes ends the flushes that nobody waits for") {
    const ends p = make_pipe();
    fill(p.ours.get());
    calls done;
    auto f = std::make_unique<forwarder>(p.ours.get(), with(blocked_policy::wait, buffer, never));
    const auto s = f->open({});
    give(*s, "mine\n");
    CHECK_FALSE(s->flush_then(done.call()));
    f.reset();
    CHECK(done.count() == 1);
}

TEST_CASE("a stream that goes takes its flush along") {
    const ends p = make_pipe();
    const std::string before = fill(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::automatic, buffer, hang));
    calls done;
    auto s = f.open({});
    give(*s, "mine\n");
    CHECK_FALSE(s->flush_then(done.call()));
    s.reset();
    const auto next = f.open({});
    give(*next, "next\n");
    CHECK(read_exactly(p.theirs.get(), before.size() + 5) == before + "next\n");
    CHECK(next->flush(now() + hang));
    CHECK(done.count() == 0);
}
