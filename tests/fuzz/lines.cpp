// The line splitter, fed in chunks of any size, against the plainest splitter there is.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "capture/line_splitter.hpp"

namespace {

struct piece {
    std::string text;
    std::uint64_t number;
    fd2::line_piece which;
    bool unterminated;
    bool operator==(const piece&) const = default;
};

/// Splits the whole stream at once, byte by byte.
std::vector<piece> naive(const std::string& stream, std::size_t max_line, std::uint64_t number,
                         bool in_line) {
    std::vector<piece> out;
    std::string held;
    bool within = false;
    const auto emit = [&](bool more, bool unterminated) {
        const auto begun = within ? fd2::line_piece::middle : fd2::line_piece::first;
        const auto over = within ? fd2::line_piece::last : fd2::line_piece::whole;
        out.push_back({held, number, more ? begun : over, unterminated});
        held.clear();
        within = more;
        if (!more) ++number;
    };
    for (const char c : stream) {
        if (in_line) {
            in_line = c != '\n';
        } else if (c == '\n') {
            emit(false, false);
        } else {
            if (held.size() == max_line) emit(true, false);
            held += c;
        }
    }
    if (!held.empty()) emit(false, true);
    return out;
}

void expect(bool good) {
    if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace fd2::capture;
    FuzzedDataProvider from(data, size);
    const auto max_line = from.ConsumeIntegralInRange<std::size_t>(1, 40);
    const auto first = from.ConsumeIntegralInRange<std::uint64_t>(1, 3);
    const bool in_line = from.ConsumeBool();
    const bool blocks = from.ConsumeBool();

    std::vector<piece> got;
    const auto emit = [&](const fd2::line_view& line) {
        got.push_back({std::string(line.head) + std::string(line.rest), line.number, line.piece,
                       line.unterminated});
    };
    const auto emit_block = [&](const line_block& block) {
        std::string_view rest = block.text;
        std::uint64_t count = 0;
        for (; !rest.empty(); ++count) {
            const std::size_t line = first_line(rest);
            expect(line != 0 && line - 1 <= max_line);
            got.push_back({std::string(rest.substr(0, line - 1)), block.first + count,
                           fd2::line_piece::whole, false});
            rest.remove_prefix(line);
        }
        expect(count == block.count && count != 0);
    };
    line_splitter splitter(max_line, first, in_line);
    std::string stream;
    while (from.remaining_bytes() != 0) {
        const std::string chunk = from.ConsumeRandomLengthString(100);
        std::uint64_t newlines = 0;
        for (const char c : chunk) newlines += c == '\n';
        expect(count_newlines(chunk) == newlines);
        if (blocks) {
            splitter.feed(chunk, newlines, 0, emit, emit_block);
        } else {
            splitter.feed(chunk, 0, emit);
        }
        stream += chunk;
    }
    splitter.end(0, emit);
    expect(got == naive(stream, max_line, first, in_line));
    return 0;
}
