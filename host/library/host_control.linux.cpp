#include "library/host_control.linux.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/signal_mask.hpp"
#include "library/host_state.hpp"
#include "library/serve_control.hpp"

namespace fd2 {

namespace {

/// The words of our own command line.
std::vector<std::string> own_command() {
    std::ifstream file("/proc/self/cmdline", std::ios::binary);
    const std::string all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    std::vector<std::string> out;
    for (std::size_t at = 0; at < all.size();) {
        const std::size_t end = all.find('\0', at);
        out.push_back(all.substr(at, end - at));
        at = end == all.npos ? all.size() : end + 1;
    }
    return out;
}

std::string asked_by(const control::requester& who) {
    return "asked by uid " + std::to_string(who.uid) + ", pid " + std::to_string(who.pid);
}

control::swap_outcome outcome_of(const std::vector<swap_result>& results) {
    control::swap_outcome out;
    for (const swap_result& one : results) {
        if (one.to.empty()) {
            out.stayed.push_back({one.channel, one.from, one.reason});
        } else {
            out.moved.push_back({one.channel, one.from, one.to, one.generation, one.pause.count()});
        }
    }
    return out;
}

}  // namespace

result<std::shared_ptr<void>> serve_control(host_state& host) {
    auto made = host_control::open(host);
    if (!made) return std::move(made).error();
    return std::shared_ptr<void>(std::move(*made));
}

result<std::unique_ptr<host_control>> host_control::open(host_state& host) {
    std::unique_ptr<host_control> made(new host_control(host));
    made->stop_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!made->stop_) return system_failure("eventfd", "control", errno);
    auto server = control::server::open(*made);
    if (!server) return std::move(server).error();
    made->server_ = std::move(*server);
    made->watch();
    // The program's signals are not ours to take.
    const signals_blocked quiet;
    try {
        made->thread_ = std::thread([self = made.get()] { self->serve(); });
    } catch (const std::system_error& why) {
        return system_failure("start a thread", "control", why.code().value());
    }
    return made;
}

host_control::~host_control() {
    const std::uint64_t one = 1;
    if (::write(stop_.get(), &one, sizeof(one)) < 0) return;  // not reached: it was never rung
    if (thread_.joinable()) thread_.join();
}

void host_control::serve() noexcept {
    for (;;) {
        pollfd waits[] = {{stop_.get(), POLLIN, 0}, {server_->descriptor(), POLLIN, 0}};
        if (::poll(waits, 2, -1) < 0 && errno != EINTR) return;
        if (waits[0].revents != 0) return;
        try {
            server_->serve();
        } catch (const std::exception&) {
            // Out of memory: the client asks again.
        }
    }
}

void host_control::watch() {
    const auto good = server_->watch_files(host_.files_to_watch(), [this] {
        host_.reload("because a file changed", [](const reload_result&) {});
        return host_.files_to_watch();
    });
    if (!good) host_.tell(severity::warning, "reload.watch: " + text_of(good.error()));
}

control::host_state host_control::describe() {
    return {"library", own_command(), started_};
}

std::vector<control::channel_state> host_control::channels() {
    std::vector<control::channel_state> out;
    for (auto& each : host_.running()->look()) {
        control::channel_state one;
        one.number = each.what.channel;
        one.pid = each.what.pid;
        one.command = std::move(each.what.command);
        one.backend = std::move(each.what.backend);
        one.plugin = std::move(each.what.plugin);
        one.generation = each.what.generation;
        if (each.view) one.medium = each.view->info().medium;
        one.state = std::move(each.what.state);
        one.forward_dropped = each.forward_dropped;
        one.moves = each.what.moves;
        one.started = each.started;
        one.last_byte = each.last_byte;
        for (const auto& [backend, why] : each.attempts)
            one.attempts.push_back({backend, text_of(why)});
        one.reason = std::move(each.why_inherit);
        one.record = std::move(each.record);
        out.push_back(std::move(one));
    }
    return out;
}

void host_control::swap(const control::swap_request& wanted, const control::requester& who,
                        control::answer<result<control::swap_outcome>> done) {
    host_.swap({wanted.channel.value_or(0), wanted.backend, wanted.back}, asked_by(who),
               [done = std::move(done)](result<std::vector<swap_result>> how) {
                   if (!how) return done(std::move(how).error());
                   done(outcome_of(*how));
               });
}

void host_control::reload(
    const control::requester& who,
    control::answer<std::variant<control::reload_outcome, control::invalid_configuration>> done) {
    host_.reload(asked_by(who), [done = std::move(done)](const reload_result& how) {
        if (!how.problems.empty()) return done(control::invalid_configuration{how.problems});
        control::reload_outcome out;
        for (const auto& one : how.changes)
            out.changes.push_back({one.key, one.before, one.after, one.applied});
        out.swapped = outcome_of(how.swapped);
        done(std::move(out));
    });
    watch();
}

}  // namespace fd2
