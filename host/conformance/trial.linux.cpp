#include "conformance/trial.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.hpp"
#include "base/unique_fd.hpp"
#include "channel/loader.hpp"
#include "conformance/check.hpp"
#include "conformance/keeper.hpp"
#include "conformance/recorder.hpp"
#include "conformance/subject.hpp"
#include "conformance/words.hpp"
#include "conformance/world.hpp"

namespace fd2::conformance {

namespace {

using kind = channel::trial_outcome::kind;

/// What a call may answer in good order: "open returned UNSUPPORTED: no /dev/ptmx".
struct refusal {
    std::string text;
};

/// One life of a backend, driven by its own thread or polled. Throws a refusal.
class short_life {
  public:
    short_life(const channel::loaded_plugin& plugin, bool polled)
        : plugin_(plugin), polled_(polled) {}

    std::vector<finding> run() {
        const fd2_backend& table = *plugin_.backend;
        fd2_host host{};
        host.struct_size = sizeof(host);
        host.log = [](void*, std::int32_t, const char*, std::uint32_t) {};
        fd2_instance* instance = nullptr;
        may_refuse("init", [&] { return table.init(&host, &instance, &error_); });
        into_.keeps = false;
        const fd2_sink sink = into_.sink();
        const fd2_options none{sizeof(fd2_options), 0, sizeof(fd2_option), 0, nullptr};
        may_refuse("open", [&] { return table.open(instance, &none, &sink, &channel_, &error_); });
        fd2_native taken = FD2_NATIVE_NONE;
        may_refuse("take_child_end",
                   [&] { return ops().take_child_end(channel_, &taken, &error_); });
        const unique_fd end(static_cast<int>(taken));
        may_refuse(polled_ ? "attach_poll" : "start", [&] {
            return polled_ ? plugin_.pollable->attach_poll(channel_, &watched_, &error_)
                           : ops().start(channel_, &error_);
        });
        exchange(end.get(), 1000);
        exchange(end.get(), 700);
        must("finish", [&] { return ops().finish(channel_, FD2_FINISH_DRAIN); });
        if (polled_) pump([&] { return into_.ends() != 0; });
        must("join", [&] { return ops().join(channel_, never); });
        if (into_.total() != written_) {
            wrong("every byte that was written is delivered",
                  std::to_string(into_.total()) + " of " + std::to_string(written_));
        }
        if (into_.ends() != 1) {
            wrong("on_end is called once", std::to_string(into_.ends()) + " times");
        }
        if (!into_.violations().empty()) wrong("callbacks keep their rules", into_.violations());
        must("close", [&] { return ops().close(channel_); });
        must("deinit", [&] { return table.deinit(instance); });
        return std::move(found_);
    }

  private:
    const fd2_channel_ops& ops() const { return *plugin_.backend->channel; }

    void wrong(const std::string& expected, const std::string& seen) {
        found_.push_back({expected, seen, "", {}});
    }

    template <class Call>
    void may_refuse(const std::string& step, Call make) {
        about_to("in " + step);
        const std::int32_t code = make();
        if (code != FD2_OK)
            throw refusal{step + " returned " + code_word(code) + ": " + error_.message};
    }

    template <class Call>
    void must(const std::string& step, Call make) {
        about_to("in " + step);
        const std::int32_t code = make();
        if (code != FD2_OK) wrong(step + " succeeds", "returned " + code_word(code));
    }

    /// Writes, and waits until it has come or the channel has ended. Without a limit of its own:
    /// the trial has one.
    void exchange(int end, std::uint64_t size) {
        about_to("while it was to deliver what had been written");
        if (!write_pattern(end, written_, size, size)) wrong("the child's end can be written", "");
        written_ += size;
        const auto done = [&] { return into_.total() >= written_ || into_.ends() != 0; };
        if (polled_) return pump(done);
        while (!done()) (void)into_.wait_bytes(written_);
    }

    template <class Done>
    void pump(Done done) {
        while (!done()) {
            std::int64_t deadline = -1;
            const std::int32_t answer = plugin_.pollable->on_ready(channel_, 64 * 1024, &deadline);
            if (answer < 0) return wrong("on_ready succeeds", "returned " + ready_word(answer));
            if (done() || answer == FD2_READY_ENDED) return;
            if (answer != FD2_READY_WAIT && answer != FD2_READY_LATER) continue;
            pollfd watched{static_cast<int>(watched_), POLLIN, 0};
            (void)::poll(&watched, answer == FD2_READY_WAIT ? 1 : 0,
                         poll_timeout(deadline >= 0 ? deadline : never, now()));
        }
    }

    const channel::loaded_plugin& plugin_;
    const bool polled_;
    recorder into_;
    fd2_error error_ = blank_error();
    fd2_channel* channel_ = nullptr;
    fd2_native watched_ = FD2_NATIVE_NONE;
    std::uint64_t written_ = 0;
    std::vector<finding> found_;
};

/// "; it printed: LAST LINE" of what its process wrote, if that ended badly.
std::string last_words(const std::string& output) {
    const auto end = output.find_last_not_of("\n\r ");
    if (end == output.npos) return {};
    const auto begin = output.find_last_of("\n\r", end);
    constexpr std::size_t most = 200;
    return "; it printed: " +
           output.substr(begin == output.npos ? 0 : begin + 1, end - begin).substr(0, most);
}

channel::trial_outcome outcome_of_verdict(const verdict& seen, nanoseconds_t limit) {
    channel::trial_outcome out;
    out.tried_by = FD2_VERSION;
    const std::string where =
        seen.findings.empty() ? " at its exit" : " " + seen.findings.back().seen;
    switch (seen.what) {
        case status::pass:
            out.what = kind::passed;
            return out;
        case status::skip:
            if (auto told = channel::outcome_of(seen.reason)) {
                told->tried_by = FD2_VERSION;
                return std::move(*told);
            }
            break;
        case status::hang:
            if (!seen.began) break;
            out.what = kind::stuck;
            out.why = {errc::timedout, 0,
                       "did not answer within " + std::to_string(limit / second) + " s" + where};
            return out;
        case status::crash:
            if (!seen.began) break;
            // What kills by these is somebody else: the kernel when memory is short, an operator.
            out.what =
                seen.signal == SIGKILL || seen.signal == SIGTERM ? kind::stuck : kind::broken;
            out.why = {errc::internal, 0,
                       (seen.signal != 0 ? seen.reason
                                         : "exited with status " + std::to_string(seen.code)) +
                           where + last_words(seen.output)};
            return out;
        default:
            out.what = kind::broken;
            out.why = {errc::internal, 0,
                       "does not keep to the contract: expected that " +
                           seen.findings.front().expected +
                           (seen.output.empty() ? ": " + seen.findings.front().seen
                                                : last_words(seen.output))};
            return out;
    }
    out.why = {errc::internal, 0,
               seen.reason.empty() ? "the process of the trial did not begin" : seen.reason};
    return out;
}

}  // namespace

channel::trial_outcome try_plugin(int image, const std::string& shown, nanoseconds_t limit,
                                  int asker) {
    channel::trial_outcome untried;
    const std::string program = own_executable();
    worker_task task;
    task.check = "trial";
    task.file = shown;
    auto kept = kept_check::start(task, program, limit, image);
    if (!kept) {
        untried.why = std::move(kept).error();
        return untried;
    }
    // A pipe without a reader is an error without being asked for.
    pollfd watched[2] = {{kept->pidfd(), POLLIN, 0}, {asker, 0, 0}};
    while (::poll(watched, 2, -1) < 0 && errno == EINTR) {
    }
    if (watched[0].revents == 0) {
        untried.why = {errc::state, 0, "nobody waits for the trial any more"};
        return untried;
    }
    return outcome_of_verdict(kept->take(), limit);
}

std::vector<finding> live_once(int image, const std::string& shown) {
    // A crash is expected; nobody wants its core.
    (void)::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    const std::string name = "/proc/self/fd/" + std::to_string(image);
    channel::trial_outcome seen;
    if (::access(name.c_str(), R_OK) != 0) {
        seen.why = system_failure("open", name, errno);
        note_skip(channel::line_of(seen));
        return {};
    }
    about_to("while it was loaded");
    channel::loader from({}, {});
    const auto loaded = from.load(name, channel::trust_source::caller);
    if (!loaded) {
        seen.what = kind::refused;
        seen.why = loaded.error();
        std::string& text = seen.why.message;
        if (const auto at = text.find(name); at != text.npos) text.replace(at, name.size(), shown);
        note_skip(channel::line_of(seen));
        return {};
    }
    try {
        auto found = short_life(**loaded, false).run();
        if (found.empty() && (*loaded)->pollable != nullptr &&
            ((*loaded)->backend->caps & FD2_CAP_POLLABLE) != 0) {
            found = short_life(**loaded, true).run();
        }
        return found;
    } catch (const refusal& why) {
        seen.what = kind::refused;
        seen.why = {errc::unsupported, 0, why.text};
        note_skip(channel::line_of(seen));
        return {};
    }
}

}  // namespace fd2::conformance
