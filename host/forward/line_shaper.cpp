#include <algorithm>
#include <cstring>

#include "forward/options.hpp"
#include "forward/shaper.hpp"

namespace fd2::forward {
namespace {

const std::uint8_t* bytes_of(const std::string& text) {
    return reinterpret_cast<const std::uint8_t*>(text.data());
}

/// The size of `data` up to and including its last newline; 0 without one.
std::size_t whole_lines(const std::uint8_t* data, std::size_t size) noexcept {
    const void* last = size == 0 ? nullptr : ::memrchr(data, '\n', size);
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
        std::uint64_t source = 0;
        for (std::size_t at = 0; at < complete;) {
            const auto* end =
                static_cast<const std::uint8_t*>(std::memchr(data + at, '\n', complete - at));
            const std::size_t length = static_cast<std::size_t>(end - (data + at)) + 1;
            start(scratch);
            source += kept_.size() + length;
            scratch += kept_;
            kept_.clear();
            scratch.append(reinterpret_cast<const char*>(data + at), length);
            in_line_ = false;
            at += length;
        }
        kept_.append(reinterpret_cast<const char*>(data + complete), rest);
        if (kept_.size() >= max_line) {
            start(scratch);
            source += kept_.size();
            scratch += kept_;
            kept_.clear();
            in_line_ = true;
        }
        return {bytes_of(scratch), scratch.size(), source};
    }

    shaped end(bool, std::string& scratch) override {
        if (kept_.empty()) return {};
        scratch.reserve(prefix_.size() + kept_.size());
        start(scratch);
        scratch += kept_;
        const std::uint64_t source = kept_.size();
        kept_.clear();
        in_line_ = true;
        return {bytes_of(scratch), scratch.size(), source};
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

}  // namespace

std::unique_ptr<shaper> line_shaper(const std::string& prefix) {
    return std::make_unique<lines>(prefix);
}

}  // namespace fd2::forward
