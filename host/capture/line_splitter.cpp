#include "capture/line_splitter.hpp"

#include <cstring>

namespace fd2::capture {

namespace {
// 16: what every x86-64 and arm64 has. A wider one is taken apart again, byte by byte, by a
// compiler that may not use AVX2.
using lanes = std::uint8_t __attribute__((vector_size(16)));
}  // namespace

std::uint64_t count_newlines(const std::uint8_t* data, std::size_t size) noexcept {
    std::uint64_t total = 0;
    while (size >= sizeof(lanes)) {
        // A lane counts to 255 before it must be emptied.
        std::size_t rounds = size / sizeof(lanes);
        if (rounds > 255) rounds = 255;
        lanes count{};
        for (std::size_t i = 0; i < rounds; ++i) {
            lanes bytes;
            std::memcpy(&bytes, data, sizeof(bytes));
            count -= reinterpret_cast<lanes>(bytes == static_cast<std::uint8_t>('\n'));
            data += sizeof(lanes);
        }
        size -= rounds * sizeof(lanes);
        for (std::size_t i = 0; i < sizeof(lanes); ++i) total += count[i];
    }
    for (; size != 0; --size) total += *data++ == '\n';
    return total;
}

}  // namespace fd2::capture
