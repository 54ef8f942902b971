// The child whose stderr is carried: 80-byte lines, a fixed amount of them.
//
//   writer --bytes=N [--size=4096] [--jitter] [--writers=1] [--fd=2] [--cpu=N] [--report-fd=N]
//
// --size is the size of one write(2), at most 1 MiB: 4096 for a writer of blocks, 80 for one write
// a line; with other sizes writes and lines do not begin together. With --jitter a write has half
// to one and a half times as many bytes. --writers is how many processes share the bytes. The clock
// starts behind a warm-up, when the relay is known to be at work, and stops with the last write;
// both times the object between us and the relay is as full as it ever is, so what it holds cancels
// out. The report is one JSON object.

#include <sys/wait.h>

#include <algorithm>
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
constexpr std::size_t largest_write = std::size_t{3} << 19;  // 1 MiB with jitter
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

/// One process that writes.
class writer {
  public:
    writer(int fd, std::size_t size, bool jitter) : fd_(fd), size_(size), jitter_(jitter) {}

    std::uint64_t written() const { return written_; }

    void write_until(std::uint64_t end) {
        while (written_ < end) {
            const std::size_t size = jitter_ ? next_size() : size_;
            if (!write_all(fd_, pattern_.data() + offset_, size)) die("writer");
            offset_ = (offset_ + size) % pattern_size;
            written_ += size;
        }
    }

  private:
    std::size_t next_size() {
        random_ = random_ * 6364136223846793005U + 1442695040888963407U;  // Knuth's, MMIX
        return std::max<std::size_t>(size_ / 2 + (random_ >> 33) % (size_ + 1), 1);
    }

    int fd_;
    std::size_t size_;
    bool jitter_;
    const std::vector<char> pattern_ = make_pattern();
    std::size_t offset_ = 0;
    std::uint64_t written_ = 0;
    std::uint64_t random_ = 1;
};

}  // namespace

int main(int argc, char** argv) {
    const arguments given(argc, argv);
    const auto wanted = static_cast<std::uint64_t>(given.number("bytes", 0));
    const auto size = static_cast<std::size_t>(given.number("size", 4096));
    const auto writers = static_cast<std::uint64_t>(given.number("writers", 1));
    const int fd = static_cast<int>(given.number("fd", STDERR_FILENO));
    const int report = static_cast<int>(given.number("report-fd", -1));
    if (size == 0 || size > largest_write / 3 * 2 || writers == 0) {
        std::fprintf(stderr, "--size: 1 to %zu; --writers: at least 1\n", largest_write / 3 * 2);
        return 2;
    }
    pin(given.number("cpu", -1));
    writer own(fd, size, given.flag("jitter"));
    // Behind it the relay is known to be at work, in every writer's place.
    if (wanted > 0) own.write_until(warm_up);
    const std::uint64_t before = own.written();

    const fd2::nanoseconds_t start = fd2::now();
    for (std::uint64_t i = 1; i < writers; ++i) {
        const pid_t pid = ::fork();
        if (pid < 0) die("fork");
        if (pid == 0) {
            own.write_until(before + wanted / writers);
            ::_exit(0);
        }
    }
    own.write_until(before + wanted / writers);
    for (std::uint64_t i = 1; i < writers; ++i) {
        int status = 0;
        if (::wait(&status) < 0 || status != 0) die("a writer");
    }
    const fd2::nanoseconds_t end = fd2::now();
    // The others are copies: they have written the same.
    const std::uint64_t timed = writers * (own.written() - before);
    if (report >= 0) {
        char text[200];
        const int length = std::snprintf(
            text, sizeof(text), "{\"seconds\":%.9f,\"bytes\":%llu,\"total\":%llu,\"cpu\":%.6f}\n",
            static_cast<double>(end - start) / 1e9, static_cast<unsigned long long>(timed),
            static_cast<unsigned long long>(before + timed), cpu_seconds());
        if (!write_all(report, text, static_cast<std::size_t>(length))) die("report");
    }
}
