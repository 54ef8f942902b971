#include "cli/run_control.hpp"

#include <algorithm>
#include <utility>

#include "channel/plugin_path.hpp"
#include "cli/conform.hpp"
#include "run/plugin_trial.hpp"
#include "run/watched_files.hpp"
#include "settings/difference.hpp"

namespace fd2::cli {

namespace {

// A run that ends before has no control socket.
constexpr nanoseconds_t age_of_socket = 200 * millisecond;

/// A backend, in a record: which content of which file.
nlohmann::ordered_json as_json(const channel::loaded_plugin& plugin, const std::string& hash) {
    return {
        {"backend", plugin.id},
        {"version", plugin.backend->version},
        {"file", plugin.file},
        {"generation", plugin.generation},
        {"sha256", hash.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(hash)}};
}

using maybe_requester = std::optional<control::requester>;

/// "asked by uid 0, pid 4711".
std::string asked_by(const maybe_requester& who) {
    if (!who) return "because a file changed";
    return "asked by uid " + std::to_string(who->uid) + ", pid " + std::to_string(who->pid);
}

}  // namespace

run_control::run_control(run_subject of) : of_(std::move(of)), plan_(of_.plan) {
    source_.serve = [this] { return serve(); };
    source_.at = now() + age_of_socket;
}

run_control::~run_control() = default;

result<bool> run_control::serve() {
    try {
        return serve_or_open();
    } catch (const std::exception&) {
        return false;  // out of memory: the client asks again, and the command goes on
    }
}

result<bool> run_control::serve_or_open() {
    source_.at = never;
    if (server_) {
        server_->serve();
        if (trials_->is_over()) serve_pending();
        if (const auto* trial = trials_->going_on()) source_.at = trial->deadline();
        return false;
    }
    auto made = control::server::open(*this);
    if (!made) {
        tell(severity::debug, "no control socket: " + text_of(made.error()));
        return std::move(made).error();  // it is not tried again
    }
    server_ = std::move(*made);
    source_.descriptor = server_->descriptor();
    trials_.emplace(conform_programs());
    if (of_.pool) {
        channel::loader& plugins = of_.pool->plugins();
        channel::prepare(plugins, config(), trials_->trial(), &of_.log);
        const channel::channel* const carried = of_.run.open_channel();
        if (carried && takes_records()) {
            // Records name contents. Of what is mapped already nobody can tell once the file is
            // another.
            plugins.ask_for_verdicts();
            first_ = carried->view().plugin();
            first_hash_ = plugins.hash_of(*first_);
        }
    }
    if (config().reload.watch) watch();
    return false;
}

bool run_control::takes_records() const {
    return of_.log.log() && of_.log.log()->takes_documents();
}

/// The same as data, for the log file.
void run_control::audit(nlohmann::ordered_json what, const maybe_requester& who) {
    if (!takes_records()) return;
    nlohmann::ordered_json by = nullptr;  // a file that changed
    if (who) by = {{"uid", who->uid}, {"pid", who->pid}};
    what["by"] = std::move(by);
    const std::string text =
        what.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    event record{severity::info, text, of_.report.backend, of_.report.channel, of_.report.pid};
    of_.log.log()->on_document(record, logging::kind::audit);
}

void run_control::tell(severity level, const std::string& text) noexcept {
    of_.log.on_event({level, text, of_.report.backend, 0, of_.report.pid});
}

control::host_state run_control::describe() {
    return {of_.options.link ? "link" : "run", of_.options.command, of_.run.started()};
}

std::vector<control::channel_state> run_control::channels() {
    control::channel_state out;
    out.pid = of_.report.pid;
    out.command = of_.options.command;
    out.state = of_.run.state();
    out.started = of_.run.started();
    out.forward_dropped = of_.run.forwarded().dropped;
    out.backend = of_.report.backend;
    out.medium = of_.report.info.medium;
    out.reason = of_.run.why_inherit();
    out.record = of_.run.record();
    out.moves = of_.report.moves.size();
    for (const auto& [backend, why] : of_.run.attempts())
        out.attempts.push_back({backend, text_of(why)});
    if (const channel::channel* const carried = of_.run.open_channel()) {
        const auto by = carried->view().plugin();
        out.number = carried->number();
        out.plugin = by->file;
        out.generation = by->generation;
        out.last_byte = carried->last_byte();
    }
    return {std::move(out)};
}

/// The channel stays with its backend.
void run_control::keep(const channel::loaded_plugin& by, const std::string& why,
                       const maybe_requester& who) {
    audit(
        {{"action", "swap"}, {"from", as_json(by, hash_of(by))}, {"to", nullptr}, {"reason", why}},
        who);
    tell(severity::info, "swap: kept " + by.id + ": " + why + " (" + asked_by(who) + ")");
}

/// All that was loaded since the socket is there comes with its hash.
const std::string& run_control::hash_of(const channel::loaded_plugin& plugin) const {
    return &plugin == first_.get() ? first_hash_ : plugin.hash;
}

std::optional<control::swap_outcome> run_control::nothing_to_move() const {
    if (of_.run.open_channel() && of_.pool) return {};
    const std::string why = of_.run.record() ? "its stderr has ended" : of_.run.why_inherit();
    return control::swap_outcome{{}, {{0, of_.report.backend, why}}};
}

void run_control::swap(const control::swap_request& wanted, const control::requester& who,
                       control::answer<result<control::swap_outcome>> done) {
    if (auto nothing = nothing_to_move()) return done(std::move(*nothing));
    if (wanted.back) {
        if (!before_) {
            return done(control::swap_outcome{
                {}, {{of_.run.open_channel()->number(), of_.report.backend, "was not moved yet"}}});
        }
        const std::string name = before_->plugin->id;
        return done(swap_to({{name, before_}}, who));
    }
    if (wanted.backend.empty() && !plan_.captures) {
        const std::string why = "nothing would be captured now: " + plan_.why_inherit;
        keep(*of_.run.open_channel()->view().plugin(), why, who);
        return done(control::swap_outcome{
            {}, {{of_.run.open_channel()->number(), of_.report.backend, why}}});
    }
    auto source = channel::trust_source::verified;
    std::vector<std::string> names = plan_.want.backends;
    if (!wanted.backend.empty()) {
        names = {wanted.backend};
        // A path is the requester's word: it is our own user, or root.
        if (wanted.backend.starts_with('/')) source = channel::trust_source::caller;
    }
    with_candidates({std::move(names), source,
                     [this, who, done = std::move(done)](std::vector<runs::candidate> to) {
                         if (auto nothing = nothing_to_move()) return done(std::move(*nothing));
                         if (to.size() == 1 && !to.front().backend) {
                             const failure& why = to.front().backend.error();
                             keep(*of_.run.open_channel()->view().plugin(),
                                  to.front().name + ": " + text_of(why), who);
                             return done(why);
                         }
                         done(swap_to(std::move(to), who));
                     }});
}

/// Plugins that nobody vouches for are tried first, while the run goes on.
void run_control::with_candidates(pending wanted) {
    pending_.push_back(std::move(wanted));
    if (!trials_->going_on()) serve_pending();
}

void run_control::serve_pending() {
    while (!pending_.empty()) {
        auto to =
            runs::candidates(*of_.pool, config(), pending_.front().names, pending_.front().source);
        if (const auto* trial = trials_->going_on()) {
            // Unwatched, its outcome is looked for at the end of its time.
            (void)server_->also_watch(trial->descriptor());
            return;
        }
        const auto next = std::move(pending_.front());
        pending_.pop_front();
        next.go_on(std::move(to));
    }
}

control::swap_outcome run_control::swap_to(std::vector<runs::candidate> to,
                                           const maybe_requester& who) {
    control::swap_outcome out;
    const channel::channel_view moved = of_.run.open_channel()->view();
    const channel::shared_backend present = moved.configured();
    const std::string from = present->plugin->id;
    runs::swap_channel(moved, std::move(to), [&](channel::hand_over_result how) {
        if (!how) {
            out.stayed.push_back({moved.number(), from, text_of(how.error())});
            return keep(*present->plugin, text_of(how.error()), who);
        }
        const std::uint64_t generation = moved.plugin()->generation;
        audit({{"action", "swap"},
               {"from", as_json(*present->plugin, hash_of(*present->plugin))},
               {"to", as_json(*moved.plugin(), hash_of(*moved.plugin()))},
               {"pause_us", how->pause / microsecond}},
              who);
        before_ = present;
        of_.report.backend = how->to;
        of_.report.info = moved.info();
        of_.report.moves.push_back(*how);
        of_.moved(how->to);
        out.moved.push_back({moved.number(), how->from, how->to, generation, how->pause});
        tell(severity::info,
             "swap: " + how->from + " -> " + how->to + ", version " + std::to_string(generation) +
                 " of " + how->file + ", reading paused for " +
                 std::to_string(how->pause / microsecond) + " us (" + asked_by(who) + ")");
    });
    return out;
}

void run_control::reload(const control::requester& who, control::answer<reload_answer> done) {
    reload_now(who, std::move(done));
    watch();
}

std::vector<std::string> run_control::files_to_watch() const {
    if (!config().reload.watch) return {};
    const settings::loaded& loaded = reloaded_ ? *reloaded_ : of_.loaded;
    return runs::files_to_watch(loaded.searched, plugin_directories(config()), plan_.want.backends);
}

void run_control::watch() {
    const auto good = server_->watch_files(files_to_watch(), [this] {
        reload_now({}, [](const reload_answer&) {});
        return files_to_watch();
    });
    if (!good) tell(severity::warning, "reload.watch: " + text_of(good.error()));
}

void run_control::reload_now(const maybe_requester& who, control::answer<reload_answer> done) {
    const settings::run_facts facts =
        facts_of(of_.options.command, of_.options.link, of_.on_terminal);
    common_options given = of_.options.common;
    given.forgiving = false;  // a mistake is told to who asks
    auto fresh = read_settings(given, &facts);
    control::invalid_configuration wrong;
    if (!fresh) {
        wrong.problems.push_back(text_of(fresh.error()));
    } else {
        for (const auto& one : fresh->diagnostics) {
            if (one.level == severity::error) wrong.problems.push_back(one.text());
        }
    }
    if (!wrong.problems.empty()) {
        audit({{"action", "reload"}, {"problems", wrong.problems}}, who);
        tell(severity::warning,
             "reload refused: " + wrong.problems.front() + " (" + asked_by(who) + ")");
        return done(std::move(wrong));
    }
    control::reload_outcome out;
    for (auto& one : settings::differences(config(), fresh->values)) {
        const bool applied = settings::applies_to_running(one.key);
        tell(severity::info, "reload: " + one.key + ": " + one.before + " -> " + one.after +
                                 (applied ? "" : " (from the next run on)"));
        out.changes.push_back({one.key, one.before, one.after, applied});
    }
    nlohmann::ordered_json changes = nlohmann::ordered_json::array();
    for (const auto& one : out.changes) {
        changes.push_back(
            {{"key", one.key}, {"old", one.before}, {"new", one.after}, {"applied", one.applied}});
    }
    const auto rule_of = [](const settings::loaded& from) -> nlohmann::ordered_json {
        if (!from.rule()) return nullptr;
        return {{"name", from.rule()->name}, {"file", from.rule()->at.text()}};
    };
    audit({{"action", "reload"},
           {"changes", std::move(changes)},
           {"rule",
            {{"old", rule_of(reloaded_ ? *reloaded_ : of_.loaded)}, {"new", rule_of(*fresh)}}}},
          who);
    tell(severity::info, "reload: " + std::to_string(out.changes.size()) +
                             (out.changes.size() == 1 ? " change (" : " changes (") +
                             asked_by(who) + ")");
    const bool path_changed =
        std::any_of(out.changes.begin(), out.changes.end(),
                    [](const auto& one) { return one.key == "plugins.path"; });
    reloaded_ = std::move(*fresh);
    plan_ = plan_run(of_.options, *reloaded_, of_.on_terminal).stderr_from;
    if (path_changed && of_.pool) {
        auto loader = std::make_unique<channel::loader>(plugin_directories(config()));
        channel::prepare(*loader, config(), trials_->trial(), &of_.log);
        if (takes_records()) loader->ask_for_verdicts();
        pool_ = std::make_unique<channel::backend_pool>(*loader, &of_.log);
        loader_ = std::move(loader);
        of_.pool = pool_.get();
    }
    if (config().swap.running != settings::swap_policy::hand_over || nothing_to_move() ||
        !plan_.captures) {
        return done(std::move(out));
    }
    with_candidates({plan_.want.backends, channel::trust_source::verified,
                     [this, who, out = std::move(out),
                      done = std::move(done)](std::vector<runs::candidate> to) mutable {
                         if (!nothing_to_move()) out.swapped = swap_to(std::move(to), who);
                         done(std::move(out));
                     }});
}

std::unique_ptr<run_server> serve_run(run_subject subject) {
    return std::make_unique<run_control>(std::move(subject));
}

}  // namespace fd2::cli
