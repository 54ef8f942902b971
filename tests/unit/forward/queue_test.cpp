// The queue by itself: shares, flight and removal.
#include "forward/byte_queue.hpp"
#include "forward/forwarder_state.hpp"
#include "forward/writer.hpp"

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "support/catch.hpp"

using namespace fd2::forward;

namespace {

piece of(const std::shared_ptr<stream_state>& owner, std::string_view text, std::uint64_t source) {
    return {owner, reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), source};
}

std::string gathered(byte_queue& q, std::size_t limit, std::size_t whole = 0) {
    std::array<part, max_parts> parts;
    const int n = q.gather(parts.data(), max_parts, limit, whole);
    std::string out;
    for (int i = 0; i < n; ++i) {
        const part& one = parts[static_cast<std::size_t>(i)];
        out.append(static_cast<const char*>(one.data), one.size);
    }
    return out;
}

}  // namespace

TEST_CASE("a share is exact at the end however often a piece is cut") {
    byte_queue q;
    const auto s = std::make_shared<stream_state>();
    s->offered = 7;
    q.push_back(of(s, "0123456789abcdef", 7));  // seven of the child's bytes became sixteen
    while (!q.empty()) {
        CHECK(!gathered(q, 3).empty());
        q.consume(3 > q.used() - byte_queue::segment_cost ? 1 : 3);
    }
    CHECK(s->forwarded == 7);
    CHECK(q.used() == 0);
}

TEST_CASE("what is in flight is neither moved nor freed before it is consumed") {
    byte_queue q;
    const auto s = std::make_shared<stream_state>();
    const auto t = std::make_shared<stream_state>();
    q.push_back(of(s, "first", 5));
    std::array<part, max_parts> parts;
    REQUIRE(q.gather(parts.data(), max_parts, 1000, 0) == 1);
    q.push_back(of(s, "second", 6));  // must not be appended to what is being written
    CHECK(parts[0].size == 5);
    q.push_back(of(t, "third", 5));
    q.remove(*s);
    CHECK(std::string(static_cast<const char*>(parts[0].data), 5) == "first");
    q.consume(2);
    CHECK(s->forwarded == 0);
    CHECK(gathered(q, 1000) == "third");
    q.consume(5);
    CHECK(q.empty());
    CHECK(q.used() == 0);
    CHECK(t->forwarded == 5);
}

TEST_CASE("streams that take turns byte by byte are charged for more than their bytes") {
    byte_queue q;
    const auto s = std::make_shared<stream_state>();
    const auto t = std::make_shared<stream_state>();
    for (int i = 0; i < 100; ++i) {
        q.push_back(of(s, "s", 1));
        q.push_back(of(t, "t", 1));
    }
    CHECK(q.used() == 200 * (1 + byte_queue::segment_cost));
    byte_queue one;
    for (int i = 0; i < 200; ++i) one.push_back(of(s, "s", 1));
    CHECK(one.used() == 200 + byte_queue::segment_cost);
}

TEST_CASE("a write that must not be cut ends at a line's end") {
    byte_queue q;
    const auto s = std::make_shared<stream_state>();
    q.push_back(of(s, "one\ntwo\nthree\nfourteen characters\n", 34));
    CHECK(gathered(q, 1000, 10) == "one\ntwo\n");
    q.consume(8);
    CHECK(gathered(q, 1000, 10) == "three\n");
    q.consume(6);
    CHECK(gathered(q, 1000, 10) == "fourteen c");
}
