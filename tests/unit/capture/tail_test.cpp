#include "capture/tail.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "support/catch.hpp"

using fd2::capture::tail;

namespace {

/// The stream, remembered whole: what a tail must equal the end of.
struct model {
    std::string kept;
    std::uint64_t total = 0;
    std::size_t limit;

    void append(const std::uint8_t* data, std::size_t size) {
        total += size;
        kept.append(reinterpret_cast<const char*>(data), size);
        if (kept.size() > limit) kept.erase(0, kept.size() - limit);
    }
};

void compare(const tail& real, const model& naive) {
    // One assertion a comparison: thousands of them happen.
    const bool same = real.bytes() == naive.kept && real.total() == naive.total &&
                      real.size() == naive.kept.size() &&
                      real.offset() == naive.total - naive.kept.size();
    REQUIRE(same);
}

std::vector<std::uint8_t> noise(std::size_t size, std::mt19937_64& random) {
    std::vector<std::uint8_t> bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    return bytes;
}

}  // namespace

TEST_CASE("a tail is the exact end of its stream, whatever the sizes and the way in") {
    const std::size_t limit = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{63},
                                       std::size_t{4096}, std::size_t{65536}, std::size_t{65537},
                                       std::size_t{1} << 20, (std::size_t{1} << 20) + 1);
    const auto seed = static_cast<std::uint64_t>(GENERATE(range(1, 5)));
    INFO("limit " << limit << ", seed " << seed);
    std::mt19937_64 random(seed);
    const auto bytes = noise(3 * 1024 * 1024, random);
    tail real(limit);
    model naive{{}, 0, limit};
    bool reserved_once = false;

    std::uint64_t next_look = 0;
    while (naive.total < 6 * 1024 * 1024) {
        // Sizes of every magnitude: a byte, lines, blocks, more than the whole tail now and then.
        const std::size_t magnitude = std::size_t{1} << (random() % (random() % 8 == 0 ? 21 : 17));
        std::size_t size = 1 + random() % magnitude;
        const std::uint8_t* from = bytes.data() + random() % (bytes.size() - size);
        std::size_t space = 0;
        std::uint8_t* to = random() % 2 == 0 ? real.reserve(space) : nullptr;
        if (to != nullptr) {
            reserved_once = true;
            REQUIRE(space >= tail::chunk);
            REQUIRE(real.is_reserved(to));
            // What is reserved may be scribbled on without any harm to what is kept.
            std::memset(to, 0xa5, space);
            if (naive.total < next_look + 300000) {
                compare(real, naive);
                next_look = naive.total;
            }
            if (random() % 8 == 0) continue;  // the read brought nothing
            size = std::min(size, space);
            std::memcpy(to, from, size);
            if (random() % 16 == 0) {
                real.append(from, size);  // the backend used its own buffer after all
            } else {
                real.commit(size);
            }
            REQUIRE_FALSE(real.is_reserved(to));
        } else {
            real.append(from, size);
        }
        naive.append(from, size);
        if (naive.total >= next_look) {
            compare(real, naive);
            next_look = naive.total + (limit > 70000 ? random() % 400000 : random() % 40000);
        }
    }
    compare(real, naive);
    CHECK(reserved_once == (limit <= tail::reservable_limit));
}

TEST_CASE("a small tail is right after every single append") {
    const std::size_t limit = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{2},
                                       std::size_t{63}, std::size_t{300}, std::size_t{512});
    INFO("limit " << limit);
    std::mt19937_64 random(limit);
    const auto bytes = noise(4096, random);
    tail real(limit);
    model naive{{}, 0, limit};
    for (int i = 0; i < 4000; ++i) {
        const std::size_t size = 1 + random() % (i % 3 == 0 ? 3 : 2 * limit + 3);
        real.append(bytes.data() + random() % 1000, 0);
        const std::uint8_t* from = bytes.data() + random() % (bytes.size() - size);
        real.append(from, size);
        naive.append(from, size);
        compare(real, naive);
    }
}

TEST_CASE("totals go on past 32 bits and the tail stays exact") {
    std::mt19937_64 random(7);
    const auto bytes = noise(1 << 20, random);
    tail real(64 * 1024);
    model naive{{}, 0, 64 * 1024};
    const std::uint64_t goal = (std::uint64_t{1} << 32) + (1 << 20);
    while (naive.total < goal) {
        // Larger than the limit, so that only the end is copied; the last lap in small steps.
        const bool last_lap = goal - naive.total < (2 << 20);
        const std::size_t size = last_lap ? 1 + random() % 9000 : bytes.size();
        real.append(bytes.data(), size);
        naive.append(bytes.data() + (size > naive.limit ? size - naive.limit : 0),
                     std::min(size, naive.limit));
        naive.total += size - std::min(size, naive.limit);
    }
    compare(real, naive);
    CHECK(real.offset() > UINT32_MAX);
}

TEST_CASE("memory follows the content") {
    tail real(64 * 1024);
    CHECK(real.memory() == 0);
    const std::vector<std::uint8_t> line(80, 'x');
    real.append(line.data(), line.size());
    CHECK(real.memory() <= 1024);
    for (int i = 0; i < 10; ++i) real.append(line.data(), line.size());
    CHECK(real.memory() <= 2048);
    while (real.total() < 100 * 1024) real.append(line.data(), line.size());
    CHECK(real.memory() == 64 * 1024);
    std::size_t space = 0;
    CHECK(real.reserve(space) == nullptr);  // not a large stream yet
    while (real.total() < tail::reservable_after) real.append(line.data(), line.size());
    CHECK(real.memory() == 64 * 1024);
    CHECK(real.reserve(space) != nullptr);
    CHECK(real.memory() <= 64 * 1024 + 2 * tail::chunk);
    for (int i = 0; i < 1000; ++i) {
        REQUIRE(real.reserve(space) != nullptr);
        real.commit(space);
    }
    CHECK(real.memory() <= 64 * 1024 + 2 * tail::chunk);
}

TEST_CASE("a tail of nothing keeps nothing and counts everything") {
    tail real(0);
    const std::vector<std::uint8_t> bytes(100000, 'x');
    real.append(bytes.data(), bytes.size());
    CHECK(real.memory() == 0);
    CHECK(real.size() == 0);
    CHECK(real.offset() == 100000);
    CHECK(real.bytes().empty());
}
