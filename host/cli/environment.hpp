// What every subcommand starts from: the effective settings and where plugins are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cause/rule_file.hpp"
#include "channel/loader.hpp"
#include "cli/config.hpp"
#include "cli/screen.hpp"
#include "settings/load.hpp"

namespace fd2::cli {

/// The exit status of fd2's own failures in place of a command's, as env(1) and timeout(1) have it.
inline constexpr int own_failure = 125;

/// The exit status of fd2's other commands after wrong usage.
inline constexpr int usage_error = 2;

/// The options that every subcommand takes.
struct common_options {
    std::optional<std::string> config;
    std::vector<std::string> plugin_path;           ///< --plugin-path, as given
    std::vector<std::string> set;                   ///< --set KEY=VALUE
    std::vector<settings::option_value> shorthand;  ///< what other options stand for
    bool forgiving = false;  ///< we were called by another name (settings::inputs::forgiving)
};

/// The configuration, its mistakes included; nothing is printed. Fails for a --set without '='.
/// `facts`: of the run that it is for, if it is for one (settings::inputs::facts). `rules`: where
/// those of why.rules go; they are read in any case, for their mistakes.
result<settings::loaded> read_settings(const common_options& given,
                                       const settings::run_facts* facts = nullptr,
                                       cause::rule_file* rules = nullptr);

/// What rules see of a run of this command. `link`: the name that fd2 was called by, if it is not
/// its own.
settings::run_facts facts_of(const std::vector<std::string>& command,
                             const std::optional<std::string>& link, bool on_terminal);

/// The configuration in force. Errors are printed on stderr; null after one. Warnings are printed
/// only if `print_warnings`: under `fd2 run` stderr is the command's, and they go to the log.
std::optional<settings::loaded> load_settings(const common_options& given, bool print_warnings,
                                              cause::rule_file* rules = nullptr);

/// The printing that load_settings does. False: there is an error.
bool print_mistakes(const settings::loaded& loaded, bool print_warnings);

/// Where plugins are looked for, in order: the caller's directories, those of configuration files,
/// the one that belongs to this executable.
std::vector<channel::directory> plugin_directories(const settings::settings& config);

/// What is found there, in FD2_PLUGIN_PATH and where plugins are installed.
settings::available_backends backends_in(const std::vector<settings::plugin_directory>& path);

/// What is wrong in files that `config` names: in why.rules, and with the options of backends, by
/// the tables of the plugins themselves: each that has options is loaded, in a process of its own,
/// none is opened. One that is not installed is passed over, and none is loaded from a directory
/// that `config` names: that would run code chosen by whoever wrote the file.
option_findings wrong_options(const settings::settings& config);

/// "fd2: TEXT" and a newline on stderr: one line whatever the text holds, wrapped on a terminal.
void complain(std::string_view text);

/// The same with further lines below it. Names that come from others have no newline in `text`.
void complain_in_lines(std::string_view text);

}  // namespace fd2::cli
