// Instead of newlines.cpp: AVX2 where the processor has it, decided at run time.
#include "capture/newline_lanes.hpp"
#include "capture/newlines.hpp"

namespace fd2::capture {

namespace {
using lanes_32 = std::uint8_t __attribute__((vector_size(32)));

__attribute__((target("avx2"))) std::uint64_t count_with_avx2(const std::uint8_t* data,
                                                              std::size_t size) noexcept {
    return count_in_lanes<lanes_32>(data, size);
}
}  // namespace

std::uint64_t count_newlines(const std::uint8_t* data, std::size_t size) noexcept {
    // A look into a variable of the compiler's run-time library.
    if (__builtin_cpu_supports("avx2")) return count_with_avx2(data, size);
    return count_in_lanes<lanes_16>(data, size);
}

}  // namespace fd2::capture
