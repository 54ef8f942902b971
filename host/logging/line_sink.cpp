#include "logging/line_sink.hpp"

#include "logging/record_queue.hpp"

namespace fd2::logging {

line_sink::~line_sink() {
    queue_->close(*source_);
}

verdict line_sink::offer(const line_record& line) noexcept {
    return queue_->offer(*source_, line);
}

void line_sink::finishing(std::size_t capacity_bytes) noexcept {
    queue_->finishing(*source_, capacity_bytes);
}

line_counts line_sink::counts() const noexcept {
    return queue_->counts(*source_);
}

}  // namespace fd2::logging
