#include "cli/run.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <memory>

#include "channel/plugin_path.hpp"
#include "channel/selection.hpp"
#include "cli/background.hpp"
#include "cli/causes.hpp"
#include "cli/conform.hpp"
#include "cli/console.hpp"
#include "cli/explain.hpp"
#include "cli/last_resort.hpp"
#include "cli/late_output.hpp"
#include "cli/log_lines.hpp"
#include "cli/run_plan.hpp"
#include "cli/run_reports.hpp"
#include "cli/run_subject.hpp"
#include "cli/ssh_words.hpp"
#include "cli/stats.hpp"
#include "cli/step_aside.hpp"
#include "cli/system.hpp"
#include "process/exit_as.hpp"
#include "process/signals.hpp"
#include "process/spawn.hpp"
#include "run/plugin_trial.hpp"
#include "run/poll_driver.hpp"

namespace fd2::cli {

namespace {

// The drain's thread serves one channel only, so it may wait for our stderr itself: for as long as
// a reader that keeps up needs to take a chunk.
constexpr nanoseconds_t forward_patience = 1 * millisecond;

// How long --explain may look for who holds a stderr.
constexpr nanoseconds_t search_time = 1 * second;

// How long what is queued for the log file may take to get there, once the command has ended.
constexpr nanoseconds_t log_patience = 2 * second;

constexpr const char* options_ignored =
    "this run ignores the backend options in configuration files";

settings::settings without_file_options(settings::settings config) {
    for (auto& [backend, options] : config.options) {
        std::erase_if(
            options, [](const auto& one) { return one.second.at.layer == settings::source::file; });
    }
    return config;
}

forward::options forward_options(const settings::forward_settings& config, bool nowhere) {
    forward::options out = runs::forward_options(config, forward_patience);
    if (nowhere) out.how = forward_mode::off;
    return out;
}

/// One run, from the settings to the end. The members are in the order in which they are needed and
/// are taken down in the opposite one.
class runner {
  public:
    /// `background` is there where others' stderr may have to be followed.
    runner(const run_options& options, const process_start& start, const settings::loaded& loaded,
           bool on_terminal, const run_plan& plan, const cause::rule_file& rules,
           background_run* background)
        : options_(options),
          start_(start),
          on_terminal_(on_terminal),
          loaded_(loaded),
          config_(loaded.values),
          plan_(plan),
          rules_(rules),
          background_(background),
          console_(config_.log.console),
          forwarder_(process::standard_descriptor(2),
                     forward_options(config_.forward, start.closed.closed[2]), &console_) {
        console_.attach(&forwarder_);
        report_.command = options.command;
        report_.transport = settings::name_of(config_.transport);
        report_.flag = config_.features.ssh_socketpair_stderr;
        report_.flag_origin = loaded.origin_of("features.ssh-socketpair-stderr").text();
        report_.flag_counts =
            config_.transport == settings::transport_kind::async && !options.explicit_backend;
        if (const auto* rule = loaded.rule()) report_.rule = *rule;
        report_.forward_mode = settings::name_of(config_.forward.mode);
    }

    /// The log's own last messages go through the forwarder, which goes before the console.
    ~runner() {
        // After a spawn that threw: the log thread still waits for a pid.
        if (lines_origin_ && report_.pid == 0) lines_origin_->spawned(-1);
        console_.close_log();
    }
    runner(const runner&) = delete;
    runner& operator=(const runner&) = delete;

    /// 0: `report().exit` holds the command's status. Otherwise our own failure, said already.
    int go() {
        if (auto good = prepare(); !good) return fail(good.error());
        if (auto good = open_channel(); !good) return fail(good.error());
        process::spawn_refusal refusal = process::spawn_refusal::own_failure;
        auto started = spawn(refusal);
        if (lines_origin_) lines_origin_->spawned(started ? run_->child().pid() : -1);
        if (!started) return fail(started.error(), static_cast<int>(refusal));
        report_.pid = run_->child().pid();
        start_.descriptors.close();
        detach_stdio(process::wire_end::standard_input);
        // A socket stays open until we exit. rsync, which gives its remote shell one, asks for the
        // status once, as soon as the socket ends; if we were not gone by then it would report
        // error 12 in place of ssh's 255.
        if (!process::standard_output_is_a_socket())
            detach_stdio(process::wire_end::standard_output);
        try {
            run_and_record();
            write_end_reports();
        } catch (const std::exception&) {
            if (!run_->child().ended()) throw;
            report_.exit = *run_->child().ended();
            forwarder_.note(
                "fd2: error: out of memory after the command's end; the report may be missing\n");
        }
        return 0;
    }

    const run_report& report() const noexcept { return report_; }

  private:
    status prepare() {
        if (auto good = open_log(); !good) return good;
        for (const auto& one : loaded_.left_out)
            console_.announce({one.level, one.text_without_level()});
        for (const auto& one : loaded_.diagnostics)
            console_.on_event({one.level, one.text_without_level()});
        // The tail first: it may name the descriptor that --stats-fd takes over, but not
        // afterwards.
        if (!options_.tail_file.empty()) {
            if (auto good = tail_.open("--tail-out", options_.tail_file); !good) return good;
        }
        if (!options_.stats_file.empty()) {
            if (auto good = stats_.open("--stats", options_.stats_file); !good) return good;
        } else if (options_.stats_fd) {
            if (auto good = stats_.take("--stats-fd", *options_.stats_fd); !good) return good;
        }
        // After the opens, which a FIFO may hold up: until here Ctrl-C ends us, from here on it
        // goes to the command.
        if (auto good = process::take_default_sigchld(); !good) return good;
        auto duty = process::signal_relay::install(start_.inherited,
                                                   background_ ? background_->seen_by() : 0);
        if (!duty) return std::move(duty).error();
        relay_.emplace(std::move(*duty));
        auto null = process::open_null();
        if (!null) return std::move(null).error();
        null_ = std::move(*null);
        return {};
    }

    /// A log that cannot be opened is reported, and the run goes on without it; unless it is
    /// required.
    status open_log() {
        auto opened = console_.open_log(config_.log, config_.capture.max_line);
        if (opened) return {};
        failure why = std::move(opened).error();
        settings::log_settings rest = config_.log;
        rest.file.clear();
        why.message =
            "log.file: " + why.message + " (set by " + loaded_.origin_of("log.file").text() + ")";
        if (config_.log.required) {
            why.message += "; log.required is set, so nothing is run";
            return why;
        }
        why.message += "; the run continues without it";
        [[maybe_unused]] const auto syslog = console_.open_log(rest, config_.capture.max_line);
        console_.on_event({severity::error, text_of(why)});
        return {};
    }

    /// Chooses and opens; without a channel the child inherits our stderr.
    status open_channel() {
        runs::stderr_plan plan = plan_.stderr_from;
        if (plan.captures) {
            auto bell = runs::wakeup::make();
            if (bell) {
                bell_ = std::move(*bell);
                loader_.emplace(plugin_directories(config_));
                // Where fd2-conform lies is looked up only if a plugin is tried.
                const channel::trial tries = [](int image, const std::string& hash,
                                                const std::string& shown) {
                    return runs::plugin_trial(conform_programs())(image, hash, shown);
                };
                channel::prepare(*loader_, config_, tries, &console_);
                pool_.emplace(*loader_, &console_);
            } else if (plan.want.inherit) {
                plan = {false, "no descriptor for a channel: " + bell.error().message, {}};
            } else {
                return std::move(bell).error();
            }
        }
        const runs::end_policy policy{config_.finish.linger, config_.finish.linger_max,
                                      background_ != nullptr};
        run_.emplace(
            policy, [bell = bell_] { bell->ring(); }, hooks());
        auto opened = run_->open(plan, config_, false, &forwarder_,
                                 [this](const auto& want, auto setup, auto& attempts) {
                                     return select(want, std::move(setup), attempts);
                                 });
        report_.attempts = run_->attempts();
        report_.why_inherit = run_->why_inherit();
        if (!opened) return opened;
        if (run_->has_channel()) {
            report_.backend = run_->open_channel()->backend();
            report_.info = run_->open_channel()->info();
            report_.channel = run_->open_channel()->number();
            subscribe_log(*run_->open_channel());
        } else {
            report_.fell_back = plan_.stderr_from.captures;
            warn_nothing_captured();
        }
        const bool shown = run_->has_channel() && !start_.closed.closed[2];
        run_->replay_to({shown ? config_.surface : settings::surface_policy::never,
                         report_.command.front(), process::standard_descriptor(2)});
        return {};
    }

    result<channel::selected> select(const channel::open_request& want,
                                     const channel::channel_setup& setup,
                                     std::vector<channel::attempt>& attempts) {
        auto chosen = channel::open_channel(*pool_, config_, want, setup, &attempts);
        if (chosen || chosen.error().code != errc::config || !options_.common.forgiving) {
            return chosen;
        }
        const std::string said = text_of(chosen.error()) + "; " + options_ignored;
        console_.announce({severity::warning, said});
        attempts.clear();
        return channel::open_channel(*pool_, without_file_options(config_), want, setup, &attempts);
    }

    runs::run_hooks hooks() {
        runs::run_hooks out;
        out.must_wait = [this] { detach_stdio(process::wire_end::standard_output); };
        out.before_finish = [this](exit_status status) {
            set_status_for_terminate(status);
            if (lines_) lines_->finishing(static_cast<std::size_t>(report_.info.capacity));
        };
        if (!background_) return out;
        out.following = [this](exit_status status) {
            report_.followed = true;
            background_->stay(status);
        };
        return out;
    }

    /// Warns that nothing is captured, if an option reads the capture (it would just find nothing)
    /// or if no plugin is installed at all. (--explain says it at the end.)
    void warn_nothing_captured() {
        if (options_.explain) return;
        const bool installed = !loader_ || !loader_->discover().empty();
        if (plan_.readers.empty() && installed) return;
        std::string text = "nothing is captured";
        if (!plan_.readers.empty()) text += ", but " + plan_.readers.front() + " asks for it";
        text += ": " + report_.why_inherit;
        for (const auto& [backend, why] : report_.attempts)
            text += "; " + backend + ": " + why.message;
        console_.announce({severity::warning, text});
    }

    void subscribe_log(channel::channel& carried) {
        if (!config_.log.lines || config_.log.file.empty()) return;
        logs_lines_ = true;
        if (!console_.log()) return;
        lines_origin_ = std::make_shared<line_origin>();
        lines_origin_->channel = carried.number();
        lines_origin_->moved_to(carried.backend());
        auto sink = console_.log()->open_lines(carried.resumer(channel::pause_source::lines));
        lines_ = std::make_shared<log_lines>(std::move(sink), lines_origin_);
        run_->record()->add(lines_);
    }

    status spawn(process::spawn_refusal& refusal) {
        process::spawn_spec spec;
        spec.argv = options_.command;
        spec.program = options_.program;
        spec.signals = start_.inherited;
        spec.parent_death_signal = process::killed;
        report_.times.started_wall = wall_clock();
        return run_->spawn(std::move(spec), &refusal);
    }

    /// Hands the signals that came on to the child. True: one asks to end at once.
    result<bool> serve_signals() {
        auto served = relay_->serve(run_->child());
        if (!served) {
            warn(served.error());
            return std::move(served).error();
        }
        if (served->undelivered) warn(*served->undelivered);
        if (served->resized) pass_on_size();
        signalled_ = signalled_ || served->asked_child != 0;
        return served->terminate != 0;
    }

    /// Gives the child's terminal the size of ours, where it has one from us. The child has had its
    /// SIGWINCH from the kernel already and may have looked too early; so it gets another one.
    void pass_on_size() noexcept {
        channel::channel* const carried = run_->open_channel();
        const auto size = carried ? size_of_terminal() : std::nullopt;
        if (size && carried->set_terminal_size(*size)) run_->child().tell_new_size();
    }

    void run_and_record() {
        runs::poll_source signals{relay_->descriptor(), [this] { return serve_signals(); }};
        std::unique_ptr<run_server> control;
        ignoring_exceptions([&] {
            if (!config_.control.enabled || has_raised_privileges()) return;
            control = serve_run({options_, loaded_, on_terminal_, plan_.stderr_from,
                                 pool_ ? &*pool_ : nullptr, *run_, report_, console_,
                                 [this](const std::string& backend) {
                                     if (lines_origin_) lines_origin_->moved_to(backend);
                                 }});
        });
        runs::run_to_exit(*run_, bell_.get(), {&signals, control ? &control->source() : nullptr});
        const runs::outcome& how = *run_->ended();
        report_.exit = how.status;
        if (report_.exit.how() == exit_status::kind::lost) {
            (void)fail(system_failure("wait", "the command's exit status is unknown",
                                      report_.exit.lost_errno()));
        }
        report_.times.started = run_->started();
        report_.times.exited = how.exited;
        report_.times.finished = how.finished;
        report_.cut_short = how.cut_short;
        report_.forwarded = how.forwarded;
        report_.forward_errno = forwarder_.failed();
        if (run_->record()) report_.record = run_->record()->figures();
        settle_log();
    }

    /// From here on it is known which lines the log has.
    void settle_log() {
        if (lines_) {
            console_.log()->settle(after(now(), log_patience));
            report_.log_lines_lost = lines_->lost();
        } else if (logs_lines_) {
            report_.log_lines_lost = report_.record->total_lines;
        }
    }

    /// The reports at the end: those that were asked for, and what was lost. A failure costs the
    /// report and nothing else: the command's status is known already.
    void write_end_reports() noexcept {
        ignoring_exceptions([&] {
            if (options_.explain && run_->object() && report_.record &&
                report_.record->end == end_kind::writers_remain) {
                report_.held_by = process::holders_of(*run_->object(), after(now(), search_time));
            }
        });
        ignoring_exceptions([&] { find_cause(); });
        write_reports();
        ignoring_exceptions([&] {
            if (!report_.record || report_.record->end != end_kind::error) return;
            const std::string text = "reading the command's stderr failed after " +
                                     std::to_string(report_.record->total_bytes) +
                                     " bytes: " + errno_name(report_.record->end_errno);
            console_.on_event({severity::error, text, report_.backend, 0, report_.pid});
        });
        ignoring_exceptions([&] {
            if (report_.forwarded.dropped == 0 || report_.forward_errno != 0) return;
            const std::string text = std::to_string(report_.forwarded.dropped) +
                                     " bytes of the command's stderr could not be delivered";
            console_.on_event({severity::error, text, report_.backend, 0, report_.pid});
        });
        ignoring_exceptions([&] {
            std::string said = hint();
            if (options_.explain) said += explain(report_);
            if (said.empty()) return;
            forwarder_.note(said);
            if (!report_.cut_short) forwarder_.flush(after(now(), config_.forward.stall));
        });
        console_.close_log();
    }

    /// After a failure, if anything shows it.
    void find_cause() {
        const bool logged = console_.log() && console_.log()->takes_documents();
        if (report_.exit.success() || !(stats_.is_open() || !config_.report.file.empty() ||
                                        logged || options_.explain || config_.why.hint)) {
            return;
        }
        std::array<std::string_view, 2> tail{};
        if (run_->record()) tail = run_->record()->tail_parts();
        report_.cause = cause_of(report_, tail, signalled_, rules_);
    }

    /// One line, or nothing.
    std::string hint() const {
        if (!config_.why.hint || !report_.cause) return {};
        const std::string text = hint_of(*report_.cause, command_name(report_.command));
        return text.empty() ? text : line_of_ours("hint: " + text);
    }

    template <class Action>
    static void ignoring_exceptions(Action act) noexcept {
        try {
            act();
        } catch (...) {
            // Out of memory.
        }
    }

    void write_reports() noexcept {
        const nanoseconds_t stall = report_.cut_short ? 0 : config_.forward.stall;
        const patience waiting{stall, relay_->descriptor(), [&] {
                                   const auto end_now = serve_signals();
                                   if (!end_now || *end_now) report_.cut_short = true;
                                   return report_.cut_short;
                               }};
        if (stats_.is_open()) {
            stats_.begin(waiting);
            write_stats(report_, stats_);
            stats_.finish(console_);
        }
        if (tail_.is_open()) {
            tail_.begin(waiting);
            if (run_->record()) {
                for (const std::string_view part : run_->record()->tail_parts()) tail_.put(part);
            }
            tail_.finish(console_);
        }
        std::array<std::string_view, 2> tail{};
        if (run_->record()) tail = run_->record()->tail_parts();
        leave_reports(report_, loaded_, tail, waiting, console_);
    }

    /// Also called within a step of the run, which must not throw.
    void detach_stdio(process::wire_end which) noexcept {
        ignoring_exceptions([&] {
            if (auto good = process::detach_stdio(which, null_.get()); !good) warn(good.error());
        });
    }

    void warn(const failure& why) { console_.on_event({severity::error, text_of(why)}); }

    /// Says why we fail, on the console whatever its level.
    int fail(const failure& why, int status = own_failure) {
        console_.last_words(text_of(why));
        forwarder_.flush(after(now(), config_.forward.stall));
        return status;
    }

    const run_options& options_;
    const process_start& start_;
    const bool on_terminal_;
    const settings::loaded& loaded_;
    const settings::settings& config_;
    const run_plan& plan_;
    const cause::rule_file& rules_;
    background_run* const background_;
    run_report report_;
    console console_;
    forward::forwarder forwarder_;
    late_output stats_;
    late_output tail_;
    std::optional<process::signal_relay> relay_;
    unique_fd null_;
    std::optional<channel::loader> loader_;
    std::optional<channel::backend_pool> pool_;
    std::shared_ptr<line_origin> lines_origin_;
    std::shared_ptr<runs::wakeup> bell_;
    std::optional<runs::run> run_;
    std::shared_ptr<log_lines> lines_;
    bool signalled_ = false;   ///< the command was asked to end
    bool logs_lines_ = false;  ///< lines are meant for a log file, whether or not we have it
};

}  // namespace

int run(const run_options& options, const process_start& start) {
    const bool on_terminal = is_terminal(process::standard_descriptor(2));
    const settings::run_facts facts = facts_of(options.command, options.link, on_terminal);
    cause::rule_file rules;
    const auto loaded = read_settings(options.common, &facts, &rules);
    if (!loaded) {
        complain(text_of(loaded.error()));
        return own_failure;
    }
    if (loaded->steps_aside()) return step_aside(options, start.closed, *loaded);
    if (!print_mistakes(*loaded, false)) return own_failure;
    const run_plan plan = plan_run(options, *loaded, on_terminal);
    std::optional<background_run> background;
    if (plan.follow) {
        auto begun = background_run::begin(start);
        if (begun) {
            background.emplace(std::move(*begun));
        } else {
            complain(
                "warning: cannot follow stderr beyond the command's exit "
                "(finish.writers-remain): " +
                text_of(begun.error()));
        }
    }
    exit_status exit = exit_status::lost(0);
    {
        // Not on the stack, of which a caller may have left us little.
        const auto one = std::make_unique<runner>(options, start, *loaded, on_terminal, plan, rules,
                                                  background ? &*background : nullptr);
        const int failed = one->go();
        if (failed != 0 && !background) return failed;
        exit = failed != 0 ? exit_status::exited(failed) : one->report().exit;
    }
    if (background) background->end(exit);
    process::exit_as(exit);
}

}  // namespace fd2::cli
