// Backpressure: what a consumer answers when it is handed data.
#pragma once

#include <cstdint>

namespace fd2 {

/// What was handed over has been taken either way.
enum class flow : std::uint8_t {
    more,  ///< hand over more
    pause  ///< full: hand over nothing until the consumer resumes its producer
};

}  // namespace fd2
