// A child's lines on their way into the log file.
#pragma once

#include <memory>
#include <utility>

#include "capture/lines.hpp"
#include "logging/queue.hpp"

namespace fd2::cli {

using logging::line_origin;

/// Puts lines into the log; asks for a pause while its queue is full.
class log_lines final : public capture::line_consumer {
  public:
    log_lines(std::shared_ptr<logging::queue> queue, std::shared_ptr<line_origin> origin)
        : queue_(std::move(queue)) {
        queue_->set_origin(std::move(origin));
    }

    bool try_take(const line_view& line) noexcept override {
        next_ = queue_->offer(line);
        return true;
    }
    flow chunk_done() noexcept override { return next_; }
    void ended() noexcept override {}

    /// The child has exited; up to `capacity` bytes more may come. [before the channel's finish]
    void finishing(std::size_t capacity) noexcept { queue_->finishing(capacity); }

    /// Lines that are missing in the file. Final once the log is settled.
    std::uint64_t lost() const noexcept {
        const logging::line_counts counts = queue_->counts();
        return counts.offered - counts.written;
    }

  private:
    std::shared_ptr<logging::queue> queue_;
    flow next_ = flow::more;
};

}  // namespace fd2::cli
