#include <array>
#include <cstring>

#include "forward/shaper.hpp"

namespace fd2::forward {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

/// What may follow a lead byte: how many bytes, and the range of the first of them (Unicode 15,
/// table 3-7). `more` 0: no lead byte of a longer sequence.
struct lead {
    unsigned more = 0;
    std::uint8_t low = 0x80;
    std::uint8_t high = 0xBF;
};

constexpr lead lead_of(std::uint8_t byte) noexcept {
    if (byte >= 0xC2 && byte <= 0xDF) return {1, 0x80, 0xBF};
    if (byte == 0xE0) return {2, 0xA0, 0xBF};
    if (byte == 0xED) return {2, 0x80, 0x9F};
    if (byte >= 0xE1 && byte <= 0xEF) return {2, 0x80, 0xBF};
    if (byte == 0xF0) return {3, 0x90, 0xBF};
    if (byte >= 0xF1 && byte <= 0xF3) return {3, 0x80, 0xBF};
    if (byte == 0xF4) return {3, 0x80, 0x8F};
    return {};
}

/// The size of the longest prefix that consists of whole, valid characters.
std::size_t valid_span(const std::uint8_t* data, std::size_t size) noexcept {
    std::size_t at = 0;
    while (at < size) {
        if (data[at] < 0x80) {
            // Eight ASCII bytes at a time: nearly all of what a shell's stderr carries.
            std::uint64_t eight = 0;
            while (size - at >= sizeof eight) {
                std::memcpy(&eight, data + at, sizeof eight);
                if ((eight & 0x8080808080808080U) != 0) break;
                at += sizeof eight;
            }
            while (at < size && data[at] < 0x80) ++at;
            continue;
        }
        const lead first = lead_of(data[at]);
        if (first.more == 0 || size - at <= first.more) return at;
        if (data[at + 1] < first.low || data[at + 1] > first.high) return at;
        for (unsigned i = 2; i <= first.more; ++i) {
            if ((data[at + i] & 0xC0) != 0x80) return at;
        }
        at += first.more + 1;
    }
    return at;
}

class utf8 final : public shaper {
  public:
    shaped feed(const std::uint8_t* data, std::size_t size, std::string& scratch) override {
        if (kept_size_ == 0 && valid_span(data, size) == size) return {data, size, size};
        // The worst case, every byte replaced, so that nothing fails half-way.
        scratch.reserve((size + 1) * replacement.size() + kept_.size());
        const std::uint64_t given = kept_size_ + size;
        for (std::size_t at = 0; at < size;) {
            if (kept_size_ > 0) {
                if (!follow(data[at], scratch)) continue;
                ++at;
                continue;
            }
            const std::size_t span = valid_span(data + at, size - at);
            scratch.append(reinterpret_cast<const char*>(data + at), span);
            at += span;
            if (at == size) break;
            begin(data[at++], scratch);
        }
        return {reinterpret_cast<const std::uint8_t*>(scratch.data()), scratch.size(),
                given - kept_size_};
    }

    shaped end(bool last, std::string& scratch) override {
        if (!last || kept_size_ == 0) return {};
        scratch += replacement;
        const std::uint64_t source = kept_size_;
        kept_size_ = 0;
        return {reinterpret_cast<const std::uint8_t*>(scratch.data()), scratch.size(), source};
    }

    bool restless() const noexcept override { return false; }

    std::size_t cut(const std::uint8_t* data, std::size_t size) const noexcept override {
        // The output is valid and goes on after `size`: step back to the start of a character.
        while (size > 0 && (data[size] & 0xC0) == 0x80) --size;
        return size;
    }

    void lost() noexcept override {}
    void reset() noexcept override { kept_size_ = 0; }

  private:
    void begin(std::uint8_t byte, std::string& out) {
        const lead first = lead_of(byte);
        if (first.more == 0) {
            out += replacement;
            return;
        }
        kept_[0] = byte;
        kept_size_ = 1;
        missing_ = first.more;
        low_ = first.low;
        high_ = first.high;
    }

    /// Whether `byte` continues what is kept; otherwise that is replaced, and `byte` begins anew.
    bool follow(std::uint8_t byte, std::string& out) {
        if (byte < low_ || byte > high_) {
            out += replacement;
            kept_size_ = 0;
            return false;
        }
        kept_[kept_size_++] = byte;
        low_ = 0x80;
        high_ = 0xBF;
        if (--missing_ == 0) {
            out.append(reinterpret_cast<const char*>(kept_.data()), kept_size_);
            kept_size_ = 0;
        }
        return true;
    }

    std::array<std::uint8_t, 4> kept_{};  // the sequence begun, valid so far
    std::size_t kept_size_ = 0;
    unsigned missing_ = 0;
    std::uint8_t low_ = 0x80;
    std::uint8_t high_ = 0xBF;
};

}  // namespace

std::unique_ptr<shaper> utf8_shaper() {
    return std::make_unique<utf8>();
}

}  // namespace fd2::forward
