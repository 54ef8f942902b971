// Looking for '\n' in bulk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace fd2::capture {

/// Number of '\n' in `data`: a vectorised count, far cheaper than splitting.
std::uint64_t count_newlines(const std::uint8_t* data, std::size_t size) noexcept;

inline std::uint64_t count_newlines(std::string_view text) noexcept {
    return count_newlines(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

/// Bytes of `text` up to and with its first '\n', which must be there.
inline std::size_t first_line(std::string_view text) noexcept {
    return text.find('\n') + 1;
}

/// Bytes of `text` up to and with its last '\n'; 0 when there is none.
inline std::size_t whole_lines(std::string_view text) noexcept {
    if (text.empty()) return 0;
    const void* last = ::memrchr(text.data(), '\n', text.size());
    if (last == nullptr) return 0;
    return static_cast<std::size_t>(static_cast<const char*>(last) - text.data()) + 1;
}

}  // namespace fd2::capture
