#include "library/launch.hpp"

#include <string>
#include <utility>
#include <vector>

#include "base/home_process.hpp"
#include "library/command_access.hpp"
#include "library/line_queue.hpp"
#include "library/stream.hpp"

namespace fd2 {

namespace {

/// The subscribers from before the spawn. Those that get no record, because the launch has failed,
/// are told the end.
class early_subscribers {
  public:
    explicit early_subscribers(ssh_command& command)
        : queues_(command_access::take_subscribers(command)) {}
    ~early_subscribers() { attach(nullptr); }
    early_subscribers(const early_subscribers&) = delete;
    early_subscribers& operator=(const early_subscribers&) = delete;

    void attach(const std::shared_ptr<capture::capture>& record) {
        for (const auto& queue : queues_) line_queue::attach(queue, record);
        queues_.clear();
    }

  private:
    std::vector<std::shared_ptr<line_queue>> queues_;
};

std::shared_ptr<record_state> record_of(const runs::run& machine) {
    auto out = std::shared_ptr<record_state>(new record_state, delete_at_home<record_state>());
    out->attempts = machine.attempts();
    if (!machine.open_channel()) return out;
    const channel::channel_info info = machine.open_channel()->info();
    out->bytes = machine.record();
    out->forwards = machine.forwards();
    out->carried = machine.open_channel()->view();
    out->medium = info.medium;
    out->settles = info.settles;
    return out;
}

status open(host_state& context, const ssh_command& command, settings::transport_kind transport,
            runs::run& machine, const failure* no_bell) {
    const std::string& named = command_access::backend(command);
    const auto config = context.config();
    runs::stderr_plan plan = runs::plan_stderr(*config, transport, !named.empty());
    if (!named.empty()) plan.want.backends = {named};
    if (plan.captures && no_bell) {
        if (!plan.want.inherit) return *no_bell;
        plan = {false, text_of(*no_bell), {}};
    }
    if (!plan.captures) context.tell_inherit(plan.why_inherit);
    const bool polled = transport == settings::transport_kind::async;
    return machine.open(plan, *config, polled, &context.forwarder(),
                        [&context](const auto& want, auto setup, auto& attempts) {
                            return context.open(want, std::move(setup), attempts);
                        });
}

}  // namespace

runs::end_policy end_policy_of(const settings::settings& config) {
    return {config.finish.linger, config.finish.linger_max,
            config.finish.writers_remain == settings::writers_policy::follow};
}

result<launched> launch(host_state& context, ssh_command& command,
                        settings::transport_kind transport, runs::run& machine,
                        const failure* no_bell) {
    early_subscribers subscribers(command);
    if (auto good = command_access::check(command); !good) return std::move(good).error();
    if (auto good = open(context, command, transport, machine, no_bell); !good) return good.error();
    launched out;
    out.record = record_of(machine);
    subscribers.attach(out.record->bytes);

    auto child_in = make_stream(command_access::standard_input(command), stream::input);
    if (!child_in) return std::move(child_in).error();
    auto child_out = make_stream(command_access::standard_output(command), stream::output);
    if (!child_out) return std::move(child_out).error();
    auto spec = command_access::spec(command);
    if (!spec) return std::move(spec).error();
    spec->standard_input = child_in->child;
    spec->standard_output = child_out->child;
    machine.replay_to({context.config()->surface, command.argv().front(), context.stderr_fd()});
    if (auto good = machine.spawn(std::move(*spec)); !good) return good.error();
    out.listed = std::make_unique<listed_child>(context.running(), machine, command.argv(),
                                                machine.child().pid(), transport);
    out.in = std::move(child_in->wire);
    out.out = std::move(child_out->wire);
    return out;
}

exit_report report_of(const runs::run& machine, const std::shared_ptr<record_state>& record) {
    const runs::outcome& how = *machine.ended();
    exit_report out;
    out.status = how.status;
    out.final = how.final;
    out.ran = std::chrono::nanoseconds(how.exited - machine.started());
    out.lasted = std::chrono::nanoseconds(how.finished - machine.started());
    if (record->bytes) {
        const capture::snapshot last = record->bytes->figures();
        out.end = last.end;
        out.end_errno = last.end_errno;
    }
    out.forwarded_bytes = how.forwarded.forwarded;
    out.forward_dropped = how.forwarded.dropped;
    out.record = record_access::make(record);
    return out;
}

}  // namespace fd2
