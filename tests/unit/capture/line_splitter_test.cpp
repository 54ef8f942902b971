#include "capture/line_splitter.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "line_model.hpp"
#include "support/catch.hpp"

using fd2::line_piece;
using fd2::line_view;
using fd2::capture::line_splitter;
using fd2::test::lines_of;

namespace {

using piece = fd2::test::model_line;

struct collector {
    std::vector<piece> pieces;
    void operator()(const line_view& line) {
        pieces.push_back({std::string(line.head) + std::string(line.rest), line.number, line.piece,
                          line.unterminated});
        REQUIRE(line.size() == pieces.back().text.size());
    }
};

std::vector<piece> split(const std::vector<std::string>& chunks, std::size_t max_line,
                         bool in_line = false, std::uint64_t first = 1) {
    line_splitter lines(max_line, first, in_line);
    collector collected;
    for (const auto& chunk : chunks) lines.feed(chunk, 0, collected);
    lines.end(0, collected);
    return collected.pieces;
}

}  // namespace

TEST_CASE("a stream splits into the same lines however it is cut into chunks") {
    const std::size_t max_line = GENERATE(std::size_t{1}, std::size_t{2}, std::size_t{7},
                                          std::size_t{64}, std::size_t{16384});
    const auto seed = static_cast<std::uint64_t>(GENERATE(range(1, 9)));
    INFO("max-line " << max_line << ", seed " << seed);
    std::mt19937_64 random(seed);
    std::string stream;
    while (stream.size() < 20000) {
        stream.append(random() % (random() % 4 == 0 ? 200 : 12),
                      static_cast<char>('a' + stream.size() % 26));
        if (random() % 5 != 0) stream += '\n';
        if (random() % 9 == 0) stream += std::string("\r\0\xff", 3);
    }
    if (seed % 2 == 0) stream += '\n';
    std::vector<std::string> chunks;
    for (std::size_t at = 0; at < stream.size();) {
        const std::size_t size = 1 + random() % (random() % 3 == 0 ? 2000 : 9);
        chunks.push_back(stream.substr(at, size));
        at += size;
    }
    const auto have = split(chunks, max_line);
    const auto want = lines_of(stream, max_line);
    REQUIRE(have.size() == want.size());
    const auto differs = std::mismatch(have.begin(), have.end(), want.begin());
    if (differs.first != have.end()) FAIL(*differs.first << " is not " << *differs.second);
}

TEST_CASE("pieces of a long line are marked and share its number") {
    CHECK(split({"abcdefg\nx\n"}, 3) == std::vector<piece>{{"abc", 1, line_piece::first, false},
                                                           {"def", 1, line_piece::middle, false},
                                                           {"g", 1, line_piece::last, false},
                                                           {"x", 2, line_piece::whole, false}});
    // Exactly the limit is not too long, even when its newline comes later.
    CHECK(split({"abc", "\n"}, 3) == std::vector<piece>{{"abc", 1, line_piece::whole, false}});
    CHECK(split({"abc", "d", "\n"}, 3) == std::vector<piece>{{"abc", 1, line_piece::first, false},
                                                             {"d", 1, line_piece::last, false}});
    CHECK(
        split({"ab\n"}, 0) ==  // a limit of nothing is one byte
        std::vector<piece>{{"a", 1, line_piece::first, false}, {"b", 1, line_piece::last, false}});
}

TEST_CASE("a last line without a newline is delivered at the end, marked") {
    CHECK(split({"a\nb"}, 10) == std::vector<piece>{{"a", 1, line_piece::whole, false},
                                                    {"b", 2, line_piece::whole, true}});
    CHECK(split({"abcd"}, 2) == std::vector<piece>{{"ab", 1, line_piece::first, false},
                                                   {"cd", 1, line_piece::last, true}});
    CHECK(split({"a\n"}, 10) == std::vector<piece>{{"a", 1, line_piece::whole, false}});
    CHECK(split({}, 10).empty());
    CHECK(split({"\n\n"}, 10) ==
          std::vector<piece>{{"", 1, line_piece::whole, false}, {"", 2, line_piece::whole, false}});
}

TEST_CASE("a splitter that starts in the middle of a line skips the rest of it") {
    CHECK(split({"rest", " of it", "\nnext\n"}, 10, true, 8) ==
          std::vector<piece>{{"next", 8, line_piece::whole, false}});
    CHECK(split({"rest of it"}, 10, true, 8).empty());
    CHECK(split({"rest\n"}, 10, true, 8).empty());
    CHECK(split({"\nx"}, 10, true, 8) == std::vector<piece>{{"x", 8, line_piece::whole, true}});
}

TEST_CASE("a line carries the time of its last byte") {
    line_splitter lines(4, 1, false);
    std::vector<std::int64_t> times;
    const auto note = [&](const line_view& line) { times.push_back(line.time); };
    lines.feed("ab", 10, note);
    lines.feed("c\nabcd", 20, note);
    lines.feed("e", 30, note);
    lines.end(40, note);
    CHECK(times == std::vector<std::int64_t>{20, 30, 40});
}
