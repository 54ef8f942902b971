#include "cli/run.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "channel/selection.hpp"
#include "cli/console.hpp"
#include "cli/explain.hpp"
#include "cli/late_output.hpp"
#include "cli/log_lines.hpp"
#include "cli/stats.hpp"
#include "process/die_like.hpp"
#include "process/signals.hpp"
#include "process/spawn.hpp"
#include "transport/ending.hpp"
#include "transport/stderr_plan.hpp"
#include "transport/surfacing.hpp"

namespace fd2::cli {

namespace {

// One channel, one drain: its thread may wait for our stderr for as long as a reader that keeps up
// needs to take a chunk.
constexpr nanoseconds_t forward_patience = 1 * millisecond;

// How long --explain may look for who holds a stderr.
constexpr nanoseconds_t search_time = 1 * second;

forward::options forward_options(const settings::forward_settings& with, bool nowhere) {
    forward::options out = transport::forward_options(with, forward_patience);
    if (nowhere) out.how = forward::mode::off;
    return out;
}

/// One run, from the settings to the end. The members are in the order in which they are needed and
/// are taken down in the opposite one.
class runner {
  public:
    runner(const run_options& options, const process_start& start, const settings::loaded& loaded)
        : options_(options),
          start_(start),
          loaded_(loaded),
          with_(loaded.values),
          console_(with_.log.console),
          forwarder_(STDERR_FILENO, forward_options(with_.forward, start.closed.closed[2]),
                     &console_) {
        console_.attach(&forwarder_);
        report_.command = options.command;
        report_.transport = settings::name_of(with_.transport);
        report_.flag = with_.features.ssh_socketpair_stderr;
        report_.forward_mode = settings::name_of(with_.forward.mode);
    }

    /// 0: `report().exit` holds the command's status. Otherwise our own failure, said already.
    int go() {
        if (auto good = prepare(); !good) return fail(good.error());
        if (auto good = open_channel(); !good) return fail(good.error());
        process::spawn_refusal refusal = process::spawn_refusal::own_failure;
        auto child = spawn(refusal);
        if (!child) return fail(child.error(), static_cast<int>(refusal));
        report_.pid = child->pid();
        if (lines_origin_) lines_origin_->pid.store(child->pid(), std::memory_order_relaxed);
        give_up(process::wire_end::standard_input);
        // rsync, which gives its remote shell a socket, looks for the status once, at the moment in
        // which the wire ends: there it ends with us. (Its error would be 12 in place of 255.)
        if (!process::standard_output_is_a_socket()) give_up(process::wire_end::standard_output);
        if (auto good = wait(*child); !good) return fail(good.error());
        tell();
        return 0;
    }

    const run_report& report() const noexcept { return report_; }

  private:
    status prepare() {
        if (auto good = console_.open_log(with_.log, with_.capture.max_line); !good) return good;
        for (const auto& one : loaded_.diagnostics) console_.on_event({one.level, one.text()});
        // The tail first: what --stats-fd has taken over is ours, and no longer to be named.
        if (!options_.tail_file.empty()) {
            if (auto good = tail_.open(options_.tail_file); !good) return good;
        }
        if (!options_.stats_file.empty()) {
            if (auto good = stats_.open(options_.stats_file); !good) return good;
        } else if (options_.stats_fd) {
            if (auto good = stats_.take(*options_.stats_fd); !good) return good;
        }
        if (auto good = process::take_default_sigchld(); !good) return good;
        auto duty = process::signal_duty::install(start_.inherited);
        if (!duty) return std::move(duty).error();
        duty_.emplace(std::move(*duty));
        auto null = process::open_null();
        if (!null) return std::move(null).error();
        null_ = std::move(*null);
        return {};
    }

    /// Chooses and opens; without a channel the child inherits our stderr.
    status open_channel() {
        const transport::stderr_plan plan =
            transport::plan_stderr(with_, with_.transport, options_.explicit_backend);
        if (!plan.carried) {
            report_.why_inherit = plan.why_inherit;
            return {};
        }
        const channel::wish& want = plan.want;

        auto ended = transport::end_signal::make();
        if (!ended) {
            if (!want.inherit) return std::move(ended).error();
            report_.trail.push_back({want.backends.front(), ended.error()});
            report_.why_inherit = "no descriptor left for a channel";
            return {};
        }
        ended_.emplace(std::move(*ended));
        loader_.emplace(plugin_directories(with_));
        pool_.emplace(*loader_, &console_);
        forwards_.emplace(forwarder_);
        channel::channel_setup setup;
        setup.limits = {static_cast<std::size_t>(with_.capture.tail),
                        static_cast<std::size_t>(with_.capture.max_line)};
        setup.bytes = &*forwards_;
        setup.on_ended = [this] { ended_->raise(); };
        auto chosen = channel::open_channel(*pool_, with_, want, std::move(setup), &report_.trail);
        if (!chosen) return std::move(chosen).error();
        carried_ = std::move(chosen->opened);
        if (!carried_) {
            report_.why_inherit = "no backend could be used";
            forwards_.reset();
            return {};
        }
        forwards_->attach([to = carried_.get()] { to->room(channel::pauser::bytes); });
        record_ = carried_->record();
        report_.backend = carried_->backend();
        report_.info = carried_->info();
        report_.medium = channel::medium_name(report_.info.medium);
        log_lines_of(*carried_);
        return {};
    }

    void log_lines_of(channel::channel& of) {
        if (!with_.log.lines || !console_.log()) return;
        lines_origin_ = std::make_shared<line_origin>();
        lines_origin_->channel = of.number();
        lines_origin_->backend = of.backend();
        auto sink = console_.log()->open_lines([&of] { of.room(channel::pauser::lines); });
        lines_ = std::make_shared<log_lines>(std::move(sink), lines_origin_);
        record_->add(lines_);
    }

    result<process::child> spawn(process::spawn_refusal& refusal) {
        process::spawn_spec spec;
        spec.argv = options_.command;
        spec.program = options_.program;
        spec.signals = start_.inherited;
        spec.parent_death_signal = SIGKILL;
        unique_fd child_end;
        if (carried_) {
            auto taken = carried_->take_child_end();
            if (!taken) return std::move(taken).error();
            child_end = std::move(*taken);
            spec.standard_error = child_end.get();
            struct stat object {};
            if (::fstat(child_end.get(), &object) == 0) {
                object_ = process::object_id{object.st_dev, object.st_ino};
            }
        }
        timespec wall{};
        ::clock_gettime(CLOCK_REALTIME, &wall);
        report_.times.started_wall = wall.tv_sec * second + wall.tv_nsec;
        report_.times.started = now();
        // Our copy of the child's end goes with `child_end`: from then on EOF can come.
        return process::spawn(spec, &refusal);
    }

    status wait(process::child& child) {
        transport::side_duty side;
        side.descriptor = duty_->descriptor();
        side.serve = [&]() -> result<bool> {
            auto served = duty_->serve(child);
            if (!served) return std::move(served).error();
            return served->terminate != 0;
        };
        transport::running of{child, carried_, &*ended_, forwards_ ? &*forwards_ : nullptr};
        of.before_finish = [this] {
            if (lines_) lines_->finishing(static_cast<std::size_t>(report_.info.capacity_bytes));
        };
        of.detained = [this] { give_up(process::wire_end::standard_output); };
        const transport::end_policy policy{with_.finish.linger, with_.finish.linger_max, false};
        auto ended = transport::wait_to_end(of, policy, &side);
        if (!ended) return std::move(ended).error();
        report_.exit = ended->status;
        report_.times.exited = ended->exited;
        report_.times.finished = ended->finished;
        report_.cut_short = ended->cut_short;
        if (record_) report_.record = record_->look();
        if (forwards_) report_.forwarded = forwards_->stream().look();
        report_.forward_errno = forwarder_.failed();
        if (lines_) report_.record->lines_dropped += lines_->dropped();
        return {};
    }

    /// What is said when all is over: on request, or because something was lost.
    void tell() {
        if (options_.explain && object_ && report_.record &&
            report_.record->end == end_kind::writers_remain) {
            report_.held_by = process::holders_of(*object_, after(now(), search_time));
        }
        stats_.write(stats_json(report_), console_);
        if (report_.record) tail_.write(report_.record->bytes, console_);
        surface();
        if (report_.forwarded.dropped != 0 && report_.forward_errno == 0) {
            const std::string text = std::to_string(report_.forwarded.dropped) +
                                     " bytes of the command's stderr could not be delivered";
            console_.on_event({severity::error, text, report_.backend, 0, report_.pid});
        }
        if (options_.explain) {
            forwarder_.note(explain(report_));
            if (!report_.cut_short) forwarder_.flush(after(now(), with_.forward.stall));
        }
    }

    /// The tail, once, where the command failed and its stderr was not all seen.
    void surface() {
        if (!report_.record || start_.closed.closed[2]) return;
        const std::string text =
            transport::surfaced_text(with_.surface, report_.command.front(), report_.exit,
                                     *report_.record, report_.forwarded);
        if (text.empty()) return;
        // Where our stderr is stuck, it was waited for already: what goes at once goes.
        const bool patient = report_.forwarded.dropped == 0 && !report_.cut_short;
        forwarder_.flush(patient ? never : now());
        transport::surfacing shown(STDERR_FILENO, with_.forward, forwarder_, text);
        shown.stream().flush(patient ? never : now());
    }

    void give_up(process::wire_end which) {
        if (auto good = process::give_up(which, null_.get()); !good) warn(good.error());
    }

    void warn(const failure& why) { console_.on_event({severity::error, why.message}); }

    /// Says why we fail, on the console whatever its level.
    int fail(const failure& why, int status = own_failure) {
        std::string line = "fd2: " + why.message + "\n";
        forwarder_.note(line);
        forwarder_.flush(after(now(), with_.forward.stall));
        if (console_.log()) console_.log()->on_event({severity::error, why.message});
        return status;
    }

    const run_options& options_;
    const process_start& start_;
    const settings::loaded& loaded_;
    const settings::settings& with_;
    run_report report_;
    console console_;
    forward::forwarder forwarder_;
    late_output stats_;
    late_output tail_;
    std::optional<process::signal_duty> duty_;
    unique_fd null_;
    std::optional<process::object_id> object_;
    std::optional<transport::end_signal> ended_;
    std::optional<loader::loader> loader_;
    std::optional<channel::backend_pool> pool_;
    std::optional<transport::forwarding> forwards_;
    std::shared_ptr<capture::capture> record_;
    std::shared_ptr<line_origin> lines_origin_;
    std::unique_ptr<channel::channel> carried_;
    std::shared_ptr<log_lines> lines_;
};

}  // namespace

int run(const run_options& options, const process_start& start) {
    const auto loaded = load_settings(options.common, false);
    if (!loaded) return own_failure;
    exit_status exit = exit_status::lost(0);
    {
        runner one(options, start, *loaded);
        if (const int failed = one.go(); failed != 0) return failed;
        exit = one.report().exit;
    }
    process::die_like(exit);
}

}  // namespace fd2::cli
