#include "cli/environment.hpp"

#include <limits.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "channel/selection.hpp"

namespace fd2::cli {

namespace {

/// PREFIX/bin/fd2 has its plugins in PREFIX/lib/.../fd2/backends, installed or in a build tree;
/// wherever it was moved to, they moved along.
std::vector<std::string> built_in_directories() {
    std::vector<std::string> out;
    char self[PATH_MAX];
    const ssize_t size = ::readlink("/proc/self/exe", self, sizeof(self));
    if (size > 0 && size < static_cast<ssize_t>(sizeof(self))) {
        const std::string path(self, static_cast<std::size_t>(size));
        const std::size_t file = path.rfind('/');
        const std::size_t bin =
            file == 0 || file == path.npos ? path.npos : path.rfind('/', file - 1);
        if (bin != path.npos)
            out.push_back(path.substr(0, bin).append("/" FD2_BACKEND_DIR_RELATIVE));
    }
    if (out.empty() || out.front() != FD2_BACKEND_DIR) out.emplace_back(FD2_BACKEND_DIR);
    return out;
}

std::string absolute(const std::string& path) {
    if (path.starts_with('/')) return path;
    char here[PATH_MAX];
    if (!::getcwd(here, sizeof(here))) return path;
    std::string out = here;
    return out.append("/").append(path);
}

/// These directories, and those that the caller's FD2_PLUGIN_PATH names.
settings::settings with_callers(std::vector<settings::plugin_directory> path) {
    settings::settings out;
    out.plugins.path = std::move(path);
    const char* given = std::getenv("FD2_PLUGIN_PATH");
    if (given == nullptr || loader::has_raised_privileges()) return out;
    std::stringstream list(given);
    for (std::string one; std::getline(list, one, ':');) {
        if (!one.empty()) out.plugins.path.push_back({absolute(one), true});
    }
    return out;
}

}  // namespace

void complain(std::string_view text) {
    std::string line = "fd2: ";
    line += text;
    line += '\n';
    std::fwrite(line.data(), 1, line.size(), stderr);
}

std::vector<loader::directory> plugin_directories(const settings::settings& with) {
    std::vector<loader::directory> out;
    for (const auto& [path, from_caller] : with.plugins.path) {
        out.push_back({path, from_caller ? loader::trust::callers : loader::trust::verified});
    }
    for (auto& path : built_in_directories()) out.push_back({path, loader::trust::verified});
    return out;
}

std::vector<std::string> backends_in(const std::vector<settings::plugin_directory>& path) {
    std::vector<std::string> names;
    for (const auto& one : loader::loader(plugin_directories(with_callers(path))).discover()) {
        names.push_back(one.id);
    }
    return names;
}

std::vector<std::string> wrong_options(const settings::settings& with) {
    std::vector<std::string> out;
    loader::loader plugins(plugin_directories(with_callers(with.plugins.path)));
    channel::backend_pool pool(plugins, nullptr);
    for (const auto& one : with.options) {
        const auto good = channel::check_configured(pool, with, one.first);
        if (!good) out.push_back(good.error().message);
    }
    return out;
}

result<settings::loaded> read_settings(const common_options& given) {
    settings::inputs from;
    from.environment = environ;
    from.config = given.config;
    from.privileged = loader::has_raised_privileges();
    from.backends = backends_in;
    from.options = given.shorthand;
    if (!given.plugin_path.empty()) {
        std::string joined;
        for (const auto& one : given.plugin_path) {
            if (!joined.empty()) joined += ':';
            joined += absolute(one);
        }
        from.options.push_back({"plugins.path", joined, "--plugin-path"});
    }
    for (const auto& pair : given.set) {
        const std::size_t equals = pair.find('=');
        if (equals == pair.npos) {
            return failure{errc::config, 0,
                           "--set " + pair +
                               ": write --set KEY=VALUE, for instance --set "
                               "capture.tail=1MiB (fd2 config show lists the keys)"};
        }
        from.options.push_back({pair.substr(0, equals), pair.substr(equals + 1), "--set"});
    }
    return settings::load(from);
}

std::optional<settings::loaded> load_settings(const common_options& given, bool print_warnings) {
    auto loaded = read_settings(given);
    if (!loaded) {
        complain(loaded.error().message);
        return std::nullopt;
    }
    for (const auto& one : loaded->diagnostics) {
        if (one.level == severity::error || print_warnings) complain(one.text());
    }
    if (!loaded->ok()) return std::nullopt;
    return std::move(*loaded);
}

}  // namespace fd2::cli
