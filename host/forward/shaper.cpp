#include "forward/shaper.hpp"

#include <array>
#include <cstring>
#include <string_view>

#include "base/find_last.hpp"
#include "base/utf8.hpp"
#include "forward/options.hpp"

namespace fd2::forward {
namespace {

const std::uint8_t* bytes_of(const std::string& text) {
    return reinterpret_cast<const std::uint8_t*>(text.data());
}

/// The size of `data` up to and including its last newline; 0 without one.
std::size_t whole_lines(const std::uint8_t* data, std::size_t size) noexcept {
    const void* last = size == 0 ? nullptr : find_last(data, '\n', size);
    if (last == nullptr) return 0;
    return static_cast<std::size_t>(static_cast<const std::uint8_t*>(last) - data) + 1;
}

class lines final : public shaper {
  public:
    explicit lines(const std::string& prefix) noexcept : prefix_(prefix) {}

    shaped feed(const std::uint8_t* data, std::size_t size, std::string& scratch) override {
        const std::size_t complete = whole_lines(data, size);
        const std::size_t rest = size - complete;
        if (prefix_.empty() && kept_.empty() && rest < max_line) {
            kept_.append(reinterpret_cast<const char*>(data + complete), rest);
            if (complete > 0) in_line_ = false;
            return {data, complete, complete};
        }
        // Whatever fails below fails before anything is changed.
        scratch.reserve(kept_.size() + size + prefix_.size());
        kept_.reserve(kept_.size() + rest);
        std::uint64_t child_bytes = 0;
        for (std::size_t at = 0; at < complete;) {
            const auto* end =
                static_cast<const std::uint8_t*>(std::memchr(data + at, '\n', complete - at));
            const std::size_t length = static_cast<std::size_t>(end - (data + at)) + 1;
            start(scratch);
            child_bytes += kept_.size() + length;
            scratch += kept_;
            kept_.clear();
            scratch.append(reinterpret_cast<const char*>(data + at), length);
            in_line_ = false;
            at += length;
        }
        kept_.append(reinterpret_cast<const char*>(data + complete), rest);
        if (kept_.size() >= max_line) {
            start(scratch);
            child_bytes += kept_.size();
            scratch += kept_;
            kept_.clear();
            in_line_ = true;
        }
        return {bytes_of(scratch), scratch.size(), child_bytes};
    }

    shaped end(bool, std::string& scratch) override {
        if (kept_.empty()) return {};
        scratch.reserve(prefix_.size() + kept_.size());
        start(scratch);
        scratch += kept_;
        const std::uint64_t child_bytes = kept_.size();
        kept_.clear();
        in_line_ = true;
        return {bytes_of(scratch), scratch.size(), child_bytes};
    }

    bool restless() const noexcept override { return !kept_.empty(); }
    std::size_t cut(const std::uint8_t* data, std::size_t size) const noexcept override {
        return whole_lines(data, size);
    }
    void lost() noexcept override { in_line_ = false; }
    void reset() noexcept override { kept_.clear(); }

  private:
    void start(std::string& out) const {
        if (!in_line_) out += prefix_;
    }

    const std::string& prefix_;
    std::string kept_;      // the unfinished line, or what of it has not gone out
    bool in_line_ = false;  // the beginning of the unfinished line has gone out
};

class utf8 final : public shaper {
  public:
    shaped feed(const std::uint8_t* data, std::size_t size, std::string& scratch) override {
        std::string_view text(reinterpret_cast<const char*>(data), size);
        if (kept_size_ == 0 && valid_utf8_size(text) == size) return {data, size, size};
        // The worst case, every byte replaced, so that nothing fails half-way.
        scratch.reserve((size + 1) * replacement_character.size() + kept_.size());
        const std::uint64_t given = kept_size_ + size;
        while (!text.empty()) {
            if (kept_size_ > 0) {
                text.remove_prefix(go_on(text.front(), scratch));
                continue;
            }
            const std::size_t span = valid_utf8_size(text);
            scratch.append(text.substr(0, span));
            text.remove_prefix(span);
            if (text.empty()) break;
            const utf8_step step = decode_utf8(text);
            if (step.unfinished) {
                kept_size_ = text.copy(kept_.data(), kept_.size());
            } else {
                scratch += replacement_character;
            }
            text.remove_prefix(step.size);
        }
        return {bytes_of(scratch), scratch.size(), given - kept_size_};
    }

    shaped end(bool last, std::string& scratch) override {
        if (!last || kept_size_ == 0) return {};
        scratch += replacement_character;
        const std::uint64_t child_bytes = kept_size_;
        kept_size_ = 0;
        return {bytes_of(scratch), scratch.size(), child_bytes};
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
    /// How many bytes were used: 1 where `byte` continues what is kept; 0 where it does not, so
    /// that what is kept was replaced and `byte` begins anew.
    std::size_t go_on(char byte, std::string& out) {
        kept_[kept_size_] = byte;
        const std::string_view text(kept_.data(), kept_size_ + 1);
        const utf8_step step = decode_utf8(text);
        if (step.unfinished) {
            ++kept_size_;
            return 1;
        }
        kept_size_ = 0;
        out += step.valid ? text : replacement_character;
        return step.valid ? 1 : 0;
    }

    std::array<char, 4> kept_{};  // the character begun, valid so far
    std::size_t kept_size_ = 0;
};

}  // namespace

std::unique_ptr<shaper> line_shaper(const std::string& prefix) {
    return std::make_unique<lines>(prefix);
}

std::unique_ptr<shaper> utf8_shaper() {
    return std::make_unique<utf8>();
}

}  // namespace fd2::forward
