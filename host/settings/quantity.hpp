// Sizes and lengths of time with their units: "64KiB", "25ms". One number, one unit, no space.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace fd2::settings {

/// What is wrong with a value, and what to write instead.
struct problem {
    std::string message;
    std::string advice;
};

template <class T>
struct converted {
    std::optional<T> value;
    problem wrong = {};
};

/// B, KiB, MiB, GiB, TiB; whole numbers; 0B is written with its unit too.
converted<std::int64_t> parse_size(std::string_view text);

/// ns, us, ms, s, min, h; whole numbers. The value is in nanoseconds.
converted<std::int64_t> parse_duration(std::string_view text);

/// The shortest exact spelling: 65536 is "64KiB", 1000 is "1000B".
std::string format_size(std::int64_t bytes);

/// The shortest exact spelling: 25'000'000 is "25ms".
std::string format_duration(nanoseconds_t length);

/// The regular expressions (ECMA) that the spellings above match.
inline constexpr std::string_view size_pattern = "^[0-9]+(B|KiB|MiB|GiB|TiB)$";
inline constexpr std::string_view duration_pattern = "^[0-9]+(ns|us|ms|s|min|h)$";

}  // namespace fd2::settings
