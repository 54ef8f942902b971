// Words put together: lists and counts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fd2 {

/// "a, b, c" for `between` ", ".
template <class Words>
std::string join(const Words& words, std::string_view between) {
    std::string out;
    bool first = true;
    for (const auto& word : words) {
        if (!first) out += between;
        out += word;
        first = false;
    }
    return out;
}

/// "1 line", "2 lines".
inline std::string count_of(std::uint64_t number, std::string_view noun) {
    std::string out = std::to_string(number) + ' ';
    out += noun;
    if (number != 1) out += 's';
    return out;
}

}  // namespace fd2
