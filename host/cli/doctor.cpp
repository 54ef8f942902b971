#include "cli/doctor.hpp"

#include <algorithm>

#include "cli/doctor/judge.hpp"
#include "process/inheritance.hpp"

namespace fd2::cli::doctor {

namespace {

const std::vector<std::string>& list_of(const settings::settings& with) {
    return with.transport == settings::transport_kind::async ? with.backends.async
                                                             : with.backends.sync;
}

bool lists(const std::vector<std::string>& list, const plugin_row& row) {
    return std::find(list.begin(), list.end(), row.backend) != list.end() ||
           std::find(list.begin(), list.end(), row.file) != list.end();
}

/// A run finds wrong options only of the backends that it tries.
void look_at_options(const settings::settings& with, channel::backend_pool& pool, report& out) {
    for (const auto& one : with.options) {
        const auto good = channel::check_configured(pool, with, one.first);
        if (!good) judge_options(good.error(), out);
    }
}

void look_at_setup(const settings::loaded& loaded, const machine& seen, report& out) {
    const settings::settings& with = loaded.values;
    judge_configuration(loaded, out);
    if (!with.log.file.empty()) judge_log(with.log, cannot_append(with.log.file), out);

    loader::loader plugins(plugin_directories(with));
    channel::backend_pool pool(plugins, nullptr);
    // First, while as few descriptors are open as in a run.
    const trial ran = try_a_run(with, pool);
    look_at_options(with, pool, out);
    judge_directories(plugins.look(), out);
    const auto& list = list_of(with);
    std::vector<backend_numbers> numbers;
    bool tcp_is_listed = false;
    for (const plugin_row& row : survey(plugins, pool, with)) {
        const bool listed = lists(list, row);
        backend_numbers& own = numbers.emplace_back();
        if (row.usable()) own = measure(row.backend, with, pool);
        own.backend = row.backend;
        own.usable = row.usable();
        judge_backend(row, own, listed, out);
        judge_socket_buffer(row, with, seen.wmem_max, out);
        tcp_is_listed =
            tcp_is_listed || (listed && (row.backend == "tcpshim" || row.medium == "tcp"));
    }
    judge_trial(ran, list, out);
    judge_by_name(ran, numbers, out);
    out.backends = std::move(numbers);
    judge_loopback(seen.loopback, tcp_is_listed, out);
    judge_limits(seen.limit, ran.backend, ran.descriptors, out);
    if (!loaded.ok()) out.would_use.clear();
}

}  // namespace

int examine(const common_options& given, const process::closed_at_start& closed, bool as_json,
            std::ostream& out) {
    report found;
    const machine seen = look_at_machine(closed.closed[2]);
    if (const auto good = process::take_default_sigchld(); !good) {
        found.add(level::problem, "SIGCHLD", good.error().message, way_out(good.error()));
    }
    judge_kernel(seen, found);
    const auto loaded = read_settings(given);
    if (loaded) {
        look_at_setup(*loaded, seen, found);
    } else {
        found.add(level::problem, "configuration", loaded.error().message, way_out(loaded.error()));
    }
    judge_pipes(seen, found);
    judge_stderr(seen, found);
    judge_programs(find_program("fd2", nullptr), find_program("ssh", "-V"),
                   find_program("rsync", "--version"), found);
    as_json ? print_json(found, out) : print_text(found, out);
    return found.count(level::problem) == 0 ? 0 : 1;
}

}  // namespace fd2::cli::doctor
