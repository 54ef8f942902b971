// The newest bytes of a stream, exactly as many as asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace fd2::capture {

/// Keeps the newest `limit` bytes of what was appended. Memory follows the content: nothing before
/// the first byte, doubling up to the limit, and only for a stream that has shown to be a large one
/// (see `reservable_after`) room to read into, so that its bytes are never copied.
/// Without memory it keeps fewer bytes; `offset` always tells which ones.
/// [not synchronised; memory handed out by `reserve` may be written without synchronisation]
class tail {
  public:
    /// The memory that `reserve` offers at least: what one read of a full pipe brings.
    static constexpr std::size_t chunk = 64 * 1024;
    /// A stream that brought this many bytes is large: from here on `reserve` succeeds.
    static constexpr std::uint64_t reservable_after = 16 * chunk;
    /// A limit above this is served by copying only; moving it once would stall the drain.
    static constexpr std::size_t reservable_limit = std::size_t{1} << 20;

    explicit tail(std::size_t limit) noexcept : limit_(limit) {}

    void append(const std::uint8_t* data, std::size_t size) noexcept;

    /// Memory for up to `room` (>= `chunk`) bytes, outside of what is kept, or null. Valid until
    /// the next call of `commit`, `append` or `reserve`.
    std::uint8_t* reserve(std::size_t& room) noexcept;

    /// Appends the first `size` bytes of what `reserve` gave, without a copy.
    void commit(std::size_t size) noexcept;

    bool is_reserved(const std::uint8_t* data) const noexcept {
        return data != nullptr && data == reserved_;
    }

    std::uint64_t total() const noexcept { return total_; }
    std::size_t size() const noexcept { return size_; }
    /// Position in the stream of the first byte kept.
    std::uint64_t offset() const noexcept { return total_ - size_; }
    std::size_t memory() const noexcept { return capacity_; }

    std::string bytes() const;

  private:
    void grow(std::size_t incoming) noexcept;
    bool make_reservable() noexcept;
    void advance(std::size_t size) noexcept;

    std::size_t limit_;
    std::unique_ptr<std::uint8_t[]> memory_;
    std::size_t capacity_ = 0;
    // The ring: what is kept ends at `head_`; below it, once wrapped, it continues at `wrap_`
    // downwards. While reservable, `wrap_` leaves a chunk free that is contiguous.
    std::size_t head_ = 0;
    std::size_t wrap_ = 0;
    std::size_t size_ = 0;
    std::uint64_t total_ = 0;
    std::uint8_t* reserved_ = nullptr;
    bool reservable_ = false;
    bool exhausted_ = false;  // memory was refused once: go on with what there is
};

}  // namespace fd2::capture
