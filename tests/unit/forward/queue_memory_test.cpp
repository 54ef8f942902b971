// What the queue allocates. A program of its own, because its operator new counts, and fails on
// demand.
#include "forward/byte_queue.hpp"
#include "forward/forwarder_state.hpp"
#include "forward/writer.hpp"

#include <array>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "support/catch.hpp"

namespace {

long allocations = 0;
bool is_exhausted = false;

void* allocate(std::size_t size) noexcept {
    ++allocations;
    return is_exhausted ? nullptr : std::malloc(size == 0 ? 1 : size);
}

}  // namespace

#include "support/failing_new.hpp"

using namespace fd2::forward;

namespace {

const std::vector<std::uint8_t> chunk(16 * 1024, 'x');

piece a_chunk(const std::shared_ptr<stream_state>& owner) {
    return {owner, chunk.data(), chunk.size(), chunk.size()};
}

void empty(byte_queue& q) {
    std::array<part, max_parts> parts;
    while (!q.empty()) {
        const int n = q.gather(parts.data(), max_parts, max_chunk, 0);
        std::size_t size = 0;
        for (int i = 0; i < n; ++i) size += parts[static_cast<std::size_t>(i)].size;
        q.consume(size);
    }
}

}  // namespace

TEST_CASE("a queue that is filled and emptied again and again allocates nothing more") {
    byte_queue q;
    const auto s = std::make_shared<stream_state>();
    long before = 0;
    long after = 0;
    for (int round = 0; round < 3; ++round) {
        before = allocations;
        for (int i = 0; i < 12; ++i) q.push_back(a_chunk(s));
        empty(q);
        after = allocations;
    }
    CHECK(after == before);
    CHECK(s->forwarded == 3 * 12 * chunk.size());
}

TEST_CASE("a push for which there is no memory leaves the queue as it was") {
    byte_queue q;
    const auto s = std::make_shared<stream_state>();
    const piece bytes = a_chunk(s);
    q.push_back(bytes);
    const std::size_t used = q.used();
    is_exhausted = true;
    bool thrown = false;
    try {
        q.push_front(bytes);
    } catch (const std::bad_alloc&) {
        thrown = true;
    }
    is_exhausted = false;
    CHECK(thrown);
    CHECK(q.used() == used);
    q.push_front(bytes);
    empty(q);
    CHECK(q.used() == 0);
    CHECK(s->forwarded == 2 * chunk.size());
}
