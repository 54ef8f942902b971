// `fd2 config explain`: what the configuration comes to for one command.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "settings/load.hpp"

namespace fd2::cli {

/// The run that is explained.
struct explained_run {
    const std::vector<std::string>& command;
    const settings::run_facts& facts;
    const settings::loaded& config;
};

/// Which files were read, what rules see of the command, which rule applies and why the others do
/// not, the values that the rule sets, and those that differ from the built-in ones. As JSON:
/// schema fd2.explain/1 (docs/fd2.explain.schema.json). 0, or 1 where the configuration has an
/// error (which the caller prints).
int config_explain(const explained_run& run, bool json, std::ostream& out);

}  // namespace fd2::cli
