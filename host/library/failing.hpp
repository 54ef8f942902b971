// Turns the failures of the rooms into those of the interface.
#pragma once

#include <fd2/error.hpp>

#include <utility>

#include "base/result.hpp"

namespace fd2 {

[[noreturn]] inline void throw_failure(const failure& why) {
    throw error(why.code, why.sys_errno, text_of(why), why.operation_size, why.object_size);
}

inline std::error_code code_of(const failure& why) noexcept {
    return code_of(why.code, why.sys_errno);
}

/// The value, or the exception.
template <class T>
T value_or_throw(result<T> got) {
    if (!got) throw_failure(got.error());
    return std::move(*got);
}
inline void value_or_throw(const status& got) {
    if (!got) throw_failure(got.error());
}

}  // namespace fd2
