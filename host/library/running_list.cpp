#include "library/running_list.hpp"

#include <algorithm>
#include <utility>

namespace fd2 {

listed_child::listed_child(std::shared_ptr<running_list> list, const runs::run& shown,
                           std::vector<std::string> command, pid_t pid,
                           settings::transport_kind transport)
    : list_(std::move(list)),
      shown_(shown),
      command_(std::move(command)),
      pid_(pid),
      transport_(transport),
      view_(shown.open_channel() ? std::optional(shown.open_channel()->view()) : std::nullopt) {
    const std::lock_guard lock(list_->mutex_);
    list_->children_.push_back({this, 0, nullptr});
}

listed_child::~listed_child() {
    const std::lock_guard lock(list_->mutex_);
    list_->children_.remove_if([this](const auto& one) { return one.child == this; });
}

listed_child::facts listed_child::look() const {
    facts out;
    out.what.pid = pid_;
    out.transport = transport_;
    out.what.command = command_;
    out.what.state = shown_.state();
    out.what.age = std::chrono::nanoseconds(now() - shown_.started());
    out.started = shown_.started();
    out.record = shown_.record();
    out.attempts = shown_.attempts();
    out.why_inherit = shown_.why_inherit();
    out.forward_dropped = shown_.forwarded().dropped;
    out.view = view_;
    if (!view_) return out;
    const auto by = view_->plugin();
    out.what.channel = view_->number();
    out.what.backend = by->id;
    out.what.plugin = by->file;
    out.what.generation = by->generation;
    out.last_byte = view_->last_byte();
    const capture::snapshot seen = out.record->figures();
    out.what.bytes = seen.total_bytes;
    out.what.lines = seen.total_lines;
    return out;
}

std::vector<listed_child::facts> running_list::look() const {
    std::vector<listed_child::facts> out;
    const std::lock_guard lock(mutex_);
    for (const entry& one : children_) {
        if (one.child->shown_.state() == "over") continue;
        out.push_back(one.child->look());
        out.back().what.moves = one.moves;
    }
    return out;
}

void running_list::moved(std::uint64_t channel, channel::shared_backend from) {
    const std::lock_guard lock(mutex_);
    for (entry& one : children_) {
        if (!one.child->view_ || one.child->view_->number() != channel) continue;
        ++one.moves;
        one.before = std::move(from);
        return;
    }
}

channel::shared_backend running_list::before(std::uint64_t channel) const {
    const std::lock_guard lock(mutex_);
    for (const entry& one : children_) {
        if (one.child->view_ && one.child->view_->number() == channel) return one.before;
    }
    return nullptr;
}

}  // namespace fd2
