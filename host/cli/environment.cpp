#include "cli/environment.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include "base/files.hpp"
#include "base/installed.hpp"
#include "base/plain_text.hpp"
#include "base/text_list.hpp"
#include "base/trust.hpp"
#include "channel/plugin_path.hpp"
#include "channel/selection.hpp"
#include "cli/causes.hpp"
#include "cli/explain.hpp"
#include "cli/isolated.hpp"
#include "cli/place.hpp"
#include "cli/ssh_words.hpp"
#include "cli/system.hpp"
#include "process/standard_fds.hpp"
#include "settings/places.hpp"

namespace fd2::cli {

namespace {

/// These directories, and those that the caller's FD2_PLUGIN_PATH names.
settings::settings with_callers(std::vector<settings::plugin_directory> path) {
    settings::settings out;
    out.plugins.path = std::move(path);
    const auto given = environment_variable("FD2_PLUGIN_PATH");
    if (!given || has_raised_privileges()) return out;
    std::stringstream list(*given);
    for (std::string one; std::getline(list, one, settings::between_directories);) {
        if (!one.empty()) out.plugins.path.push_back({absolute(one), true});
    }
    return out;
}

}  // namespace

void complain(std::string_view text) {
    (void)write_all(process::standard_descriptor(2), line_of_ours(text));
}

void complain_in_lines(std::string_view text) {
    for (bool first = true; first || !text.empty(); first = false) {
        const std::string_view line = text.substr(0, text.find('\n'));
        if (first) {
            complain(line);
        } else {
            std::string more;
            append_wrapped(more, plain(line), width_of(process::standard_descriptor(2)), 0, 0);
            more += '\n';
            (void)write_all(process::standard_descriptor(2), more);
        }
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
}

std::vector<channel::directory> plugin_directories(const settings::settings& config) {
    return channel::plugin_path(config.plugins.path,
                                channel::built_in(backends_beside_us(), installed_backends));
}

settings::available_backends backends_in(const std::vector<settings::plugin_directory>& path) {
    return channel::available(plugin_directories(with_callers(path)));
}

option_findings wrong_options(const settings::settings& config) {
    option_findings out;
    if (!config.why.rules.empty()) {
        settings::report found;
        cause::rule_file().load(config.why.rules, found);
        for (const auto& one : found.all()) out.wrong.push_back(one.text());
    }
    std::vector<channel::directory> named;
    for (const auto& one : config.plugins.path)
        named.push_back({one.path, channel::trust_source::verified});
    const auto theirs = channel::loader(std::move(named)).discover();
    const auto where = plugin_directories(with_callers({}));
    for (const auto& one : config.options) {
        const auto found = std::find_if(theirs.begin(), theirs.end(), [&](const auto& each) {
            return each.id == one.first && each.linked == nullptr;
        });
        if (found != theirs.end()) {
            out.unchecked.push_back("options." + one.first + ": not checked: " + found->file +
                                    " is in a directory that this file names, so it is not loaded");
            continue;
        }
        const auto wrong = isolated_with_plugins<std::vector<settings::diagnostic>>(
            where, config.plugins.trial, [&](channel::loader&, channel::backend_pool& pool) {
                return channel::check_configured(pool, config, one.first);
            });
        if (!wrong) {
            out.wrong.push_back("options." + one.first + ": cannot be checked: backend " +
                                one.first + ": " + text_of(wrong.error()));
            continue;
        }
        for (const auto& each : *wrong) out.wrong.push_back(each.text());
    }
    return out;
}

settings::run_facts facts_of(const std::vector<std::string>& command,
                             const std::optional<std::string>& link, bool on_terminal) {
    settings::run_facts out;
    out.command = command_name(command);
    out.host = remote_host(command);
    out.link = link;
    out.terminal = on_terminal;
    out.user = [known = std::string()]() mutable {
        if (known.empty()) known = name_of_user();
        return known;
    };
    out.machine = name_of_machine;
    return out;
}

result<settings::loaded> read_settings(const common_options& given,
                                       const settings::run_facts* facts, cause::rule_file* rules) {
    settings::inputs input;
    input.facts = facts;
    input.environment = own_environment();
    input.config = given.config;
    input.privileged = has_raised_privileges();
    input.backends = backends_in;
    input.forgiving = given.forgiving;
    input.options = given.shorthand;
    if (!given.plugin_path.empty()) {
        input.options.push_back(
            {"plugins.path", join(given.plugin_path, std::string(1, settings::between_directories)),
             "--plugin-path"});
    }
    for (const auto& pair : given.set) {
        const std::size_t equals = pair.find('=');
        if (equals == pair.npos) {
            return advise({errc::config, 0, "--set " + pair + ": has no '='"},
                          "write --set KEY=VALUE, for example --set capture.tail=1MiB (fd2 config "
                          "show lists the keys)");
        }
        input.options.push_back({pair.substr(0, equals), pair.substr(equals + 1), "--set"});
    }
    settings::loaded out = settings::load(input);
    if (out.steps_aside()) return out;
    cause::rule_file read = read_rules(out, given.forgiving);
    if (rules) *rules = std::move(read);
    return out;
}

bool print_mistakes(const settings::loaded& loaded, bool print_warnings) {
    // Under `fd2 run` the console shows the warnings, if its level does. Where it shows errors
    // only, a notable one (a variable whose name is nearly one of ours) is printed all the same.
    const bool only_errors = loaded.values.log.console == severity::error;
    for (const auto& one : loaded.diagnostics) {
        if (one.level == severity::error || print_warnings || (one.notable && only_errors)) {
            complain(one.text());
        }
    }
    return loaded.ok();
}

std::optional<settings::loaded> load_settings(const common_options& given, bool print_warnings,
                                              cause::rule_file* rules) {
    auto loaded = read_settings(given, nullptr, rules);
    if (!loaded) {
        complain(text_of(loaded.error()));
        return std::nullopt;
    }
    if (!print_mistakes(*loaded, print_warnings)) return std::nullopt;
    return std::move(*loaded);
}

}  // namespace fd2::cli
