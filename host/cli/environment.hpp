// What every subcommand starts from: the effective settings and where plugins lie.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "loader/loader.hpp"
#include "settings/load.hpp"

namespace fd2::cli {

/// The exit status of fd2's own failures in place of a command's, as env(1) and timeout(1) have it.
inline constexpr int own_failure = 125;

/// The options that every subcommand takes.
struct common_options {
    std::optional<std::string> config;
    std::vector<std::string> plugin_path;           ///< --plugin-path, as given
    std::vector<std::string> set;                   ///< --set KEY=VALUE
    std::vector<settings::option_value> shorthand;  ///< what other options stand for
};

/// The configuration, its mistakes included; nothing is printed. Fails for a --set that is none.
result<settings::loaded> read_settings(const common_options& given);

/// The configuration in force. Errors are printed on stderr; null after one. Warnings are printed
/// only if `print_warnings`: under `fd2 run` stderr is the command's, and they go to the log.
std::optional<settings::loaded> load_settings(const common_options& given, bool print_warnings);

/// Where plugins are looked for, in order: the caller's directories, those of configuration files,
/// the one that belongs to this executable.
std::vector<loader::directory> plugin_directories(const settings::settings& with);

/// The ids of the backends that are found there, in FD2_PLUGIN_PATH and where they are installed.
std::vector<std::string> backends_in(const std::vector<settings::plugin_directory>& path);

/// What is wrong with the options of backends, by the tables of the plugins themselves: each that
/// has options is loaded, none is opened. One that is not installed has no say.
std::vector<std::string> wrong_options(const settings::settings& with);

/// "fd2: TEXT" and a newline on stderr.
void complain(std::string_view text);

}  // namespace fd2::cli
