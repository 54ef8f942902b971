// Blocks of lines, who receives lines, and finding '\n' in bulk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/find_last.hpp"
#include "base/flow.hpp"
#include "base/line_view.hpp"

namespace fd2::capture {

/// Whole lines, one after another as they came, each within the limit. The view lives for the
/// call only.
struct line_block {
    std::string_view text;    ///< every line with its '\n'
    std::uint64_t count = 0;  ///< of lines
    std::uint64_t first = 0;  ///< number of the first one
    std::int64_t time = 0;    ///< of all of them
};

/// Receives lines on the drain's thread, without a lock of the capture's: bounded time, no
/// exception, no blocking. It may add consumers and remove them, itself included.
class line_consumer {
  public:
    virtual ~line_consumer() = default;

    /// Takes a copy of the line, which is valid for the call only. False: refused, which counts as
    /// dropped.
    virtual bool try_take(const line_view& line) noexcept = 0;

    /// Takes a copy of many lines at once; returns how many of them it refused. This one calls
    /// `try_take` for each.
    virtual std::uint64_t take_block(const line_block& block) noexcept;

    /// The lines of one chunk have all been offered. flow::pause: the consumer is full, and will
    /// have the channel resumed.
    virtual flow chunk_done() noexcept = 0;

    /// No further line will come.
    virtual void ended() noexcept = 0;
};

/// Number of '\n' in `data`: a vectorised count, far cheaper than splitting.
std::uint64_t count_newlines(const std::uint8_t* data, std::size_t size) noexcept;

/// The same with vectors of 16 bytes, which every x86-64 and arm64 has; count_newlines takes those
/// of 32 where the processor has them, decided at run time.
std::uint64_t count_newlines_narrow(const std::uint8_t* data, std::size_t size) noexcept;

inline std::uint64_t count_newlines(std::string_view text) noexcept {
    return count_newlines(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

/// Bytes of `text` up to and including its first '\n', which must be there.
inline std::size_t first_line(std::string_view text) noexcept {
    return text.find('\n') + 1;
}

/// Bytes of `text` up to and including its last '\n'; 0 if there is none.
inline std::size_t whole_lines(std::string_view text) noexcept {
    if (text.empty()) return 0;
    const void* last = find_last(text.data(), '\n', text.size());
    if (last == nullptr) return 0;
    return static_cast<std::size_t>(static_cast<const char*>(last) - text.data()) + 1;
}

}  // namespace fd2::capture
