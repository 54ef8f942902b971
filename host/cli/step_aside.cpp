#include "cli/step_aside.hpp"

#include <algorithm>
#include <vector>

#include "base/text_list.hpp"
#include "process/spawn.hpp"

namespace fd2::cli {

namespace {

using settings::source;

/// The options of this call that have no effect without a capture.
std::vector<std::string> asking(const run_options& options) {
    std::vector<std::string> out;
    const auto add = [&out](bool given, const std::string& name) {
        if (given && std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
    };
    add(!options.stats_file.empty(), "--stats");
    add(options.stats_fd.has_value(), "--stats-fd");
    add(!options.tail_file.empty(), "--tail-out");
    add(options.explain, "--explain");
    for (const auto& one : options.common.shorthand) add(one.name != "--transport", one.name);
    return out;
}

}  // namespace

std::string disabled_by(const settings::loaded& loaded) {
    const settings::origin& at = loaded.origin_of("enabled");
    if (at.layer == source::environment) return "the variable " + at.text();
    if (at.layer == source::option) return at.text() + " enabled=false";
    return at.text() + " (enabled: false)";
}

int step_aside(const run_options& options, const process::closed_at_start& closed,
               const settings::loaded& loaded) {
    const auto asked = asking(options);
    if (!asked.empty() && loaded.values.log.console) {
        complain("warning: " + join(asked, ", ") + (asked.size() == 1 ? " has" : " have") +
                 " no effect: fd2 is disabled by " + disabled_by(loaded) +
                 "; --set enabled=true enables it for this run");
    }
    // What was given to us and not to the command.
    if (options.stats_fd && *options.stats_fd > 2) process::keep_from_command(*options.stats_fd);
    process::close_again(closed);
    process::spawn_spec spec;
    spec.argv = options.command;
    spec.program = options.program;
    process::spawn_refusal refusal = process::spawn_refusal::own_failure;
    const failure why = process::execute(spec, &refusal);
    complain(text_of(why));
    return static_cast<int>(refusal);
}

}  // namespace fd2::cli
