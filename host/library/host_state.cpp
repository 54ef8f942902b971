#include "library/host_state.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <climits>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "settings/load.hpp"

namespace fd2 {

namespace {

/// The file that this code is mapped from.
std::string own_file() {
    Dl_info about{};
    if (::dladdr(reinterpret_cast<const void*>(&own_file), &about) == 0) return {};
    return about.dli_fname ? about.dli_fname : "";
}

std::string absolute(const std::string& path) {
    if (path.starts_with('/')) return path;
    char here[PATH_MAX];
    if (!::getcwd(here, sizeof(here))) return path;
    return std::string(here) + "/" + path;
}

/// The caller's directories, those of configuration files, and the one beside this library:
/// wherever it was moved to, its backends moved along.
std::vector<loader::directory> directories(const std::vector<settings::plugin_directory>& path) {
    std::vector<loader::directory> out;
    for (const auto& [directory, from_caller] : path) {
        out.push_back({directory, from_caller ? loader::trust::callers : loader::trust::verified});
    }
    const std::string self = own_file();
    if (const auto slash = self.rfind('/'); slash != self.npos) {
        out.push_back({absolute(self.substr(0, slash)) + "/fd2/backends", loader::trust::verified});
    }
    if (out.empty() || out.back().path != FD2_BACKEND_DIR) {
        out.push_back({FD2_BACKEND_DIR, loader::trust::verified});
    }
    return out;
}

result<settings::settings> settings_of(const host_options& options) {
    std::vector<settings::plugin_directory> callers;
    for (const auto& path : options.plugin_path) callers.push_back({absolute(path), true});

    settings::inputs from;
    if (options.system_config) {
        from.environment = environ;
        if (!options.config.empty()) from.config = options.config;
    } else {
        from.config = options.config.empty() ? "none" : absolute(options.config);
    }
    from.privileged = loader::has_raised_privileges();
    from.backends = [&](const std::vector<settings::plugin_directory>& path) {
        std::vector<settings::plugin_directory> all = callers;
        all.insert(all.end(), path.begin(), path.end());
        std::vector<std::string> names;
        for (const auto& one : loader::loader(directories(all)).discover()) {
            names.push_back(one.id);
        }
        return names;
    };
    for (const auto& pair : options.set) {
        const std::size_t equals = pair.find('=');
        if (equals == pair.npos) {
            return failure{errc::config, 0, "set \"" + pair + "\": write KEY=VALUE"};
        }
        from.options.push_back({pair.substr(0, equals), pair.substr(equals + 1), "set"});
    }
    settings::loaded loaded = settings::load(from);
    std::string wrong;
    for (const auto& one : loaded.diagnostics) {
        if (one.level == severity::error)
            wrong += (wrong.empty() ? "" : "; ") + one.text();
        else if (options.watch)
            options.watch->on_event({one.level, one.text()});
    }
    if (!loaded.ok()) return failure{errc::config, 0, std::move(wrong)};
    auto& path = loaded.values.plugins.path;
    path.insert(path.begin(), callers.begin(), callers.end());
    return std::move(loaded.values);
}

}  // namespace

result<std::shared_ptr<host_state>> host_state::make(const host_options& options) {
    auto with = settings_of(options);
    if (!with) return std::move(with).error();
    return std::shared_ptr<host_state>(new host_state(std::move(*with), options));
}

host_state::host_state(settings::settings with, const host_options& options)
    : settings_(std::move(with)),
      stderr_fd_(options.stderr_fd),
      watch_(options.watch),
      forwarder_(stderr_fd_, transport::forward_options(settings_.forward, 0), watch_),
      loader_(directories(settings_.plugins.path), loader::party_of(own_file().c_str())),
      pool_(loader_, watch_) {}

host_state::~host_state() {
    for (auto& one : followed_) {
        one.forwards->stream().finishing();
        one.carried->finish(FD2_FINISH_DRAIN);
        one.forwards->attach({});
        one.carried.reset();
    }
    followed_.clear();
    forwarder_.flush(after(now(), settings_.forward.stall));
}

result<channel::selected> host_state::open(const channel::wish& want,
                                           channel::channel_setup setup) {
    let_go_of_ended();
    const std::lock_guard lock(selecting_);
    return channel::open_channel(pool_, settings_, want, std::move(setup));
}

void host_state::tell_inherit(const std::string& why) {
    if (!watch_ || told_inherit_.exchange(true)) return;
    watch_->on_event({severity::info, "children inherit our stderr, nothing is captured: " + why});
}

void host_state::follow(followed_channel what) {
    const std::lock_guard lock(following_);
    followed_.push_back(std::move(what));
}

void host_state::let_go_of_ended() {
    const std::lock_guard lock(following_);
    followed_.remove_if([](followed_channel& one) {
        if (!one.carried->ended()) return false;
        one.forwards->attach({});
        return one.carried->join(never);
    });
}

}  // namespace fd2
