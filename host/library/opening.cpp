#include "library/opening.hpp"

#include <utility>

#include "library/command_access.hpp"

namespace fd2 {

result<opening> open_stderr(host_state& on, const ssh_command& command,
                            settings::transport_kind transport,
                            const std::function<status(channel::channel_setup&)>& complete) {
    if (auto good = command_access::check(command); !good) return std::move(good).error();
    opening out;
    out.record = std::make_shared<record_state>();
    const std::string& named = command_access::backend(command);
    transport::stderr_plan plan = transport::plan_stderr(on.with(), transport, !named.empty());
    if (!plan.carried) {
        on.tell_inherit(plan.why_inherit);
        return out;
    }
    if (!named.empty()) plan.want.backends = {named};

    channel::channel_setup setup;
    setup.limits = {static_cast<std::size_t>(on.with().capture.tail),
                    static_cast<std::size_t>(on.with().capture.max_line)};
    if (auto good = complete(setup); !good) {
        if (!plan.want.inherit) return std::move(good).error();
        out.record->trail.push_back({plan.want.backends.front(), good.error()});
        return out;
    }
    auto chosen = on.open(plan.want, std::move(setup));
    if (!chosen) return std::move(chosen).error();
    out.record->trail = std::move(chosen->trail);
    if (!chosen->opened) return out;
    auto end = chosen->opened->take_child_end();
    if (!end) return std::move(end).error();
    out.child_end = std::move(*end);
    out.carried = std::move(chosen->opened);
    const fd2_info info = out.carried->info();
    out.record->bytes = out.carried->record();
    out.record->backend = out.carried->backend();
    out.record->medium = channel::medium_name(info.medium);
    out.record->settles = (info.flags & FD2_INFO_SETTLES) != 0;
    return out;
}

early_subscribers::early_subscribers(ssh_command& command)
    : queues_(command_access::take_subscribers(command)) {}

early_subscribers::~early_subscribers() {
    for (const auto& queue : queues_) line_queue::attach(queue, nullptr);
}

void early_subscribers::attach(const record_state& record) {
    for (const auto& queue : queues_) line_queue::attach(queue, record.bytes);
}

}  // namespace fd2
