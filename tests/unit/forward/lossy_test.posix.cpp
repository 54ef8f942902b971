// Mode `lossy`, against what Rust's String::from_utf8_lossy documents and tests.
#include "forward/shaper.hpp"

#include "unit/forward/support.posix.hpp"

using namespace forward_test;

namespace {

#define R "\xEF\xBF\xBD"

struct sample {
    std::string_view in;
    std::string_view out;
};

const std::vector<sample> reference = {
    {"hello", "hello"},
    {"", ""},
    {"\xE0\xB8\xA8\xE0\xB9\x84\xE0\xB8\x97\xE4\xB8\xAD\xE5\x8D\x8EVi\xE1\xBB\x87t Nam",
     "\xE0\xB8\xA8\xE0\xB9\x84\xE0\xB8\x97\xE4\xB8\xAD\xE5\x8D\x8EVi\xE1\xBB\x87t Nam"},
    {"Hello\xC2 There\xFF Goodbye", "Hello" R " There" R " Goodbye"},
    {"Hello\xC0\x80 There\xE6\x83 Goodbye", "Hello" R R " There" R " Goodbye"},
    {"\xF5"
     "foo\xF5\x80"
     "bar",
     R "foo" R R "bar"},
    {"\xF1"
     "foo\xF1\x80"
     "bar\xF1\x80\x80"
     "baz",
     R "foo" R "bar" R "baz"},
    {"\xF4"
     "foo\xF4\x80"
     "bar\xF4\xBF"
     "baz",
     R "foo" R "bar" R R "baz"},
    {"\xF0\x80\x80\x80"
     "foo\xF0\x90\x80\x80"
     "bar",
     R R R R "foo\xF0\x90\x80\x80"
             "bar"},
    {"\xED\xA0\x80"
     "foo\xED\xBF\xBF"
     "bar",
     R R R "foo" R R R "bar"},
    // Unicode 15, tables 3-8 to 3-11.
    {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", R R R R R R R R "A"},
    {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", R R R R R R R R "A"},
    {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", R R R R R "A" R R "B"},
    {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", R R R R "A"},
    {"\x80\x81", R R},
    {"end\xE2\x82", "end" R},
    {"end\xF0\x9F\x98", "end" R},
    {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
    {"\xE2\xE2\x82\xAC", R "\xE2\x82\xAC"},
};

/// Feeds `in` in pieces of `step` bytes.
std::string in_steps(std::string_view in, std::size_t step) {
    const auto shape = utf8_shaper();
    std::string out;
    std::uint64_t source = 0;
    const auto add = [&](const shaped& part) {
        out.append(reinterpret_cast<const char*>(part.data), part.size);
        source += part.child_bytes;
    };
    for (std::size_t at = 0; at < in.size(); at += step) {
        const std::string_view piece = in.substr(at, step);
        std::string own;
        add(shape->feed(reinterpret_cast<const std::uint8_t*>(piece.data()), piece.size(), own));
    }
    std::string own;
    add(shape->end(true, own));
    CHECK(source == in.size());
    return out;
}

}  // namespace

TEST_CASE("invalid UTF-8 is replaced as the reference does, however it is cut into chunks") {
    for (const sample& one : reference) {
        for (std::size_t step = 1; step <= one.in.size() + 1; ++step) {
            INFO("step " << step << " of " << one.out);
            CHECK(in_steps(one.in, step) == one.out);
        }
    }
}

TEST_CASE("every sequence of two bytes, and many of four, give valid UTF-8 that is a fixed point") {
    std::uint32_t state = 12345;
    for (std::uint32_t i = 0; i < 65536; ++i) {
        state = state * 1664525 + 1013904223;
        const std::string in = {static_cast<char>(i >> 8), static_cast<char>(i & 0xFF),
                                static_cast<char>(state >> 24), static_cast<char>(state >> 16)};
        const std::string once = in_steps(in, 4);
        if (in_steps(in, 1) != once || in_steps(once, 12) != once) {
            FAIL("sequence " << i);
        }
    }
}

TEST_CASE("a character split over two chunks arrives whole, an unfinished one at the flush") {
    const ends p = make_pipe();
    forwarder f(p.ours.get(), shaped_as(forward_mode::lossy));
    const auto s = f.open({});
    give(*s, "5 \xE2\x82");
    CHECK(read_now(p.theirs.get()) == "5 ");
    CHECK(s->counts().queued == 2);
    s->finishing();
    give(*s, "\xAC and \xE2");
    CHECK(read_now(p.theirs.get()) == "\xE2\x82\xAC and ");
    CHECK(s->flush(now() + hang));
    CHECK(read_now(p.theirs.get()) == R);
    CHECK(s->counts().forwarded == 11);
    CHECK(s->counts().queued == 0);
}

TEST_CASE("what lossy drops, it drops at a character's border") {
    const ends p = make_pipe();
    const std::string before = fill(p.ours.get());
    options chosen = shaped_as(forward_mode::lossy);
    chosen.blocked = blocked_policy::drop;
    chosen.buffer = 1000;
    forwarder f(p.ours.get(), chosen);
    const auto s = f.open({});
    std::string text;
    for (int i = 0; i < 1000; ++i) text += "\xE2\x82\xAC";
    give(*s, text);
    const std::size_t kept = s->counts().queued;
    CHECK(kept % 3 == 0);
    CHECK(kept > 800);
    CHECK(read_exactly(p.theirs.get(), before.size() + kept) == before + text.substr(0, kept));
}
