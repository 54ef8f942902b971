#include "capture/lines.hpp"
#include "capture/newline_lanes.hpp"

#if defined(__x86_64__) && __has_include(<sys/platform/x86.h>)
// It writes C's name of the type, which clang does not know in strict C++.
#define _Bool bool
#include <sys/platform/x86.h>
#undef _Bool
#endif

namespace fd2::capture {

#ifdef __x86_64__
namespace {

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

}  // namespace

std::uint64_t count_newlines(const std::uint8_t* data, std::size_t size) noexcept {
    if (has_avx2()) return count_with_avx2(data, size);
    return count_newlines_narrow(data, size);
}
#else
std::uint64_t count_newlines(const std::uint8_t* data, std::size_t size) noexcept {
    return count_newlines_narrow(data, size);
}
#endif

}  // namespace fd2::capture
