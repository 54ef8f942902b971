#include "capture/tail.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace fd2::capture {

namespace {
constexpr std::size_t first_capacity = 256;
}

void tail::grow(std::size_t incoming) noexcept {
    const std::size_t wanted = std::min(limit_, size_ + std::min(incoming, limit_));
    if (wanted <= capacity_ || exhausted_) return;
    std::size_t capacity = std::max(capacity_, first_capacity);
    while (capacity < wanted) capacity *= 2;
    capacity = std::min(capacity, limit_);
    std::unique_ptr<std::uint8_t[]> larger(new (std::nothrow) std::uint8_t[capacity]);
    if (!larger) {
        exhausted_ = true;
        return;
    }
    // Below the limit nothing has been overwritten yet: what is kept starts at 0.
    if (size_ != 0) std::memcpy(larger.get(), memory_.get(), size_);
    memory_ = std::move(larger);
    capacity_ = wrap_ = capacity;
    head_ = size_;
}

void tail::advance(std::size_t size) noexcept {
    total_ += size;
    size_ = std::min(size_ + size, reservable_ ? limit_ : capacity_);
}

void tail::append(const std::uint8_t* data, std::size_t size) noexcept {
    reserved_ = nullptr;
    if (!reservable_) grow(size);
    const std::size_t keep = reservable_ ? limit_ : capacity_;
    const std::size_t skipped = size > keep ? size - keep : 0;
    std::size_t left = size - skipped;
    const std::uint8_t* source = data + skipped;
    while (left != 0) {
        // After a wrap the next lap may again use the whole ring.
        if (head_ == capacity_) {
            wrap_ = capacity_;
            head_ = 0;
        }
        const std::size_t part = std::min(left, capacity_ - head_);
        std::memcpy(memory_.get() + head_, source, part);
        head_ += part;
        source += part;
        left -= part;
    }
    advance(size);
}

bool tail::make_reservable() noexcept {
    if (exhausted_ || limit_ > reservable_limit || total_ < reservable_after) return false;
    const std::size_t capacity = limit_ + 2 * chunk;
    std::unique_ptr<std::uint8_t[]> ring(new (std::nothrow) std::uint8_t[capacity]);
    if (!ring) {
        exhausted_ = true;
        return false;
    }
    const std::size_t upper = std::min(size_, head_);
    const std::size_t lower = size_ - upper;
    if (lower != 0) std::memcpy(ring.get(), memory_.get() + wrap_ - lower, lower);
    if (upper != 0) std::memcpy(ring.get() + lower, memory_.get() + head_ - upper, upper);
    memory_ = std::move(ring);
    capacity_ = wrap_ = capacity;
    head_ = size_;
    reservable_ = true;
    return true;
}

std::uint8_t* tail::reserve(std::size_t& space) noexcept {
    if (!reservable_ && !make_reservable()) return nullptr;
    if (capacity_ - head_ < chunk) {
        // Wrap early: the lap ends here, and a whole chunk is free at the start, because more than
        // limit_ + chunk bytes lie below.
        wrap_ = head_;
        head_ = 0;
    }
    space = chunk;
    reserved_ = memory_.get() + head_;
    return reserved_;
}

void tail::commit(std::size_t size) noexcept {
    reserved_ = nullptr;
    head_ += size;
    advance(size);
}

std::string tail::bytes() const {
    std::string out;
    out.reserve(size_);
    for (const std::string_view part : parts()) out += part;
    return out;
}

std::array<std::string_view, 2> tail::parts() const noexcept {
    const std::size_t upper = std::min(size_, head_);
    const std::size_t lower = size_ - upper;
    const auto* const memory = reinterpret_cast<const char*>(memory_.get());
    std::array<std::string_view, 2> out;
    if (lower != 0) out[0] = {memory + wrap_ - lower, lower};
    if (upper != 0) out[1] = {memory + head_ - upper, upper};
    return out;
}

}  // namespace fd2::capture
