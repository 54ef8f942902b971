// The logic of `fd2 config`: check, show, schema, defaults. The command line is parsed elsewhere.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "settings/load.hpp"

namespace fd2::cli {

/// One diagnostic a line.
void print_diagnostics(const settings::loaded& what, std::ostream& err);

/// `fd2 config check FILE`: says "FILE: ok" on `out`, or every mistake on `err`. 0 valid,
/// 1 invalid. `options` tells what is wrong with the options of backends.
using option_check = std::function<std::vector<std::string>(const settings::settings&)>;
int config_check(const std::string& file, std::ostream& out, std::ostream& err,
                 const settings::backend_finder& backends = {}, const option_check& options = {});

/// `fd2 config show [--origin] [--json]`: every effective value. As YAML it is a file that gives
/// the same values again; with `origin` each line says where its value came from, and
/// comments before them which files were looked for. As JSON it has
/// the shape of the file (and is valid by the schema); with `origin` it is flat, by key:
/// {"value", "source", "name", "line", "column"}. 0, or 1 if `what` is not ok (its diagnostics are
/// the caller's to print).
int config_show(const settings::loaded& what, bool origin, bool json, std::ostream& out);

/// `fd2 config schema`: the JSON Schema. 0.
int config_schema(std::ostream& out);

/// `fd2 config defaults`: a commented file with every built-in value. 0.
int config_defaults(std::ostream& out);

}  // namespace fd2::cli
