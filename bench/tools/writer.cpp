// The child whose stderr is carried: 80-byte lines, a fixed amount of them.
//
//   writer --bytes=N [--size=4096] [--fd=2] [--cpu=N] [--report-fd=N]
//
// --size is the size of one write(2), at most 64 KiB: 4096 for a writer of blocks, 80 for one write
// a line; with other sizes writes and lines do not begin together.
// The clock starts behind a warm-up, when the relay is known to be at work, and stops with the last
// write; both times the object between us and the relay is as full as it ever is, so what it holds
// cancels out. The report is one JSON object.

#include <cstdint>
#include <cstring>
#include <vector>

#include "base/clock.hpp"
#include "support/arguments.hpp"
#include "support/process.hpp"

namespace {

using namespace fd2::bench;

constexpr std::size_t line_size = 80;
// Whole lines: the text goes on where it began. Behind it, as much again as the largest write.
constexpr std::size_t pattern_size = 20480;
constexpr std::size_t largest_write = 65536;
static_assert(pattern_size % line_size == 0);

// Four default pipes.
constexpr std::size_t warm_up = std::size_t{256} << 10;

std::vector<char> make_pattern() {
    std::vector<char> out(pattern_size + largest_write);
    for (std::size_t at = 0; at < pattern_size; at += line_size) {
        char line[line_size + 1];
        std::snprintf(line, sizeof(line), "remote: line %06zu: %-58s", at / line_size,
                      "the quick brown fox jumps over the lazy dog");
        line[line_size - 1] = '\n';
        std::memcpy(out.data() + at, line, line_size);
    }
    for (std::size_t at = pattern_size; at < out.size(); ++at) out[at] = out[at - pattern_size];
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    const arguments given(argc, argv);
    const auto wanted = static_cast<std::size_t>(given.number("bytes", 0));
    const auto size = static_cast<std::size_t>(given.number("size", 4096));
    const int fd = static_cast<int>(given.number("fd", STDERR_FILENO));
    const int report = static_cast<int>(given.number("report-fd", -1));
    if (size == 0 || size > largest_write) {
        std::fprintf(stderr, "--size: 1 to %zu\n", largest_write);
        return 2;
    }
    pin(given.number("cpu", -1));
    const auto pattern = make_pattern();

    std::size_t offset = 0;
    std::uint64_t written = 0;
    const auto write_until = [&](std::uint64_t end) {
        while (written < end) {
            if (!write_all(fd, pattern.data() + offset, size)) die("writer");
            offset = (offset + size) % pattern_size;
            written += size;
        }
    };
    if (wanted > 0) write_until(warm_up);
    const std::uint64_t before = written;
    const fd2::nanoseconds_t start = fd2::now();
    write_until(before + wanted);
    const fd2::nanoseconds_t end = fd2::now();
    if (report >= 0) {
        char text[200];
        const int length = std::snprintf(
            text, sizeof(text), "{\"seconds\":%.9f,\"bytes\":%llu,\"total\":%llu,\"cpu\":%.6f}\n",
            static_cast<double>(end - start) / 1e9,
            static_cast<unsigned long long>(written - before),
            static_cast<unsigned long long>(written), cpu_seconds());
        if (!write_all(report, text, static_cast<std::size_t>(length))) die("report");
    }
}
