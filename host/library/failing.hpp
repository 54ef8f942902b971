// From the rooms' failures to those of the interface.
#pragma once

#include <fd2/error.hpp>

#include <utility>

#include "base/result.hpp"

namespace fd2 {

[[noreturn]] inline void raise(const failure& why) {
    throw error(why.code, why.sys_errno, why.message, why.operation_size, why.object_size);
}

inline std::error_code code_of(const failure& why) noexcept {
    return code_of(why.code, why.sys_errno);
}

/// The value, or the exception.
template <class T>
T must(result<T> got) {
    if (!got) raise(got.error());
    return std::move(*got);
}
inline void must(const status& got) {
    if (!got) raise(got.error());
}

}  // namespace fd2
