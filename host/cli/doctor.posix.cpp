#include "cli/doctor.hpp"

#include <algorithm>

#include "cli/doctor/judge.hpp"
#include "cli/isolated.hpp"
#include "process/inheritance.hpp"

namespace fd2::cli::doctor {

namespace {

// A run starts a command besides what its backends do.
constexpr nanoseconds_t run_patience = 3 * plugin_patience;

const std::vector<std::string>& list_of(const settings::settings& config) {
    return config.transport == settings::transport_kind::async ? config.backends.async
                                                               : config.backends.sync;
}

bool lists(const std::vector<std::string>& list, const plugin_row& row) {
    return std::find(list.begin(), list.end(), row.backend) != list.end() ||
           std::find(list.begin(), list.end(), row.file) != list.end();
}

/// In a child process, like everything that runs a plugin's code: it may crash.
trial try_isolated(const settings::settings& config) {
    auto ran = isolated_with_plugins<trial>(
        plugin_directories(config), config.plugins.trial,
        [&](channel::loader&, channel::backend_pool& pool) { return try_a_run(config, pool); },
        run_patience);
    if (ran) return std::move(*ran);
    trial out;
    out.died = ran.error();
    return out;
}

/// What was found out about one plugin.
struct examined {
    plugin_row row;
    backend_numbers numbers;
    std::vector<settings::diagnostic> options;  ///< what is wrong with those that are configured
};

examined examine_plugin(const channel::found& file, const settings::settings& config) {
    auto seen = isolated_with_plugins<examined>(
        plugin_directories(config), config.plugins.trial,
        [&](channel::loader& plugins, channel::backend_pool& pool) {
            examined out;
            out.options = channel::check_configured(pool, config, file.id);
            out.row = try_here(file, plugins, pool, config);
            if (out.row.usable()) out.numbers = measure(file.id, config, pool);
            return out;
        });
    if (!seen) seen = examined{without_answer(file, seen.error()), {}, {}};
    seen->numbers.backend = file.id;
    return std::move(*seen);
}

void look_at_setup(const settings::loaded& loaded, const machine& seen, report& out) {
    const settings::settings& config = loaded.values;
    judge_configuration(loaded, out);
    judge_log(config.log, cannot_append(config.log.file), out);
    judge_report(config.report, cannot_append(config.report.file), out);

    const channel::loader plugins(plugin_directories(config));
    const trial ran = try_isolated(config);
    judge_directories(plugins.list_directories(), out);
    const auto& list = list_of(config);
    bool tcp_is_listed = false;
    for (const auto& file : plugins.discover()) {
        const auto [row, numbers, options] = examine_plugin(file, config);
        judge_options(options, out);
        const bool listed = lists(list, row);
        judge_backend(row, numbers, listed, out);
        judge_socket_buffer(row, config, seen.wmem_max, out);
        tcp_is_listed =
            tcp_is_listed || (listed && (row.backend == "tcpshim" || row.medium == "tcp"));
        out.backends.push_back(numbers);
    }
    if (config.enabled) {
        judge_trial(ran, list, out);
        judge_by_name(ran, out.backends, out);
    } else {
        out.would_use = "inherit";  // why is among the findings about the configuration
    }
    judge_loopback(seen.loopback, tcp_is_listed, out);
    judge_limits(seen.limit, ran.backend, ran.descriptors, out);
}

}  // namespace

int examine(const common_options& given, const process::closed_at_start& closed,
            const output_options& shown, std::ostream& out) {
    report found;
    text_printer printer(look_at_stdout(shown.colour), shown.verbose, out);
    if (!shown.json) found.watch = [&printer](const finding& one) { printer.see(one); };
    const machine seen = look_at_machine(closed.closed[2]);
    if (const auto good = process::take_default_sigchld(); !good) {
        found.add_fatal("SIGCHLD", good.error().message, advice_for(good.error()));
    }
    judge_kernel(seen, found);
    const auto loaded = read_settings(given);
    if (loaded) {
        look_at_setup(*loaded, seen, found);
    } else {
        found.add_fatal("configuration", loaded.error().message, advice_for(loaded.error()));
    }
    judge_pipes(seen, found);
    judge_stderr(seen, found);
    judge_programs(find_program("fd2", nullptr), find_program("ssh", "-V"),
                   find_program("rsync", "--version"), found);
    shown.json ? print_json(found, out) : printer.end(found);
    return found.count(level::problem) == 0 ? 0 : 1;
}

}  // namespace fd2::cli::doctor
