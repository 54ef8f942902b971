#include "cli/environment.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/files.hpp"
#include "base/installed.hpp"
#include "base/plain_text.hpp"
#include "base/text_list.hpp"
#include "base/trust.hpp"
#include "channel/plugin_path.hpp"
#include "channel/selection.hpp"
#include "cli/isolated.hpp"
#include "cli/ssh_words.hpp"

namespace fd2::cli {

namespace {

/// PREFIX/bin/fd2 has its plugins in PREFIX/lib/.../fd2/backends, installed or in a build tree;
/// wherever it was moved to, they moved along.
std::string beside_us() {
    const std::string self = own_executable();
    const std::size_t file = self.rfind('/');
    const std::size_t bin = file == 0 || file == self.npos ? self.npos : self.rfind('/', file - 1);
    return bin == self.npos ? "" : self.substr(0, bin) + "/" FD2_BACKEND_DIR_RELATIVE;
}

/// These directories, and those that the caller's FD2_PLUGIN_PATH names.
settings::settings with_callers(std::vector<settings::plugin_directory> path) {
    settings::settings out;
    out.plugins.path = std::move(path);
    const char* given = std::getenv("FD2_PLUGIN_PATH");
    if (given == nullptr || has_raised_privileges()) return out;
    std::stringstream list(given);
    for (std::string one; std::getline(list, one, ':');) {
        if (!one.empty()) out.plugins.path.push_back({absolute(one), true});
    }
    return out;
}

}  // namespace

void complain(std::string_view text) {
    std::string line = "fd2: ";
    append_wrapped(line, plain(text), width_of(STDERR_FILENO), line.size(), line.size());
    line += '\n';
    std::fwrite(line.data(), 1, line.size(), stderr);
}

void complain_in_lines(std::string_view text) {
    for (bool first = true; first || !text.empty(); first = false) {
        const std::string_view line = text.substr(0, text.find('\n'));
        if (first) {
            complain(line);
        } else {
            std::string more;
            append_wrapped(more, plain(line), width_of(STDERR_FILENO), 0, 0);
            more += '\n';
            std::fwrite(more.data(), 1, more.size(), stderr);
        }
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
}

std::vector<channel::directory> plugin_directories(const settings::settings& config) {
    return channel::plugin_path(config.plugins.path,
                                channel::built_in(beside_us(), installed_backends));
}

settings::available_backends backends_in(const std::vector<settings::plugin_directory>& path) {
    return channel::available(plugin_directories(with_callers(path)));
}

option_findings wrong_options(const settings::settings& config) {
    option_findings out;
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

namespace {

/// What machine-id(5) says, or where that is not set up, the host name.
std::string name_of_machine() {
    std::string id;
    std::ifstream("/etc/machine-id") >> id;
    if (!id.empty() && id.find_first_not_of("0123456789abcdef") == id.npos) return id;
    char name[HOST_NAME_MAX + 1] = {};
    ::gethostname(name, sizeof name - 1);
    return name;
}

}  // namespace

std::string name_of_user(uid_t user) {
    const passwd* const entry = ::getpwuid(user);
    return entry != nullptr ? std::string(entry->pw_name) : std::to_string(user);
}

settings::run_facts facts_of(const std::vector<std::string>& command,
                             const std::optional<std::string>& link, bool on_terminal) {
    settings::run_facts out;
    out.command = command_name(command);
    out.host = remote_host(command);
    out.link = link;
    out.terminal = on_terminal;
    out.user = [known = std::string()]() mutable {
        if (known.empty()) known = name_of_user(::getuid());
        return known;
    };
    out.machine = name_of_machine;
    return out;
}

result<settings::loaded> read_settings(const common_options& given,
                                       const settings::run_facts* facts) {
    settings::inputs input;
    input.facts = facts;
    input.environment = environ;
    input.config = given.config;
    input.privileged = has_raised_privileges();
    input.backends = backends_in;
    input.forgiving = given.forgiving;
    input.options = given.shorthand;
    if (!given.plugin_path.empty()) {
        input.options.push_back({"plugins.path", join(given.plugin_path, ":"), "--plugin-path"});
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
    return settings::load(input);
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

std::optional<settings::loaded> load_settings(const common_options& given, bool print_warnings) {
    auto loaded = read_settings(given);
    if (!loaded) {
        complain(text_of(loaded.error()));
        return std::nullopt;
    }
    if (!print_mistakes(*loaded, print_warnings)) return std::nullopt;
    return std::move(*loaded);
}

}  // namespace fd2::cli
