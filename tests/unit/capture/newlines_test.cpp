#include "capture/lines.hpp"

#include <algorithm>
#include <random>
#include <vector>

#include "support/catch.hpp"

using fd2::capture::count_newlines;

TEST_CASE("newlines are counted right at every alignment and size") {
    std::mt19937_64 random(1);
    std::vector<std::uint8_t> bytes(40000);
    for (auto& byte : bytes) byte = random() % 3 == 0 ? '\n' : static_cast<std::uint8_t>(random());
    std::size_t wrong = 0;
    for (std::size_t offset = 0; offset < 64; ++offset) {
        for (std::size_t size = 0; size < 200; ++size) {
            const auto* from = bytes.data() + offset;
            wrong += count_newlines(from, size) !=
                     static_cast<std::uint64_t>(std::count(from, from + size, '\n'));
        }
        // Around the point where a lane of the vectorised count is emptied.
        for (std::size_t size = 255 * 32 - 40; size < 255 * 32 + 40; ++size) {
            const auto* from = bytes.data() + offset;
            wrong += count_newlines(from, size) !=
                     static_cast<std::uint64_t>(std::count(from, from + size, '\n'));
        }
    }
    CHECK(wrong == 0);
    const std::vector<std::uint8_t> only(40000, '\n');
    for (std::size_t size = 0; size < only.size(); size += 97) {
        wrong += count_newlines(only.data(), size) != size;
    }
    CHECK(wrong == 0);
}

TEST_CASE("the narrow count and the one chosen for this processor agree") {
    std::mt19937_64 random(2);
    std::vector<std::uint8_t> bytes(70000);
    for (auto& byte : bytes) byte = random() % 40 == 0 ? '\n' : static_cast<std::uint8_t>(random());
    std::size_t wrong = 0;
    for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 50) {
        wrong += fd2::capture::count_newlines_narrow(bytes.data() + size % 31, size / 2) !=
                 count_newlines(bytes.data() + size % 31, size / 2);
    }
    CHECK(wrong == 0);
}

TEST_CASE("whole lines end with the last newline, the first one with the first") {
    using namespace fd2::capture;
    CHECK(whole_lines("") == 0);
    CHECK(whole_lines("abc") == 0);
    CHECK(whole_lines("\n") == 1);
    CHECK(whole_lines("a\nbc\nd") == 5);
    CHECK(first_line("a\nbc\nd") == 2);
    CHECK(first_line("\n\n") == 1);
}
