// What happens when our own stderr takes no more.
#include <thread>

#include "unit/forward/support.posix.hpp"

using namespace forward_test;

namespace {

constexpr std::size_t chunk = 64 * 1024;
constexpr nanoseconds_t short_stall = 50 * millisecond;

/// Offers chunks of `of` from `at` on until `full` is said or `of` ends.
flow offer_until_full(stream& s, const std::string& of, std::size_t& at) {
    flow said = flow::more;
    while (at < of.size() && said == flow::more) {
        const std::size_t size = std::min(chunk, of.size() - at);
        said = give(s, std::string_view(of).substr(at, size));
        at += size;
    }
    return said;
}

}  // namespace

TEST_CASE("automatic buffers, pauses before the buffer overflows, and goes on once it is read") {
    const ends p = make_pipe();
    const flags_stay same(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::automatic, buffer, hang));
    calls r;
    const auto s = f.open(r.call());
    const std::string text = pattern(3000000);
    std::size_t at = 0;
    std::string got;
    int pauses = 0;
    while (at < text.size()) {
        if (offer_until_full(*s, text, at) == flow::more) break;
        CHECK(s->counts().queued <= buffer);
        CHECK(adds_up(*s));
        CHECK(r.count() == pauses);  // not before somebody reads
        ++pauses;
        while (r.count() < pauses) {
            const std::string more = read_exactly(p.theirs.get(), 4096);
            if (more.empty()) break;
            got += more;
        }
        REQUIRE(r.wait(pauses));
    }
    CHECK(pauses > 3);
    got += read_exactly(p.theirs.get(), text.size() - got.size());
    CHECK(got == text);
    CHECK(s->flush(now() + hang));
    CHECK(r.count() == pauses);
}

TEST_CASE("automatic, stuck: releases, keeps the oldest bytes in order, drops new ones, recovers") {
    const ends p = make_pipe();
    const flags_stay same(p.ours.get());
    const std::string before = fill(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::automatic, buffer, short_stall));
    calls r;
    const auto s = f.open(r.call());
    const std::string text = pattern(buffer);
    std::size_t at = 0;
    REQUIRE(offer_until_full(*s, text, at) == flow::pause);
    REQUIRE(r.wait(1));  // the stall limit
    const std::uint64_t kept_at_first = s->counts().queued;
    CHECK(kept_at_first == at);
    const std::string later = pattern(4 * chunk, buffer);
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(give(*s, std::string_view(later).substr(i * chunk, chunk)) == flow::more);
        CHECK(adds_up(*s));
    }
    CHECK(r.count() == 1);
    const counters stuck = s->counts();
    CHECK(stuck.queued <= buffer);
    CHECK(stuck.queued + 1024 > buffer);
    CHECK(stuck.dropped == at + later.size() - stuck.queued);
    const std::string expected = (text.substr(0, at) + later).substr(0, stuck.queued);
    CHECK(read_exactly(p.theirs.get(), before.size() + expected.size()) == before + expected);
    CHECK_FALSE(s->flush(now() + hang));  // all is written, but not all that was offered
    CHECK(s->counts().dropped == stuck.dropped);
    CHECK(give(*s, "again\n") == flow::more);
    CHECK(read_exactly(p.theirs.get(), 6) == "again\n");
    CHECK(s->counts().forwarded == stuck.queued + 6);
}

TEST_CASE("wait pauses at the first queued byte and loses nothing, however long it takes") {
    const ends p = make_pipe();
    const flags_stay same(p.ours.get());
    const std::string before = fill(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::wait, 0, nanosecond));
    calls r;
    const auto s = f.open(r.call());
    const std::string text = pattern(chunk);
    CHECK(give(*s, text) == flow::pause);
    CHECK(s->counts().queued == chunk);
    CHECK(s->counts().dropped == 0);
    CHECK(r.count() == 0);
    CHECK(read_exactly(p.theirs.get(), before.size() + chunk) == before + text);
    CHECK(r.wait(1));
    CHECK(give(*s, "more\n") == flow::more);
    CHECK(r.count() == 1);
}

TEST_CASE("drop never pauses and keeps what fits") {
    const ends p = make_pipe();
    const flags_stay same(p.ours.get());
    const std::string before = fill(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::drop, 10000, hang));
    calls r;
    const auto s = f.open(r.call());
    const std::string text = pattern(3 * chunk);
    std::size_t at = 0;
    CHECK(offer_until_full(*s, text, at) == flow::more);
    const counters c = s->counts();
    CHECK(c.queued <= 10000);
    CHECK(c.queued > 9000);
    CHECK(c.dropped == text.size() - c.queued);
    s->finishing();
    give(*s, text);
    CHECK(s->counts().queued == c.queued);  // finishing makes `drop` no less strict
    CHECK(read_exactly(p.theirs.get(), before.size() + c.queued) ==
          before + text.substr(0, c.queued));
    CHECK(r.count() == 0);
}

TEST_CASE("finishing releases a paused stream, takes more than the buffer, and never pauses") {
    const ends p = make_pipe();
    const std::string before = fill(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::automatic, buffer, hang));
    calls r;
    const auto s = f.open(r.call());
    const std::string text = pattern(2000000);
    std::size_t at = 0;
    REQUIRE(offer_until_full(*s, text, at) == flow::pause);
    s->finishing();
    REQUIRE(r.wait(1));
    CHECK(offer_until_full(*s, text, at) == flow::more);
    CHECK(s->counts().queued == text.size());
    CHECK(r.count() == 1);
    std::string got;
    std::thread reader([&] { got = read_exactly(p.theirs.get(), before.size() + text.size()); });
    CHECK(s->flush(now() + hang));
    reader.join();
    CHECK(got == before + text);
}

TEST_CASE("finishing takes at most its reserve, whatever a holder of the child's stderr writes") {
    const ends p = make_pipe();
    fill(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::automatic, buffer, short_stall));
    const auto s = f.open({});
    s->finishing();
    const std::string text = pattern(chunk);
    for (std::size_t i = 0; i < 200; ++i) give(*s, text);
    CHECK(s->counts().queued <= buffer + finish_reserve);
    CHECK(s->counts().queued >= finish_reserve);
    CHECK(adds_up(*s));
    CHECK_FALSE(s->flush(now() + hang));  // the stall limit ends it
    CHECK(s->counts().queued == 0);
    CHECK(s->counts().dropped == 200 * chunk);
}

TEST_CASE("flush ends at its deadline and counts what is left") {
    const ends p = make_pipe();
    const std::string before = fill(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::automatic, buffer, hang));
    const auto s = f.open({});
    const auto other = f.open({});
    give(*s, "mine\n");
    give(*other, "other\n");
    CHECK_FALSE(s->flush(now() + 10 * millisecond));
    CHECK(s->counts().dropped == 5);
    CHECK(s->counts().queued == 0);
    CHECK(other->counts().queued == 6);
    CHECK(read_exactly(p.theirs.get(), before.size() + 6) == before + "other\n");
    CHECK(other->flush(now() + hang));
}

TEST_CASE("abandon drops, wakes a flush and cancels the callback") {
    const ends p = make_pipe();
    const std::string before = fill(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::wait, buffer, never));
    calls r;
    const auto s = f.open(r.call());
    REQUIRE(give(*s, "never\n") == flow::pause);
    bool delivered = true;
    std::thread flusher([&] { delivered = s->flush(never); });
    s->abandon();
    flusher.join();
    CHECK_FALSE(delivered);
    CHECK(s->counts().dropped == 6);
    CHECK(give(*s, "late\n") == flow::more);
    CHECK(s->counts().dropped == 11);
    const auto next = f.open({});
    give(*next, "next\n");
    CHECK(read_exactly(p.theirs.get(), before.size() + 5) == before + "next\n");
    CHECK(next->flush(now() + hang));
    CHECK(r.count() == 0);
}

TEST_CASE("abandoning one stream makes room for another") {
    const ends p = make_pipe();
    fill(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::automatic, buffer, hang));
    const std::string text = pattern(buffer);
    // Again and again, because the thread may be awake by chance and see it anyway.
    for (int n = 0; n < 30; ++n) {
        calls r;
        const auto s = f.open({});
        const auto t = f.open(r.call());
        std::size_t at = 0;
        REQUIRE(offer_until_full(*s, text, at) == flow::pause);
        REQUIRE(give(*t, "x") == flow::pause);
        s->abandon();
        REQUIRE(r.wait(1));
        CHECK(t->counts().queued == 1);
    }
}

TEST_CASE("a stream that was never told to pause gets no more than the buffer once it is stuck") {
    const ends p = make_pipe();
    fill(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::automatic, buffer, short_stall));
    calls r;
    const auto s = f.open(r.call());
    const auto t = f.open({});
    const std::string text = pattern(buffer);
    std::size_t at = 0;
    REQUIRE(give(*s, std::string(1000, 'x')) == flow::more);
    REQUIRE(offer_until_full(*s, text, at) == flow::pause);
    REQUIRE(r.wait(1));
    for (int n = 0; n < 4; ++n) CHECK(give(*t, text.substr(0, chunk)) == flow::more);
    CHECK(s->counts().queued + t->counts().queued <= buffer);
    CHECK(t->counts().dropped > 0);
}

TEST_CASE("64 MiB through a slow reader arrive complete with a bounded queue") {
    const ends p = make_pipe();
    const flags_stay same(p.ours.get());
    const std::size_t total = std::size_t{64} << 20;
    forwarder f(p.ours.get(), with(blocked_policy::automatic, buffer, hang));
    calls r;
    const auto s = f.open(r.call());
    std::size_t got = 0;
    bool in_order = true;
    std::thread reader([&] {
        while (got < total) {
            const std::string part =
                read_exactly(p.theirs.get(), std::min<std::size_t>(3000, total - got));
            if (part.empty()) break;
            in_order = in_order && part == pattern(part.size(), got);
            got += part.size();
        }
    });
    std::uint64_t high = 0;
    int pauses = 0;
    for (std::size_t at = 0; at < total; at += chunk) {
        const flow said = give(*s, pattern(chunk, at));
        high = std::max(high, s->counts().queued);
        if (said == flow::pause && !r.wait(++pauses)) break;
    }
    CHECK(s->flush(now() + hang));
    reader.join();
    CHECK(got == total);
    CHECK(in_order);
    CHECK(high <= buffer);
    CHECK(pauses > 0);
    CHECK(s->counts().forwarded == total);
}
