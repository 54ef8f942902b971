// How long a test waits for what must come.
#pragma once

#include "base/clock.hpp"

namespace fd2::test {

/// Long enough that only a hang reaches it.
inline constexpr nanoseconds_t hang = 60 * second;

}  // namespace fd2::test
