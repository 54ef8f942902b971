#include "cli/doctor/trial.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.hpp"
#include "cli/doctor/machine.hpp"
#include "process/spawn.hpp"
#include "process/standard_fds.hpp"
#include "run/poll_driver.hpp"

namespace fd2::cli::doctor {

namespace {

// The shell's trace writes a line to stderr without a redirection: for one the shell needs a free
// descriptor from 10 on, which a low limit does not leave. The environment is empty, so that PS4,
// which begins the line, is the default.
constexpr const char* command[] = {"/bin/sh", "-xc", ":"};
constexpr std::string_view line = "+ :\n";

constexpr std::size_t of_a_line = 80;
constexpr std::size_t of_a_block = 64 * 1024;
// Where a channel holds more, nobody needs to know how much; and it is the kernel's memory.
constexpr std::uint64_t enough = 16 * 1024 * 1024;

/// A channel of one backend; null if it cannot be opened. With `polled` nobody reads it until
/// `drive` is called; null then also for a backend that always reads by itself.
std::unique_ptr<channel::channel> open_one(const std::string& backend, settings::settings config,
                                           channel::backend_pool& pool, bool polled = true) {
    config.require.clear();
    channel::open_request want;
    want.backends = {backend};
    want.inherit = false;
    channel::channel_setup setup;
    setup.polled = polled;
    auto made = channel::open_channel(pool, config, want, std::move(setup));
    if (!made || (polled && made->opened->watched() < 0)) return nullptr;
    return std::move(made->opened);
}

std::uint64_t cost(const std::string& backend, const settings::settings& config,
                   channel::backend_pool& pool) {
    const std::uint64_t before = open_descriptors();
    const auto one = open_one(backend, config, pool, false);
    if (!one) return 0;
    (void)one->take_child_end();  // and closed: the command has its own
    return open_descriptors() - before;
}

void run_command(trial& out, runs::run& one, const runs::wakeup& bell) {
    auto null = process::open_null();
    if (!null) {
        out.command = null.error();
        return;
    }
    process::spawn_spec spec;
    spec.argv.assign(std::begin(command), std::end(command));
    spec.environment.emplace();
    spec.standard_input = spec.standard_output = null->get();
    spec.parent_death_signal = SIGKILL;
    process::spawn_refusal refusal = process::spawn_refusal::own_failure;
    if (auto good = one.spawn(std::move(spec), &refusal); !good) {
        out.no_shell = refusal != process::spawn_refusal::own_failure;
        out.command = good.error();
        return;
    }
    out.started = true;
    out.pidfd = one.child().pidfd_errno();
    runs::run_to_exit(one, &bell);
    const exit_status status = one.ended()->status;
    if (!status.success()) out.ended = text_of(status);
    out.whole = one.record()->take_snapshot().bytes == line;
}

/// How many bytes a channel that nobody reads takes in writes of `size`; stops soon after `enough`.
std::optional<std::uint64_t> held(const std::string& backend, const settings::settings& config,
                                  channel::backend_pool& pool, std::size_t size) {
    const auto one = open_one(backend, config, pool);
    if (!one) return std::nullopt;
    const auto end = one->take_child_end();
    if (!end || set_non_blocking(end->get()) != 0) return std::nullopt;
    const std::string bytes(size, '\n');
    std::uint64_t out = 0;
    while (out < enough) {
        const ssize_t put = ::write(end->get(), bytes.data(), bytes.size());
        if (put >= 0) {
            out += static_cast<std::uint64_t>(put);
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            return std::nullopt;
        }
    }
    return out;
}

/// Whether the child's end can be opened by its name, as a child opens /dev/stderr.
std::optional<bool> opens_by_name(const std::string& backend, const settings::settings& config,
                                  channel::backend_pool& pool) {
    const auto one = open_one(backend, config, pool, false);
    if (!one) return std::nullopt;
    const auto end = one->take_child_end();
    if (!end) return std::nullopt;
    const std::string name = "/proc/self/fd/" + std::to_string(end->get());
    const unique_fd again(::open(name.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    return static_cast<bool>(again);
}

}  // namespace

trial try_a_run(const settings::settings& config, channel::backend_pool& pool) {
    trial out;
    const auto plan = runs::plan_stderr(config, config.transport, false);
    if (!plan.captures) {
        out.backend = "inherit";
        out.why = plan.why_inherit;
        return out;
    }
    const auto bell = runs::wakeup::make();
    if (!bell) {
        out.backend = plan.want.inherit ? "inherit" : "";
        out.why = text_of(bell.error());
        out.attempts.push_back({plan.want.backends.front(), bell.error()});
        return out;
    }
    runs::run one({}, [&bell] { (*bell)->ring(); });
    const auto opened =
        one.open(plan, config, false, nullptr, [&](const auto& want, auto setup, auto& attempts) {
            return channel::open_channel(pool, config, want, std::move(setup), &attempts);
        });
    out.attempts = one.attempts();
    if (!opened) {
        out.why = text_of(opened.error());
        return out;
    }
    if (!one.has_channel()) {
        out.backend = "inherit";
        out.why = one.why_inherit();
        return out;
    }
    out.backend = one.open_channel()->backend();
    run_command(out, one, **bell);
    out.descriptors = cost(out.backend, config, pool);
    return out;
}

backend_numbers measure(const std::string& backend, const settings::settings& config,
                        channel::backend_pool& pool) {
    return {backend, true, held(backend, config, pool, of_a_line),
            held(backend, config, pool, of_a_block), opens_by_name(backend, config, pool)};
}

}  // namespace fd2::cli::doctor
