#include "capture/line_splitter.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "support/catch.hpp"

using fd2::capture::count_newlines;
using fd2::capture::line_splitter;
using fd2::capture::line_view;

namespace {

struct piece {
    std::string text;
    std::uint64_t number;
    bool continued;
    bool continues;
    bool unterminated;

    bool operator==(const piece&) const = default;
};

std::ostream& operator<<(std::ostream& out, const piece& p) {
    return out << p.number << ":'" << p.text << "'" << (p.continued ? " continued" : "")
               << (p.continues ? " continues" : "") << (p.unterminated ? " unterminated" : "");
}

struct collector {
    std::vector<piece> pieces;
    void operator()(const line_view& line) {
        pieces.push_back({std::string(line.head) + std::string(line.rest), line.number,
                          line.continued, line.continues, line.unterminated});
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

/// The definition, written without any cleverness.
std::vector<piece> naive(const std::string& stream, std::size_t max_line) {
    std::vector<piece> out;
    std::uint64_t number = 1;
    for (std::size_t at = 0; at < stream.size(); ++number) {
        const std::size_t newline = stream.find('\n', at);
        const bool whole = newline != stream.npos;
        const std::size_t end = whole ? newline : stream.size();
        bool continued = false;
        while (end - at > max_line) {
            out.push_back({stream.substr(at, max_line), number, continued, true, false});
            at += max_line;
            continued = true;
        }
        out.push_back({stream.substr(at, end - at), number, continued, false, !whole});
        at = end + 1;
    }
    return out;
}

}  // namespace

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
    const auto want = naive(stream, max_line);
    REQUIRE(have.size() == want.size());
    const auto differs = std::mismatch(have.begin(), have.end(), want.begin());
    if (differs.first != have.end()) FAIL(*differs.first << " is not " << *differs.second);
}

TEST_CASE("pieces of a long line are marked and share its number") {
    CHECK(split({"abcdefg\nx\n"}, 3) == std::vector<piece>{{"abc", 1, false, true, false},
                                                           {"def", 1, true, true, false},
                                                           {"g", 1, true, false, false},
                                                           {"x", 2, false, false, false}});
    // Exactly the limit is not too long, even when its newline comes later.
    CHECK(split({"abc", "\n"}, 3) == std::vector<piece>{{"abc", 1, false, false, false}});
    CHECK(split({"abc", "d", "\n"}, 3) ==
          std::vector<piece>{{"abc", 1, false, true, false}, {"d", 1, true, false, false}});
    CHECK(split({"ab\n"}, 0) ==  // a limit of nothing is one byte
          std::vector<piece>{{"a", 1, false, true, false}, {"b", 1, true, false, false}});
}

TEST_CASE("a last line without a newline is delivered at the end, marked") {
    CHECK(split({"a\nb"}, 10) ==
          std::vector<piece>{{"a", 1, false, false, false}, {"b", 2, false, false, true}});
    CHECK(split({"abcd"}, 2) ==
          std::vector<piece>{{"ab", 1, false, true, false}, {"cd", 1, true, false, true}});
    CHECK(split({"a\n"}, 10) == std::vector<piece>{{"a", 1, false, false, false}});
    CHECK(split({}, 10).empty());
    CHECK(split({"\n\n"}, 10) ==
          std::vector<piece>{{"", 1, false, false, false}, {"", 2, false, false, false}});
}

TEST_CASE("a splitter that starts in the middle of a line skips the rest of it") {
    CHECK(split({"rest", " of it", "\nnext\n"}, 10, true, 8) ==
          std::vector<piece>{{"next", 8, false, false, false}});
    CHECK(split({"rest of it"}, 10, true, 8).empty());
    CHECK(split({"rest\n"}, 10, true, 8).empty());
    CHECK(split({"\nx"}, 10, true, 8) == std::vector<piece>{{"x", 8, false, false, true}});
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
