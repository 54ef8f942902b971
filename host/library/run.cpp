#include <fd2/run.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "library/command_access.hpp"
#include "library/exchange.hpp"
#include "library/failing.hpp"
#include "library/host_state.hpp"

namespace fd2 {

void take_output(run_result& outcome, std::size_t limit, const char* data, std::size_t size) {
    const std::size_t space = limit == 0 ? size : std::min(size, limit - outcome.out.size());
    outcome.out.append(data, space);
    outcome.out_dropped += size - space;
}

status late_child::next_step() {
    int signal = steps_.next(now());
    if (steps_.over() && !std::exchange(killed_, true)) {
        // The actions were not enough; what it has said so far is wanted all the same.
        steps_ = stopping({{stop::kill, unkillable_after}, {}, {}});
        signal = steps_.next(now());
    }
    if (steps_.over()) {
        return failure{errc::timedout, ETIMEDOUT, "run: the child did not end after SIGKILL"};
    }
    return signal != 0 ? child_.kill(signal) : status();
}

namespace {

constexpr stop_actions kill_soon = {
    {stop::wait, std::chrono::milliseconds(100)}, {stop::kill, {}}, {}};

result<run_result> run_to_end(const host& context, ssh_command& command,
                              const run_options& options) {
    if (!options.input.empty() &&
        command_access::standard_input(command).what() != stdio::kind::pipe) {
        return failure{errc::invalid, 0,
                       "run: input was given, but the child's stdin is not a pipe"};
    }
    std::error_code failed;
    std::string why;
    auto connection = spawn(context, command, failed, &why);
    if (!connection) return failure{kind_of(failed), errno_of(failed), std::move(why)};
    const auto finish = host_access::state(context)->config()->finish;
    run_result out;
    const stop_actions& steps = command_access::stop(command);
    if (auto good =
            exchange(*connection, options, stopping(stopping::is_zero(steps) ? kill_soon : steps),
                     {finish.linger, finish.linger_max, false}, out);
        !good) {
        return std::move(good).error();
    }
    out.report = connection->wait(failed);
    if (failed) return failure{kind_of(failed), errno_of(failed), "wait: " + failed.message()};
    out.err = out.report.record.snapshot();
    return out;
}

}  // namespace

run_result run(const host& context, ssh_command& command, const run_options& options) {
    return value_or_throw(run_to_end(context, command, options));
}

std::optional<run_result> run(const host& context, ssh_command& command, const run_options& options,
                              std::error_code& failed, std::string* why) {
    failed.clear();
    auto made = run_to_end(context, command, options);
    if (made) return std::move(*made);
    failed = code_of(made.error());
    if (why) *why = made.error().message;
    return std::nullopt;
}

}  // namespace fd2
