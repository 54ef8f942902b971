// The logic of `fd2 config`: check, show, schema, defaults. The command line is parsed elsewhere.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/screen.hpp"
#include "settings/load.hpp"

namespace fd2::cli {

/// What the plugins themselves say about the options of backends.
struct option_findings {
    std::vector<std::string> wrong;
    std::vector<std::string> unchecked;  ///< which, and why
};
using option_check = std::function<option_findings(const settings::settings&)>;

/// `fd2 config check FILE`: says "FILE: ok" on `out`, or every mistake on `err`, warnings as well,
/// wrapped at `width` (0: one line each). 0 valid, 1 invalid. `options` runs nothing that FILE
/// names.
int config_check(const std::string& file, std::ostream& out, std::ostream& err,
                 const settings::backend_finder& backends = {}, const option_check& options = {},
                 std::size_t width = 0);

/// `fd2 config check`: the same for each file that `used` was read from. A file that a run would
/// refuse is invalid here.
int config_check_used(const settings::loaded& used, std::ostream& out, std::ostream& err,
                      const settings::backend_finder& backends = {},
                      const option_check& options = {}, std::size_t width = 0);

/// "read", "not found", ...
std::string_view state_of(settings::looked_for::outcome found);

/// `fd2 config show [--origin] [--json]`: every effective value. As YAML it is a file that gives
/// the same values again; with `origin` each line says where its value came from, and
/// comments before them which files were looked for. As JSON it has
/// the shape of the file (and is valid by the schema); with `origin` it is flat, by key:
/// {"value", "source", "name", "line", "column"}. 0, or 1 if `config` is not ok (its diagnostics
/// are the caller's to print).
int config_show(const settings::loaded& config, bool origin, bool json, const screen& terminal,
                std::ostream& out);

/// `fd2 config show KEY`: its value alone, behind it "  # " and its origin; or both as JSON. 1,
/// with a message on `err`, for a key that is unknown or an option of a backend that is not set.
int config_show_key(const settings::loaded& config, const std::string& key, bool origin, bool json,
                    std::ostream& out, std::ostream& err);

/// `fd2 config schema`: the JSON Schema. 0.
int config_schema(std::ostream& out);

/// `fd2 config defaults`: a commented file with every built-in value. 0.
int config_defaults(std::ostream& out);

}  // namespace fd2::cli
