#include "library/host_state.hpp"

#include <string>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "base/installed.hpp"
#include "base/result.hpp"
#include "base/signal_mask.hpp"
#include "channel/plugin_path.hpp"
#include "library/serve_control.hpp"
#include "run/plugin_trial.hpp"
#include "run/watched_files.hpp"
#include "settings/difference.hpp"
#include "settings/load.hpp"

namespace fd2 {

namespace {

/// The directory that this library lies in; empty: unknown.
std::string own_directory() {
    const std::string self = own_module();
    const auto slash = self.rfind('/');
    return slash == self.npos ? "" : absolute(self.substr(0, slash));
}

/// Where fd2-conform may lie: in the build tree, in the prefix that this library was moved to, and
/// where it was to be installed.
std::vector<std::string> conform_programs() {
    std::vector<std::string> out{installed_conform};
    if (const std::string here = own_directory(); !here.empty()) {
        out.insert(out.begin(),
                   {here + "/../bin/fd2-conform", here + "/" FD2_CONFORM_FROM_LIBRARY});
    }
    return out;
}

/// The caller's directories, those of configuration files, and the one beside this library:
/// wherever it was moved to, its backends moved along.
std::vector<channel::directory> directories(const std::vector<settings::plugin_directory>& path) {
    const std::string here = own_directory();
    const std::string beside = here.empty() ? "" : here + "/fd2/backends";
    return channel::plugin_path(path, channel::built_in(beside, installed_backends));
}

/// The configuration that the options ask for, and where it was looked for.
result<settings::loaded> settings_of(const host_options& options) {
    std::vector<settings::plugin_directory> callers;
    for (const auto& path : options.plugin_path) callers.push_back({absolute(path), true});

    settings::inputs input;
    if (options.system_config) {
        input.environment = own_environment();
        if (!options.config.empty()) input.config = options.config;
    } else {
        input.config = options.config.empty() ? "none" : absolute(options.config);
    }
    input.privileged = has_raised_privileges();
    input.backends = [&](const std::vector<settings::plugin_directory>& path) {
        std::vector<settings::plugin_directory> all = callers;
        all.insert(all.end(), path.begin(), path.end());
        return channel::available(directories(all));
    };
    for (const auto& pair : options.set) {
        const std::size_t equals = pair.find('=');
        if (equals == pair.npos) {
            return advise({errc::config, 0, "set \"" + pair + "\": has no '='"}, "write KEY=VALUE");
        }
        input.options.push_back({pair.substr(0, equals), pair.substr(equals + 1), "set"});
    }
    settings::loaded loaded = settings::load(input);
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
    return loaded;
}

}  // namespace

result<std::shared_ptr<host_state>> host_state::make(const host_options& options) {
    auto config = settings_of(options);
    if (!config) return std::move(config).error();
    return std::shared_ptr<host_state>(new host_state(std::move(*config), options),
                                       delete_at_home<host_state>());
}

host_state::host_state(settings::loaded config, const host_options& options)
    : options_(options),
      settings_(std::make_shared<const settings::settings>(std::move(config.values))),
      searched_(std::move(config.searched)),
      stderr_fd_(options.stderr_fd),
      watch_(options.watch),
      forwarder_(stderr_fd_, runs::forward_options(settings_->forward, 0), watch_) {
    make_pool(*settings_);
    if (!options.control || !settings_->control.enabled || has_raised_privileges()) return;
    auto made = serve_control(*this);
    if (made) {
        control_ = std::move(*made);
    } else {
        tell(severity::warning, "no control socket: " + text_of(made.error()));
    }
}

/// Where plugins are, as this configuration says. Channels keep the plugins that they have.
void host_state::make_pool(const settings::settings& config) {
    auto loader = std::make_unique<channel::loader>(directories(config.plugins.path),
                                                    trusted_owner_of(own_module().c_str()));
    channel::prepare(*loader, config, runs::plugin_trial(conform_programs()), watch_);
    pool_ = std::make_unique<channel::backend_pool>(*loader, watch_);
    loader_ = std::move(loader);
}

host_state::~host_state() {
    control_.reset();
    const sigpipe_blocked quiet;
    for (auto& one : followed_) {
        one->cut_short();
        (void)one->step(nothing);
    }
    followed_.clear();
    forwarder_.flush(after(now(), settings_->forward.stall));
}

result<channel::selected> host_state::open(const channel::open_request& want,
                                           channel::channel_setup setup,
                                           std::vector<channel::attempt>& attempts) {
    let_go_of_ended();
    const std::lock_guard lock(selecting_);
    return channel::open_channel(*pool_, *config(), want, std::move(setup), &attempts);
}

namespace {

/// The answers of several channels, which come from several threads.
class gathering {
  public:
    gathering(std::size_t expected, std::function<void(std::vector<swap_result>)> done)
        : left_(expected), done_(std::move(done)) {}

    void add(swap_result one) {
        {
            const std::lock_guard lock(mutex_);
            all_.push_back(std::move(one));
            if (--left_ != 0) return;
        }
        done_(std::move(all_));
    }

  private:
    std::mutex mutex_;
    std::size_t left_;
    std::vector<swap_result> all_;
    const std::function<void(std::vector<swap_result>)> done_;
};

}  // namespace

void host_state::swap(const swap_request& wanted, const std::string& why,
                      std::function<void(result<std::vector<swap_result>>)> done) {
    std::vector<listed_child::facts> children = running_->look();
    if (wanted.channel != 0) {
        std::erase_if(children,
                      [&](const auto& one) { return one.what.channel != wanted.channel; });
    }
    choices to;
    if (!wanted.back) {
        const auto config = this->config();
        const bool is_path = is_absolute(wanted.backend);
        const auto source =
            is_path ? channel::trust_source::caller : channel::trust_source::verified;
        const auto look = [&](settings::transport_kind transport) {
            const auto plan = runs::plan_stderr(*config, transport, true);
            return runs::candidates(
                *pool_, *config,
                wanted.backend.empty() ? plan.want.backends : std::vector{wanted.backend}, source);
        };
        const std::lock_guard lock(selecting_);
        to.sync = look(settings::transport_kind::sync);
        to.async = look(settings::transport_kind::async);
        if (to.sync.size() == 1 && !to.sync.front().backend && !wanted.backend.empty()) {
            return done(to.sync.front().backend.error());
        }
    }
    swap_to(std::move(children), to, wanted.back, why, std::move(done));
}

void host_state::swap_to(std::vector<listed_child::facts> children, const choices& to, bool back,
                         const std::string& why,
                         std::function<void(std::vector<swap_result>)> done) {
    if (children.empty()) return done({});
    const auto all = std::make_shared<gathering>(children.size(), std::move(done));
    for (const auto& one : children) {
        swap_result base;
        base.channel = one.what.channel;
        base.from = one.what.backend;
        base.generation = one.what.generation;
        const auto before =
            back && one.view ? running_->before(one.what.channel) : channel::shared_backend();
        if (!one.view || (back && !before)) {
            base.reason = one.view ? "was not moved yet" : one.why_inherit;
            all->add(std::move(base));
            continue;
        }
        const channel::channel_view moved = *one.view;
        const channel::shared_backend present = moved.configured();
        auto candidates = one.transport == settings::transport_kind::async ? to.async : to.sync;
        if (back) candidates = {{before->plugin->id, before}};
        runs::swap_channel(
            moved, std::move(candidates),
            [=, running = running_, watch = watch_](channel::hand_over_result how) mutable {
                std::string said;
                if (how) {
                    running->moved(base.channel, present);
                    base.to = how->to;
                    base.generation = moved.plugin()->generation;
                    base.pause = std::chrono::nanoseconds(how->pause);
                    said = "swap: " + how->from + " -> " + how->to + ", version " +
                           std::to_string(base.generation) + " of " + how->file +
                           ", reading paused for " + std::to_string(how->pause / microsecond) +
                           " us (" + why + ")";
                } else {
                    base.reason = text_of(how.error());
                    said = "swap: kept " + base.from + ": " + base.reason + " (" + why + ")";
                }
                if (watch) watch->on_event({severity::info, said, base.from, base.channel});
                all->add(std::move(base));
            });
    }
}

void host_state::reload(const std::string& why, std::function<void(reload_result)> done) {
    reload_result out;
    auto fresh = settings_of(options_);
    if (!fresh) {
        out.problems.push_back(text_of(fresh.error()));
        tell(severity::warning, "reload refused: " + out.problems.front() + " (" + why + ")");
        return done(std::move(out));
    }
    const auto before = config();
    const auto present = std::make_shared<const settings::settings>(std::move(fresh->values));
    for (auto& one : settings::differences(*before, *present)) {
        const bool applied = settings::applies_to_running(one.key);
        tell(severity::info, "reload: " + one.key + ": " + one.before + " -> " + one.after +
                                 (applied ? "" : " (for children started from now on)"));
        out.changes.push_back({one.key, one.before, one.after, applied});
    }
    tell(severity::info,
         "reload: " + std::to_string(out.changes.size()) + " changes (" + why + ")");
    {
        const std::scoped_lock lock(selecting_, replacing_);
        if (before->plugins.path != present->plugins.path) make_pool(*present);
        pool_->look_again(channel::policy_for_running(*present));
        settings_ = present;
        searched_ = std::move(fresh->searched);
    }
    if (present->swap.running != settings::swap_policy::hand_over) return done(std::move(out));
    const auto shared = std::make_shared<reload_result>(std::move(out));
    swap({}, why, [shared, done = std::move(done)](result<std::vector<swap_result>> how) {
        if (how) shared->swapped = std::move(*how);
        done(std::move(*shared));
    });
}

std::vector<std::string> host_state::files_to_watch() const {
    const std::lock_guard lock(replacing_);
    if (!settings_->reload.watch) return {};
    std::vector<std::string> names = settings_->backends.sync;
    names.insert(names.end(), settings_->backends.async.begin(), settings_->backends.async.end());
    return runs::files_to_watch(searched_, directories(settings_->plugins.path), names);
}

void host_state::tell(severity level, const std::string& text) {
    if (watch_) watch_->on_event({level, text});
}

void host_state::tell_inherit(const std::string& why) {
    if (!watch_ || told_inherit_.exchange(true)) return;
    watch_->on_event({severity::info, "children inherit our stderr, nothing is captured: " + why});
}

void host_state::follow(std::shared_ptr<runs::run> machine) {
    const std::lock_guard lock(following_);
    followed_.push_back(std::move(machine));
}

void host_state::let_go_of_ended() {
    const std::lock_guard lock(following_);
    if (followed_.empty()) return;
    const sigpipe_blocked quiet;
    followed_.remove_if([](auto& one) { return one->step(nothing).over; });
}

}  // namespace fd2
