// What many channels bring: how long each line was under way.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.hpp"
#include "support/lines.hpp"

namespace fd2::bench {

/// The delays of all channels together. All memory is there, and touched, before the first line.
class delays {
  public:
    explicit delays(std::size_t most) : all_(most, 0) {}

    /// [before the lines of an order are written]
    void expect(std::size_t count) {
        count_ = 0;
        complete_ = false;
        expected_ = std::min(count, all_.size());
    }

    /// [any thread]
    void add(nanoseconds_t delay) noexcept {
        const std::size_t at = count_.fetch_add(1, std::memory_order_relaxed);
        if (at >= expected_) return;
        all_[at] = delay;
        if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 != expected_) return;
        done_ = 0;
        complete_ = true;
        complete_.notify_one();
    }

    void wait() const { complete_.wait(false); }

    /// [after `wait`]
    nanoseconds_t percentile(double share) {
        std::sort(all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(expected_));
        const auto at = static_cast<std::size_t>(share * static_cast<double>(expected_));
        return all_[std::min(at, expected_ - 1)];
    }

  private:
    std::vector<nanoseconds_t> all_;
    std::size_t expected_ = 0;
    std::atomic<std::size_t> count_{0};
    std::atomic<std::size_t> done_{0};
    std::atomic<bool> complete_{false};
};

/// Reads the stamps of one channel's lines, however they are cut. [the channel's drain]
class meter {
  public:
    explicit meter(delays& to) : to_(&to) {}

    void take(const void* data, std::size_t size) noexcept {
        const nanoseconds_t present = now();
        for (auto at = static_cast<const char*>(data); size > 0;) {
            const bool in_stamp = at_ < stamp_digits;
            const std::size_t piece = std::min((in_stamp ? stamp_digits : line_size) - at_, size);
            if (in_stamp) {
                for (std::size_t i = 0; i < piece; ++i) stamp_ = stamp_ * 10 + (at[i] - '0');
            }
            at_ += piece;
            at += piece;
            size -= piece;
            if (at_ < line_size) continue;
            to_->add(present - stamp_);
            at_ = 0;
            stamp_ = 0;
        }
    }

  private:
    delays* to_;
    std::size_t at_ = 0;  // in the line
    nanoseconds_t stamp_ = 0;
};

}  // namespace fd2::bench
