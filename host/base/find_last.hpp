// memrchr(3), which not every C library has.
#pragma once

#include <cstddef>

namespace fd2 {

/// Where `byte` is found last in the memory; null if it is not there.
const void* find_last(const void* data, unsigned char byte, std::size_t size) noexcept;

}  // namespace fd2
