#include "capture/lines.hpp"

#if defined(__x86_64__) && __has_include(<sys/platform/x86.h>)
#include <sys/platform/x86.h>
#endif

namespace fd2::capture {
namespace {

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

using lanes_16 = std::uint8_t __attribute__((vector_size(16)));

#ifdef __x86_64__
using lanes_32 = std::uint8_t __attribute__((vector_size(32)));

__attribute__((target("avx2"))) std::uint64_t count_with_avx2(const std::uint8_t* data,
                                                              std::size_t size) noexcept {
    return count_in_lanes<lanes_32>(data, size);
}

bool has_avx2() noexcept {
#ifdef CPU_FEATURE_ACTIVE
    // What the run-time linker has found out. The compiler's own way asks the processor at every
    // start of the program, which a virtual machine answers through its host: 100 us.
    return CPU_FEATURE_ACTIVE(AVX2);
#else
    return __builtin_cpu_supports("avx2");
#endif
}
#endif

}  // namespace

std::uint64_t count_newlines_narrow(const std::uint8_t* data, std::size_t size) noexcept {
    return count_in_lanes<lanes_16>(data, size);
}

#ifdef __x86_64__
std::uint64_t count_newlines(const std::uint8_t* data, std::size_t size) noexcept {
    if (has_avx2()) return count_with_avx2(data, size);
    return count_in_lanes<lanes_16>(data, size);
}
#else
std::uint64_t count_newlines(const std::uint8_t* data, std::size_t size) noexcept {
    return count_newlines_narrow(data, size);
}
#endif

std::uint64_t line_consumer::take_block(const line_block& block) noexcept {
    line_view line;
    line.number = block.first;
    line.time = block.time;
    std::uint64_t refused = 0;
    for (std::string_view text = block.text; !text.empty(); ++line.number) {
        const std::size_t size = first_line(text);
        line.rest = text.substr(0, size - 1);
        refused += !try_take(line);
        text.remove_prefix(size);
    }
    return refused;
}

}  // namespace fd2::capture
