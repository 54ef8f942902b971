// Our own messages.
#include "unit/forward/support.posix.hpp"

using namespace forward_test;

TEST_CASE("a note stands where it was said, between the bytes of streams") {
    const ends p = make_pipe();
    const std::string before = fill(p.ours.get());
    forwarder f(p.ours.get(), {});
    const auto s = f.open({});
    const std::string text = pattern(100000);
    give(*s, text);
    CHECK(f.note("note one\n"));
    give(*s, "after\n");
    CHECK(f.note("note two\n"));
    const std::string expected = before + text + "note one\nafter\nnote two\n";
    CHECK(read_exactly(p.theirs.get(), expected.size()) == expected);
    CHECK(f.flush(now() + hang));
}

TEST_CASE("notes have a reserve beyond a full buffer, and are whole or not at all") {
    const ends p = make_pipe();
    const std::string before = fill(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::drop, 1000, hang));
    const auto s = f.open({});
    give(*s, pattern(5000));
    const std::size_t child = s->counts().queued;
    const std::string note(999, 'n');
    std::size_t taken = 0;
    while (taken < 100 && f.note(note + "\n")) ++taken;
    CHECK(taken == note_reserve / 1000);
    CHECK_FALSE(f.note(note + "\n"));
    CHECK(f.note("short\n"));
    const std::size_t size = before.size() + child + taken * 1000 + 6;
    const std::string got = read_exactly(p.theirs.get(), size);
    CHECK(got.size() == size);
    CHECK(got.substr(got.size() - 6) == "short\n");
    CHECK(f.flush(now() + hang));
    CHECK(read_now(p.theirs.get()).empty());
}

TEST_CASE("a note never blocks and a forwarder's flush has a limit") {
    const ends p = make_pipe();
    fill(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::wait, 1000, 50 * millisecond));
    CHECK(f.note("stuck\n"));
    CHECK_FALSE(f.flush(now() + hang));
}

TEST_CASE("a note on a fresh line is judged by what goes out before it, queued or gone") {
    const ends p = make_pipe();
    const std::string before = fill(p.ours.get());
    options fresh = with(blocked_policy::drop, 4096, hang);
    fresh.fresh_notes = true;
    forwarder f(p.ours.get(), fresh);
    const auto s = f.open({});
    CHECK(f.note("first\n"));  // nothing has gone out yet
    give(*s, "unfinished");
    CHECK(f.note("one\n"));  // behind what is queued
    give(*s, "whole\n");
    CHECK(f.note("two\n"));
    give(*s, "cut" + std::string(8000, '\n'));  // its end is dropped, and its newlines with it
    const std::string cut = "cut" + std::string(s->counts().queued - 19, '\n');
    CHECK(f.note("three\n"));
    const std::string expected = before + "first\nunfinished\none\nwhole\ntwo\n" + cut + "three\n";
    CHECK(read_exactly(p.theirs.get(), expected.size()) == expected);
    CHECK(f.flush(now() + hang));
    give(*s, "gone");
    CHECK(f.note({}));  // ends the line
    CHECK(f.note({}));
    CHECK(f.note("four\n"));
    CHECK(read_exactly(p.theirs.get(), 10) == "gone\nfour\n");
    CHECK(read_now(p.theirs.get()).empty());
}
