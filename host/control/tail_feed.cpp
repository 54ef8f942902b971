#include "control/tail_feed.hpp"

#include <algorithm>
#include <utility>

namespace fd2::control {

namespace {

// What a client may be behind. Lines of 80 bytes: some 3000.
constexpr std::size_t max_bytes = 256 * 1024;

}  // namespace

bool tail_feed::try_take(const line_view& line) noexcept {
    const std::lock_guard lock(mutex_);
    if (bytes_ + line.size() > max_bytes) {
        ++lost_;
        return false;
    }
    try {
        kept_line copy{line.number, std::string(line.head), more_follows(line.piece),
                       line.unterminated};
        copy.text.append(line.rest);
        bytes_ += copy.text.size() + sizeof(copy);
        lines_.push_back(std::move(copy));
    } catch (const std::exception&) {
        ++lost_;
        return false;
    }
    ring_once();
    return true;
}

void tail_feed::ended() noexcept {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    ring_once();
}

void tail_feed::ring_once() noexcept {
    if (!rung_) ring_();
    rung_ = true;
}

tail_feed::taken tail_feed::take(std::size_t bytes) {
    taken out;
    const std::lock_guard lock(mutex_);
    rung_ = false;
    while (!lines_.empty() && bytes != 0) {
        bytes -= std::min(bytes, lines_.front().text.size() + sizeof(kept_line));
        bytes_ -= lines_.front().text.size() + sizeof(kept_line);
        out.lines.push_back(std::move(lines_.front()));
        lines_.pop_front();
    }
    if (!lines_.empty()) return out;  // the loss came after what is still here
    out.lost = std::exchange(lost_, 0);
    out.ended = ended_;
    return out;
}

std::vector<kept_line> newest_lines(const capture::capture& record, std::size_t count,
                                    std::uint64_t end) {
    const capture::snapshot seen = record.take_snapshot();
    std::vector<kept_line> out;
    std::string_view rest = seen.bytes;
    // The first line in the tail may have lost its beginning: it is left out.
    if (seen.offset != 0) {
        const std::size_t first = rest.find('\n');
        rest.remove_prefix(first == rest.npos ? rest.size() : first + 1);
    }
    const bool over = seen.end != end_kind::none;
    while (!rest.empty()) {
        const std::size_t size = rest.find('\n');
        const bool partial = size == rest.npos;
        if (partial && !over) break;  // it will come whole
        out.push_back({0, std::string(rest.substr(0, size)), false, partial});
        rest.remove_prefix(partial ? rest.size() : size + 1);
    }
    std::uint64_t number = seen.total_lines;
    for (auto line = out.rbegin(); line != out.rend(); ++line) line->number = number--;
    if (end != 0) std::erase_if(out, [end](const kept_line& line) { return line.number >= end; });
    if (out.size() > count) out.erase(out.begin(), out.end() - static_cast<std::ptrdiff_t>(count));
    return out;
}

}  // namespace fd2::control
