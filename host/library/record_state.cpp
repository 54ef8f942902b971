#include "library/record_state.hpp"

#include <utility>

namespace fd2 {

forward::counters record_state::forwarded() const {
    return forwards ? forwards->stream().counts() : forward::counters{};
}

std::string record_state::output() const {
    return bytes ? bytes->take_snapshot().bytes : std::string();
}

fd2::snapshot record_state::take_snapshot() const {
    fd2::snapshot out;
    out.backend = backend();
    out.medium = medium;
    out.settles = settles;
    for (const auto& [tried, why] : attempts) {
        out.fallback.push_back({tried, why.code, why.sys_errno, text_of(why)});
    }
    if (!bytes) {
        out.final = true;
        return out;
    }
    capture::snapshot now = bytes->take_snapshot();
    const forward::counters shown = forwarded();
    out.bytes = std::move(now.bytes);
    out.offset = now.offset;
    out.total_bytes = now.total_bytes;
    out.total_lines = now.total_lines;
    out.lines_dropped = now.lines_dropped;
    out.forwarded_bytes = shown.forwarded;
    out.forward_dropped = shown.dropped;
    out.end = now.end;
    out.end_errno = now.end_errno;
    out.final = now.end != end_kind::none;
    return out;
}

stderr_record::stderr_record() noexcept = default;
stderr_record::stderr_record(const stderr_record&) noexcept = default;
stderr_record::stderr_record(stderr_record&&) noexcept = default;
stderr_record& stderr_record::operator=(const stderr_record&) noexcept = default;
stderr_record& stderr_record::operator=(stderr_record&&) noexcept = default;
stderr_record::~stderr_record() = default;

fd2::snapshot stderr_record::snapshot() const {
    return state_ ? state_->take_snapshot() : fd2::snapshot{};
}

std::string stderr_record::output() const {
    return state_ ? state_->output() : std::string();
}

}  // namespace fd2
