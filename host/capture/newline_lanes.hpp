// Counting '\n' with vectors. Private to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace fd2::capture {

/// Counts '\n' with vectors of any width. `Lanes` is a vector of std::uint8_t that the target of
/// the calling function has; hence inline always. One that it lacks is taken apart again by the
/// compiler, byte by byte.
template <class Lanes>
[[gnu::always_inline]] inline std::uint64_t count_in_lanes(const std::uint8_t* data,
                                                           std::size_t size) noexcept {
    std::uint64_t total = 0;
    while (size >= sizeof(Lanes)) {
        // A lane counts to 255 before it must be emptied.
        std::size_t rounds = size / sizeof(Lanes);
        if (rounds > 255) rounds = 255;
        Lanes count{};
        for (std::size_t i = 0; i < rounds; ++i) {
            Lanes bytes;
            std::memcpy(&bytes, data, sizeof(bytes));
            count -= reinterpret_cast<Lanes>(bytes == static_cast<std::uint8_t>('\n'));
            data += sizeof(Lanes);
        }
        size -= rounds * sizeof(Lanes);
        for (std::size_t i = 0; i < sizeof(Lanes); ++i) total += count[i];
    }
    for (; size != 0; --size) total += *data++ == '\n';
    return total;
}

}  // namespace fd2::capture
