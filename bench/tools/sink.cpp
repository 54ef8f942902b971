// The far side of a relay: reads its stdin to the end and tells on stdout what came, in JSON.
//
//   sink [--cpu=N]            {"bytes": N}
//   sink --stamps [--cpu=N]   {"bytes": N, "delays_ns": [...]}: for each line of `lone_lines`, how
//                             long it was under way

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "support/arguments.hpp"
#include "support/process.hpp"

namespace {

using namespace fd2::bench;

constexpr std::size_t buffer_size = std::size_t{64} << 10;

/// Notes the age of every line that `chunk` completes.
class stamp_reader {
  public:
    void feed(std::string_view chunk, fd2::nanoseconds_t present) {
        held_.append(chunk);
        std::size_t start = 0;
        for (std::size_t end; (end = held_.find('\n', start)) != held_.npos; start = end + 1) {
            delays_.push_back(present - std::strtoll(held_.c_str() + start, nullptr, 10));
        }
        held_.erase(0, start);
    }
    const std::vector<fd2::nanoseconds_t>& delays() const { return delays_; }

  private:
    std::string held_;
    std::vector<fd2::nanoseconds_t> delays_;
};

}  // namespace

int main(int argc, char** argv) {
    const arguments given(argc, argv);
    pin(given.number("cpu", -1));
    const bool stamps = given.flag("stamps");
    stamp_reader reader;
    std::uint64_t bytes = 0;
    std::vector<char> buffer(buffer_size);
    for (;;) {
        const ssize_t got = read_some(STDIN_FILENO, buffer.data(), buffer.size());
        // The master of a terminal has EIO for the end.
        if (got == 0 || (got < 0 && errno == EIO)) break;
        if (got < 0) die("sink");
        bytes += static_cast<std::uint64_t>(got);
        if (stamps) reader.feed({buffer.data(), static_cast<std::size_t>(got)}, fd2::now());
    }
    std::printf("{\"bytes\":%llu", static_cast<unsigned long long>(bytes));
    if (stamps) {
        const char* separator = ",\"delays_ns\":[";
        for (const auto delay : reader.delays()) {
            std::printf("%s%lld", separator, static_cast<long long>(delay));
            separator = ",";
        }
        std::printf("%s]", reader.delays().empty() ? separator : "");
    }
    std::printf("}\n");
}
