// What fd2 makes of the room `cause`: the user's own rules, and the cause of a run's failure.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "cause/rule_file.hpp"
#include "cause/search.hpp"
#include "cli/stats.hpp"
#include "settings/load.hpp"

namespace fd2::cli {

/// Reads why.rules. What is wrong is an error in `loaded.diagnostics` that says where why.rules was
/// set; where mistakes in files are forgiven (settings::inputs::forgiving), one warning.
cause::rule_file read_rules(settings::loaded& loaded, bool forgiving);

/// The cause of the failure of a run whose report is complete. `tail`: the end of its stderr.
cause::found_cause cause_of(const run_report& report, const std::array<std::string_view, 2>& tail,
                            bool signalled, const cause::rule_file& own);

/// "ssh: host-key: Find out why ..." for a hint; empty where nothing is known and nothing advised.
std::string hint_of(const cause::found_cause& cause, std::string_view command);

/// As much of the end of a text as is looked at, and a little more.
inline constexpr std::size_t longest_end = cause::most_lines * (cause::longest_line + 1);

}  // namespace fd2::cli
