// A child's lines on their way into the log file.
#pragma once

#include <memory>
#include <string>

#include "capture/subscriber.hpp"
#include "logging/log_service.hpp"

namespace fd2::cli {

/// Who the lines are of, as far as it is known before the spawn.
struct line_origin {
    std::uint64_t channel = 0;
    std::string backend;
    std::atomic<pid_t> pid{0};
};

/// Puts lines into the log; asks for a pause while its queue is full.
class log_lines final : public capture::line_consumer {
  public:
    log_lines(std::unique_ptr<logging::line_sink> to, std::shared_ptr<line_origin> origin)
        : to_(std::move(to)), origin_(std::move(origin)) {}

    bool offer(const capture::line_view& line) noexcept override;
    bool chunk_done() noexcept override { return full_; }
    void ended() noexcept override {}

    /// The child has exited; up to `capacity` bytes more may come. [before the channel's finish]
    void finishing(std::size_t capacity) noexcept { to_->finishing(capacity); }
    std::uint64_t dropped() const noexcept { return to_->counts().dropped; }

  private:
    std::unique_ptr<logging::line_sink> to_;
    std::shared_ptr<line_origin> origin_;
    std::string joined_;
    bool full_ = false;
};

}  // namespace fd2::cli
