#include "logging/log_file.hpp"

#include <algorithm>

namespace fd2::logging {

result<log_file> log_file::open(const std::string& path, std::uint64_t max_size, unsigned keep) {
    log_file made;
    made.path_ = path;
    made.max_size_ = max_size;
    made.keep_ = keep;
    if (status opened = made.open_path(); !opened) return std::move(opened).error();
    return made;
}

void log_file::note(kind what, std::string text) {
    if (!std::exchange(noted_[what], true)) notes_.push_back("log file: " + std::move(text));
}

std::string log_file::numbered(unsigned number) const {
    return number == 0 ? at_.name : at_.name + '.' + std::to_string(number);
}

void log_file::write(std::string_view bytes, std::span<const std::size_t> ends, const waiter& wait,
                     outcome& out) {
    std::size_t at = 0;
    while (out.records < ends.size()) {
        std::uint64_t size = 0;
        const bool rotates = regular_ && settle_identity(size) && size >= retry_at_;
        std::size_t last = out.records;  // one behind the records of this piece
        if (rotates) {
            while (last < ends.size() && size + (ends[last] - at) <= max_size_) ++last;
            if (last == out.records && size > 0) {
                if (!rotate()) retry_at_ = size + max_size_;
                continue;
            }
        } else if (regular_) {
            last = ends.size();
        } else {
            // Up to this a pipe takes all or nothing: no torn records, whoever else writes.
            while (last < ends.size() && ends[last] - at <= in_one_piece) ++last;
        }
        last = std::max(last, out.records + 1);

        if (torn_) {
            std::size_t newline = 0;
            if ((out.error = put("\n", newline, wait)) != 0) return;
            torn_ = false;
        }
        std::size_t done = 0;
        out.error = put(bytes.substr(at, ends[last - 1] - at), done, wait);
        at += done;
        // A record that lacks its newline only is whole: it gets one before the next is written.
        while (out.records < last && ends[out.records] - (out.error != 0 ? 1 : 0) <= at) {
            ++out.records;
        }
        if (out.error != 0) {
            torn_ = at != (out.records == 0 ? 0 : ends[out.records - 1]);
            return;
        }
    }
}

}  // namespace fd2::logging
