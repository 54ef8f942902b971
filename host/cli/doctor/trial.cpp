#include "cli/doctor/trial.hpp"

#include <cerrno>

#include "cli/doctor/machine.hpp"
#include "process/spawn.hpp"
#include "process/standard_fds.hpp"
#include "transport/ending.hpp"
#include "transport/stderr_plan.hpp"

namespace fd2::cli::doctor {

namespace {

// The shell's own trace: a redirection would want a descriptor from 10 on, which a low limit does
// not give. Without an environment nobody has chosen another prompt for it.
constexpr const char* command[] = {"/bin/sh", "-xc", ":"};
constexpr std::string_view line = "+ :\n";

constexpr std::size_t of_a_line = 80;
constexpr std::size_t of_a_block = 64 * 1024;
// Where a channel holds more, nobody needs to know how much; and it is the kernel's memory.
constexpr std::uint64_t enough = 16 * 1024 * 1024;

/// A channel of one backend that nobody reads before `drive` is called; null if it has a reader of
/// its own, or cannot be opened.
std::unique_ptr<channel::channel> unread(const std::string& backend, settings::settings with,
                                         channel::backend_pool& pool, bool polled = true) {
    with.require.clear();
    channel::wish want;
    want.backends = {backend};
    want.inherit = false;
    channel::channel_setup setup;
    setup.polled = polled;
    auto made = channel::open_channel(pool, with, want, std::move(setup));
    if (!made || (polled && made->opened->watched() < 0)) return nullptr;
    return std::move(made->opened);
}

std::uint64_t cost(const std::string& backend, const settings::settings& with,
                   channel::backend_pool& pool) {
    const std::uint64_t before = open_descriptors();
    const auto one = unread(backend, with, pool, false);
    if (!one) return 0;
    (void)one->take_child_end();  // and closed: the command has its own
    return open_descriptors() - before;
}

void run_command(trial& out, std::unique_ptr<channel::channel>& carried,
                 const transport::end_signal& ended) {
    auto child_end = carried->take_child_end();
    auto null = process::open_null();
    if (!child_end || !null) {
        out.command = child_end ? null.error() : child_end.error();
        return;
    }
    process::spawn_spec spec;
    spec.argv.assign(std::begin(command), std::end(command));
    spec.environment.emplace();
    spec.standard_input = spec.standard_output = null->get();
    spec.standard_error = child_end->get();
    process::spawn_refusal refusal = process::spawn_refusal::own_failure;
    auto child = process::spawn(spec, &refusal);
    if (!child) {
        out.no_shell = refusal != process::spawn_refusal::own_failure;
        out.command = std::move(child).error();
        return;
    }
    out.started = true;
    out.pidfd = child->pidfd_errno();
    child_end->reset();
    const auto record = carried->record();
    const auto over = transport::wait_to_end({*child, carried, &ended}, {});
    if (!over) {
        out.command = over.error();
        return;
    }
    const auto kept = record->look();
    if (!over->status.success()) out.ended = text_of(over->status);
    out.whole = kept.bytes == line;
}

number held(const std::string& backend, const settings::settings& with, channel::backend_pool& pool,
            std::size_t size) {
    const auto one = unread(backend, with, pool);
    if (!one) return {0, ENOTSUP};
    auto end = one->take_child_end();
    return end ? holds(end->get(), size, enough) : number{0, ENOTSUP};
}

}  // namespace

trial try_a_run(const settings::settings& with, channel::backend_pool& pool) {
    trial out;
    const auto plan = transport::plan_stderr(with, with.transport, false);
    if (!plan.carried) {
        out.backend = "inherit";
        out.why = plan.why_inherit;
        return out;
    }
    auto ended = transport::end_signal::make();
    if (!ended) {
        out.backend = plan.want.inherit ? "inherit" : "";
        out.why = ended.error().message;
        out.trail.push_back({plan.want.backends.front(), ended.error()});
        return out;
    }
    channel::channel_setup setup;
    setup.on_ended = [&ended] { ended->raise(); };
    auto chosen = channel::open_channel(pool, with, plan.want, std::move(setup), &out.trail);
    if (!chosen) {
        out.why = chosen.error().message;
        return out;
    }
    if (!chosen->opened) {
        out.backend = "inherit";
        out.why = "no backend could be used";
        return out;
    }
    out.backend = chosen->opened->backend();
    run_command(out, chosen->opened, *ended);
    chosen->opened.reset();
    out.descriptors = cost(out.backend, with, pool);
    return out;
}

backend_numbers measure(const std::string& backend, const settings::settings& with,
                        channel::backend_pool& pool) {
    backend_numbers out;
    out.backend = backend;
    if (const number lines = held(backend, with, pool, of_a_line); lines.error == 0) {
        out.of_lines = lines.value;
    }
    if (const number blocks = held(backend, with, pool, of_a_block); blocks.error == 0) {
        out.of_blocks = blocks.value;
    }
    const auto one = unread(backend, with, pool, false);
    if (!one) return out;
    if (auto end = one->take_child_end()) out.by_name = opened_by_name(end->get()) == 0;
    return out;
}

}  // namespace fd2::cli::doctor
