// The implementation of a subscription.
#pragma once

#include <fd2/stderr_lines.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "base/home_process.hpp"
#include "capture/capture.hpp"
#include "capture/subscriber.hpp"

namespace fd2 {

/// A subscriber with a filter before it.
class line_queue final : public capture::line_consumer {
  public:
    line_queue(line_filter filter, std::size_t capacity);

    /// Begins with the next whole line of `record`; of a null one nothing comes. Once: later calls
    /// do nothing, for a queue has one producer.
    static void attach(const std::shared_ptr<line_queue>& queue,
                       const std::shared_ptr<capture::capture>& record);
    /// Nobody reads it any more. [consumer]
    void leave() noexcept;

    capture::subscriber& lines() noexcept { return lines_; }
    std::uint64_t first() const noexcept { return first_.load(std::memory_order_relaxed); }
    std::uint64_t dropped() const noexcept {
        return lines_.dropped() + failed_.load(std::memory_order_relaxed);
    }
    std::uint64_t filtered() const noexcept { return filtered_.load(std::memory_order_relaxed); }

    bool try_take(const line_view& line) noexcept override;
    std::uint64_t take_block(const capture::line_block& block) noexcept override;
    flow chunk_done() noexcept override { return lines_.chunk_done(); }
    void ended() noexcept override { lines_.ended(); }

  private:
    const home_process home_;
    const line_filter filter_;
    capture::subscriber lines_;
    std::string joined_;
    std::atomic<bool> attached_{false};
    std::atomic<bool> left_{false};
    std::atomic<std::uint64_t> first_{0};
    std::atomic<std::uint64_t> filtered_{0};
    std::atomic<std::uint64_t> failed_{0};
    std::mutex mutex_;
    std::weak_ptr<capture::capture> record_;
};

class lines_access {
  public:
    static stderr_lines make(std::shared_ptr<line_queue> queue) {
        return stderr_lines(std::move(queue));
    }
    static stderr_block block_of(const std::optional<capture::lent_lines>& lent) noexcept;
};

/// A queue that gets the lines of `record` from the next whole one on.
stderr_lines subscribe_to(const std::shared_ptr<capture::capture>& record, line_filter filter,
                          std::size_t capacity);

}  // namespace fd2
