#include "cli/log_lines.hpp"

namespace fd2::cli {

bool log_lines::offer(const capture::line_view& line) noexcept {
    logging::line_record record;
    record.text = line.rest;
    if (line.rest.empty()) {
        record.text = line.head;
    } else if (!line.head.empty()) {
        try {
            joined_.assign(line.head);
            joined_.append(line.rest);
        } catch (...) {
            return false;
        }
        record.text = joined_;
    }
    record.channel = origin_->channel;
    record.backend = origin_->backend;
    record.pid = origin_->pid.load(std::memory_order_relaxed);
    record.seq = line.number;
    record.time_ns = line.time;
    record.partial = line.unterminated;
    record.continued = line.continues;
    full_ = to_->offer(record) == logging::verdict::full;
    return true;
}

}  // namespace fd2::cli
