// The newest bytes of a stream, exactly as many as asked for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace fd2::capture {

/// Keeps the newest `limit` bytes of what was appended. Memory follows the content: none before the
/// first byte, then doubled up to the limit. A stream that has proved large (see
/// `reservable_after`) also gets space to read into, so that its bytes are never copied.
/// Where memory is refused it keeps fewer bytes; `offset` always says which ones.
/// [not synchronised; memory handed out by `reserve` may be written without synchronisation]
class tail {
  public:
    /// The least memory that `reserve` offers: what one read of a full pipe brings.
    static constexpr std::size_t chunk = 64 * 1024;
    /// A stream that brought this many bytes is large: from here on `reserve` succeeds.
    static constexpr std::uint64_t reservable_after = 16 * chunk;
    /// A limit above this is served by copying only; moving it once would stall the drain.
    static constexpr std::size_t reservable_limit = std::size_t{1} << 20;

    explicit tail(std::size_t limit) noexcept : limit_(limit) {}

    void append(const std::uint8_t* data, std::size_t size) noexcept;

    /// Memory for up to `space` (>= `chunk`) bytes, outside of what is kept, or null. Valid until
    /// the next call of `commit`, `append` or `reserve`.
    std::uint8_t* reserve(std::size_t& space) noexcept;

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

    /// The same in place, oldest first; the first part is often empty. Valid until the next append.
    std::array<std::string_view, 2> parts() const noexcept;

  private:
    void grow(std::size_t incoming) noexcept;
    bool make_reservable() noexcept;
    void advance(std::size_t size) noexcept;

    std::size_t limit_;
    std::unique_ptr<std::uint8_t[]> memory_;
    std::size_t capacity_ = 0;
    // The ring. The newest bytes end at `head_`; once it has wrapped, the older ones end at
    // `wrap_`:
    //
    //     | newest kept |  not kept  | oldest kept |  unused  |
    //     0           head_                      wrap_    capacity_
    //
    // `wrap_` is below `capacity_` only while reservable: `reserve` needs a chunk in one piece, and
    // wraps early where the end of the ring is too near.
    std::size_t head_ = 0;
    std::size_t wrap_ = 0;
    std::size_t size_ = 0;
    std::uint64_t total_ = 0;
    std::uint8_t* reserved_ = nullptr;
    bool reservable_ = false;
    bool exhausted_ = false;  // memory was refused once: go on with what there is
};

}  // namespace fd2::capture
