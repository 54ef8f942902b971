// What lines a stream of chunks consists of, without any cleverness: for comparisons.
#pragma once

#include <fd2/line_piece.hpp>

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace fd2::test {

struct model_line {
    std::string text;
    std::uint64_t number = 0;
    line_piece piece = line_piece::whole;
    bool unterminated = false;

    bool operator==(const model_line&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const model_line& line) {
    return out << line.number << ":'" << line.text << "'"
               << " piece " << static_cast<int>(line.piece)
               << (line.unterminated ? " unterminated" : "");
}

/// Lines and pieces of `stream`, which is over.
inline std::vector<model_line> lines_of(const std::string& stream, std::size_t max_line) {
    std::vector<model_line> out;
    std::uint64_t number = 1;
    for (std::size_t at = 0; at < stream.size(); ++number) {
        const std::size_t newline = stream.find('\n', at);
        const bool whole = newline != stream.npos;
        const std::size_t end = whole ? newline : stream.size();
        line_piece begun = line_piece::first;
        while (end - at > max_line) {
            out.push_back({stream.substr(at, max_line), number, begun, false});
            at += max_line;
            begun = line_piece::middle;
        }
        const bool alone = begun == line_piece::first;
        out.push_back({stream.substr(at, end - at), number,
                       alone ? line_piece::whole : line_piece::last, !whole});
        at = end + 1;
    }
    return out;
}

}  // namespace fd2::test
