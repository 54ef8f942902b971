// What belongs to the process is the host's: nothing of it is changed, not even for a moment.
// Descriptors are born close-on-exec and closed once.
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cfenv>
#include <clocale>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/files.hpp"
#include "base/text_list.hpp"
#include "conformance/calls.hpp"
#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/world.hpp"

extern char** environ;

using namespace fd2::conformance;

namespace {

/// The whole life of a backend, in the calling thread: the file is mapped anew and every call is
/// made that can succeed, and some that cannot. Asserts nothing, so that any thread may live it.
class whole_life {
  public:
    whole_life() {
        std::filesystem::copy_file(tested()->file(), copy_);  // one that is not mapped yet
    }
    ~whole_life() { std::filesystem::remove(copy_); }
    whole_life(const whole_life&) = delete;
    whole_life& operator=(const whole_life&) = delete;

    /// `after` is called with each step that is over.
    void live(const std::function<void(const char* step)>& after = [](const char*) {}) {
        after_ = &after;
        expect(load());
        done("loading");
        if (table_ == nullptr) return;
        const fd2_host host{sizeof(fd2_host), 0, nullptr, nullptr, nullptr};
        expect(table_->init(&host, &instance_, &error_) == FD2_OK);
        done("init");
        refused_open();
        threaded();
        for (const char* id : {FD2_EXT_POLLABLE, FD2_EXT_HANDOVER}) {
            if (table_->get_extension(id) == nullptr) continue;
            if (std::strcmp(id, FD2_EXT_POLLABLE) == 0) polled();
            if (std::strcmp(id, FD2_EXT_HANDOVER) == 0 && tested()->claims(FD2_CAP_HANDOVER)) {
                handed_over();
            }
        }
        expect(table_->deinit(instance_) == FD2_OK);
        done("deinit");
    }

    /// "open, join": what did not go as it has to.
    std::string wrong() const { return fd2::join(wrong_, ", "); }

  private:
    void done(const char* step) {
        if (failed_) wrong_.emplace_back(step);
        failed_ = false;
        (*after_)(step);
    }
    void expect(bool good) { failed_ = failed_ || !good; }

    bool load() {
        void* const library = ::dlopen(copy_.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr) return false;
        const auto entry =
            reinterpret_cast<fd2_backend_entry_fn>(::dlsym(library, FD2_BACKEND_ENTRY));
        return entry != nullptr && entry(&table_) == FD2_OK && table_ != nullptr;
    }

    std::int32_t open(recorder& into, fd2_channel*& out, std::vector<fd2_option> options = {}) {
        options = tested()->with_configured(std::move(options));
        const fd2_options given{sizeof(fd2_options), static_cast<std::uint32_t>(options.size()),
                                sizeof(fd2_option), 0, options.data()};
        const fd2_sink sink = into.sink();
        return table_->open(instance_, &given, &sink, &out, &error_);
    }

    fd2::unique_fd take(fd2_channel* channel) {
        fd2_native end = FD2_NATIVE_NONE;
        expect(table_->channel->take_child_end(channel, &end, &error_) == FD2_OK);
        return fd2::unique_fd(static_cast<int>(end));
    }

    void refused_open() {
        recorder into;
        fd2_channel* channel = nullptr;
        expect(open(into, channel, {{sizeof(fd2_option), FD2_OPTION_INT, "no-such", nullptr, 1}}) ==
               FD2_E_CONFIG);
        done("a refused open");
    }

    void threaded() {
        const auto& ops = *table_->channel;
        for (const bool reads_to_eof : {false, true}) {
            recorder into;
            fd2_channel* channel = nullptr;
            expect(open(into, channel) == FD2_OK);
            done("open");
            if (channel == nullptr) return;
            expect(ops.start(channel, &error_) == FD2_OK);
            done("start");
            auto end = take(channel);
            expect(write_all(end.get(), "x", 1) && into.wait_bytes(1));
            done("a delivery");
            if (reads_to_eof) end.reset();
            if (!reads_to_eof) expect(ops.finish(channel, FD2_FINISH_DRAIN) == FD2_OK);
            done("finish");
            expect(ops.join(channel, hang()) == FD2_OK);
            done("join");
            expect(ops.close(channel) == FD2_OK);
            done("close");
        }
        recorder into;
        fd2_channel* channel = nullptr;
        expect(open(into, channel) == FD2_OK);
        if (channel != nullptr) expect(ops.close(channel) == FD2_OK);
        done("close of a channel that was not started");
    }

    void polled() {
        const auto* pollable =
            static_cast<const fd2_pollable*>(table_->get_extension(FD2_EXT_POLLABLE));
        recorder into;
        fd2_channel* channel = nullptr;
        fd2_native watched = FD2_NATIVE_NONE;
        std::int64_t deadline = 0;
        expect(open(into, channel) == FD2_OK);
        if (channel == nullptr) return;
        expect(pollable->attach_poll(channel, &watched, &error_) == FD2_OK);
        const auto end = take(channel);
        expect(write_all(end.get(), "x", 1));
        for (int i = 0; i < 1000 && into.total() == 0; ++i) {
            expect(pollable->on_ready(channel, 4096, &deadline) > 0);
        }
        done("on_ready");
        expect(table_->channel->finish(channel, FD2_FINISH_NOW) == FD2_OK);
        expect(table_->channel->close(channel) == FD2_OK);
        done("close of a polled channel");
    }

    void handed_over() {
        const auto* handover =
            static_cast<const fd2_handover*>(table_->get_extension(FD2_EXT_HANDOVER));
        recorder into;
        fd2_channel* channel = nullptr;
        expect(open(into, channel) == FD2_OK);
        if (channel == nullptr) return;
        expect(table_->channel->start(channel, &error_) == FD2_OK);
        const auto end = take(channel);
        fd2_carry carry{};
        carry.struct_size = sizeof(carry);
        expect(handover->release(channel, &carry, &error_) == FD2_OK);
        expect(table_->channel->close(channel) == FD2_OK);
        done("release");
        const fd2_sink sink = into.sink();
        channel = nullptr;
        expect(handover->adopt(instance_, nullptr, &carry, &sink, &channel, &error_) == FD2_OK);
        if (channel == nullptr) return;
        expect(table_->channel->start(channel, &error_) == FD2_OK);
        expect(table_->channel->finish(channel, FD2_FINISH_NOW) == FD2_OK);
        expect(table_->channel->join(channel, hang()) == FD2_OK);
        expect(table_->channel->close(channel) == FD2_OK);
        done("adopt");
    }

    const std::string copy_ =
        std::filesystem::temp_directory_path() / ("life-" + std::to_string(::getpid()) + ".so");
    const std::function<void(const char*)>* after_ = nullptr;
    bool failed_ = false;
    std::vector<std::string> wrong_;
    const fd2_backend* table_ = nullptr;
    fd2_instance* instance_ = nullptr;
    fd2_error error_ = blank_error();
};

std::string signal_mask() {
    sigset_t now;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
    std::string out;
    for (int signal = 1; signal < NSIG; ++signal) {
        if (::sigismember(&now, signal) == 1) out += std::to_string(signal) + " ";
    }
    return out;
}

/// What a backend has no business with, each by its name.
std::map<std::string, std::string> process_state() {
    std::map<std::string, std::string> out;
    std::error_code failed;
    out["the working directory"] = std::filesystem::current_path(failed);
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("Umask:")) out["the umask"] = line;
        if (line.starts_with("Uid:") || line.starts_with("Gid:")) out["the credentials"] += line;
    }
    for (char** each = environ; *each != nullptr; ++each) {
        out["the environment"] += std::string(*each) + " ";
    }
    out["the locale"] = std::setlocale(LC_ALL, nullptr);
    out["the rounding mode"] = std::to_string(std::fegetround());
    out["the caller's signal mask"] = signal_mask();
    for (int each = 0; each < static_cast<int>(RLIM_NLIMITS); ++each) {
        rlimit limit{};
        (void)::getrlimit(static_cast<__rlimit_resource>(each), &limit);
        out["the resource limits"] +=
            std::to_string(limit.rlim_cur) + "/" + std::to_string(limit.rlim_max) + " ";
    }
    for (const auto each : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF}) {
        itimerval timer{};
        (void)::getitimer(each, &timer);
        out["the timers"] += std::to_string(timer.it_interval.tv_sec) + " ";
    }
    std::ifstream timers("/proc/self/timers");
    out["the timers"] += std::string(std::istreambuf_iterator<char>(timers), {});
    out["the priority"] = std::to_string(::getpriority(PRIO_PROCESS, 0));
    out["whether it is dumpable"] = std::to_string(::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    return out;
}

std::string signal_actions() {
    std::string out;
    for (int signal = 1; signal < NSIG; ++signal) {
        struct sigaction action {};
        if (::sigaction(signal, nullptr, &action) != 0) continue;
        std::size_t handler = 0;
        std::memcpy(&handler, &action.sa_handler, sizeof(handler));
        if (handler != 0 || action.sa_flags != 0) {
            out += std::to_string(signal) + ":" + std::to_string(handler) + "/" +
                   std::to_string(action.sa_flags) + " ";
        }
    }
    return out;
}

/// By number; those that would change the process, or nothing.
const std::map<long, const char*>& changing_calls() {
    static const std::map<long, const char*> all = {
        {SYS_chdir, "chdir"},
        {SYS_fchdir, "fchdir"},
        {SYS_chroot, "chroot"},
        {SYS_umask, "umask"},
        {SYS_setrlimit, "setrlimit"},
        {SYS_prlimit64, "prlimit"},
        {SYS_setitimer, "setitimer"},
        {SYS_timer_create, "timer_create"},
        {SYS_setpriority, "setpriority"},
        {SYS_setsid, "setsid"},
        {SYS_setpgid, "setpgid"},
        {SYS_setuid, "setuid"},
        {SYS_setgid, "setgid"},
        {SYS_setgroups, "setgroups"},
        {SYS_unshare, "unshare"},
        {SYS_setns, "setns"},
        {SYS_personality, "personality"},
#ifdef SYS_alarm
        {SYS_alarm, "alarm"},
#endif
    };
    return all;
}

std::vector<long> numbers_of(const std::map<long, const char*>& calls) {
    std::vector<long> out;
    for (const auto& [number, name] : calls) out.push_back(number);
    return out;
}

/// Lives a whole life in a thread whose calls `look` sees; without seccomp the life is lived all
/// the same, and what only that could show is not seen.
void live(
    whole_life& life, const std::vector<long>& numbers,
    const std::function<void(const seccomp_data&, pid_t)>& look,
    const std::function<void(const char*)>& after = [](const char*) {}) {
    if (watch_calls(numbers, look, [&] { life.live(after); })) return;
    note("seccomp is not allowed here: changes that are undone at once were not seen");
    life.live(after);
}

std::atomic<int> broken_pipes{0};

}  // namespace

CHECK_CASE(T04, must, "X12", "the actions of signals stay as they are, and no SIGPIPE is raised",
           "compares them after each call of a backend's life, and counts SIGPIPE") {
    struct sigaction counting {};
    counting.sa_handler = [](int) { ++broken_pipes; };
    REQUIRE(::sigaction(SIGPIPE, &counting, nullptr) == 0);
    const std::string before = signal_actions();
    std::vector<std::string> changed;
    whole_life life;
    live(
        life, {SYS_rt_sigaction},
        [&](const seccomp_data& call, pid_t) {
            const auto signal = static_cast<int>(call.args[0]);
            // 32 and 33 are the C library's own.
            if (call.args[1] == 0 || signal == 32 || signal == 33) return;
            changed.push_back("sigaction(" + std::to_string(signal) + ")");
        },
        [&](const char* step) {
            if (signal_actions() != before) changed.push_back(step);
        });
    CHECK(life.wrong() == "");
    CHECK(fd2::join(changed, ", ") == "");
    CHECK(broken_pipes == 0);
}

CHECK_CASE(T05, must, "X12",
           "working directory, umask, environment, locale, limits, timers and the like stay as "
           "they are",
           "compares them after each call of a backend's life; seccomp shows the calls that would "
           "change them, also where that is undone") {
    const auto before = process_state();
    std::vector<std::string> changed;
    whole_life life;
    live(
        life, numbers_of(changing_calls()),
        [&](const seccomp_data& call, pid_t) {
            if (call.nr == SYS_prlimit64 && call.args[2] == 0) return;  // it only asks
            changed.push_back(std::string("calls ") + changing_calls().at(call.nr));
        },
        [&](const char* step) {
            for (const auto& [what, now] : process_state()) {
                if (now != before.at(what)) {
                    changed.push_back(what + " after " + step + ": " + now + ", was " +
                                      before.at(what));
                }
            }
        });
    CHECK(life.wrong() == "");
    CHECK(fd2::join(changed, "; ") == "");
}

CHECK_CASE(T17, must, "X12", "no process is started, signalled or awaited",
           "seccomp shows the calls; a child of the host's lives through it, and the exit status "
           "of another is still there") {
    child bystander(2, [] {
        for (;;) ::pause();
        return 0;
    });
    child over(2, [] { return 7; });
    siginfo_t seen{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(over.pid()), &seen, WEXITED | WNOWAIT) == 0);
    std::vector<std::string> calls;
    whole_life life;
    std::vector<long> numbers = {SYS_clone, SYS_clone3, SYS_execve, SYS_execveat,
                                 SYS_wait4, SYS_waitid, SYS_kill};
#ifdef SYS_fork
    numbers.insert(numbers.end(), {SYS_fork, SYS_vfork});
#endif
    live(life, numbers, [&](const seccomp_data& call, pid_t) {
        std::uint64_t flags = 0;
        if (call.nr == SYS_clone) flags = call.args[0];
        if (call.nr == SYS_clone3) flags = reinterpret_cast<const clone_args*>(call.args[0])->flags;
        if ((flags & CLONE_THREAD) != 0) return;
        const bool waits = call.nr == SYS_wait4 || call.nr == SYS_waitid;
        calls.emplace_back(waits                 ? "waits for processes"
                           : call.nr == SYS_kill ? "sends a signal"
                           : call.nr == SYS_execve || call.nr == SYS_execveat ? "executes a program"
                                                                              : "starts a process");
    });
    CHECK(life.wrong() == "");
    CHECK(fd2::join(calls, ", ") == "");
    seen = {};
    CHECK(::waitid(P_PID, static_cast<id_t>(bystander.pid()), &seen,
                   WEXITED | WSTOPPED | WNOHANG | WNOWAIT) == 0);
    CHECK(seen.si_pid == 0);  // it lives
    CHECK(over.wait() == 7);
}

CHECK_CASE(T16, must, "X12", "nothing is left in the file system",
           "seccomp shows which files, directories, FIFOs and sockets are made, wherever; none of "
           "them may be there after deinit") {
    std::set<std::string> made;
    whole_life life;
    live(life, calls_that_make_files(), [&](const seccomp_data& call, pid_t) {
        const std::string path(path_made_by(call));
        if (!path.empty()) made.insert(fd2::absolute(path));
    });
    CHECK(life.wrong() == "");
    std::string left;
    for (const auto& each : made) {
        std::error_code failed;
        if (std::filesystem::exists(std::filesystem::symlink_status(each, failed))) {
            left += each + " ";
        }
    }
    CHECK(left == "");
}

CHECK_CASE(F15, must, "L1", "a descriptor is close-on-exec when it is made, not a moment later",
           "seccomp shows each call that makes a descriptor, and each that sets the flag on one "
           "that does not have it: what another thread executes in between inherits it") {
    std::vector<std::string> wrong;
    whole_life life;
    std::vector<long> numbers = {
        SYS_fcntl,         SYS_ioctl,        SYS_dup,           SYS_pipe2,      SYS_socket,
        SYS_openat,        SYS_accept,       SYS_accept4,       SYS_socketpair, SYS_eventfd2,
        SYS_epoll_create1, SYS_memfd_create, SYS_timerfd_create};
#ifdef SYS_open
    numbers.insert(numbers.end(), {SYS_open, SYS_pipe, SYS_eventfd, SYS_epoll_create, SYS_creat});
#endif
    live(life, numbers, [&](const seccomp_data& call, pid_t) {
        const auto inheritable = [&](std::uint64_t flags, std::uint64_t flag, const char* what) {
            if ((flags & flag) == 0) wrong.push_back(what + std::string(" without close-on-exec"));
        };
        const auto late = [&](const char* what) {
            const int now = ::fcntl(static_cast<int>(call.args[0]), F_GETFD);
            if (now >= 0 && (now & FD_CLOEXEC) == 0) {
                wrong.push_back(what + std::string(" sets close-on-exec afterwards"));
            }
        };
        switch (call.nr) {
            case SYS_fcntl:
                if (call.args[1] == F_SETFD && (call.args[2] & FD_CLOEXEC) != 0) late("fcntl");
                if (call.args[1] == F_DUPFD) inheritable(0, 1, "fcntl(F_DUPFD)");
                break;
            case SYS_ioctl:
                if (call.args[1] == FIOCLEX) late("ioctl(FIOCLEX)");
                break;
            case SYS_pipe2:
#ifndef FD2_SANITIZED  // a sanitizer finds out with a pipe which memory can be read
                inheritable(call.args[1], O_CLOEXEC, "pipe2");
#endif
                break;
            case SYS_socket:
                inheritable(call.args[1], SOCK_CLOEXEC, "socket");
                break;
            case SYS_socketpair:
                inheritable(call.args[1], SOCK_CLOEXEC, "socketpair");
                break;
            case SYS_accept4:
                inheritable(call.args[3], SOCK_CLOEXEC, "accept4");
                break;
            case SYS_openat:
                // What a sanitizer reads about the process.
                if (std::string_view(reinterpret_cast<const char*>(call.args[1]))
                        .starts_with("/proc/self/")) {
                    break;
                }
                inheritable(call.args[2], O_CLOEXEC, "open");
                break;
            case SYS_eventfd2:
            case SYS_memfd_create:
            case SYS_timerfd_create:
                inheritable(call.args[1],
                            call.nr == SYS_memfd_create ? std::uint64_t{1} /* MFD_CLOEXEC */
                                                        : std::uint64_t{O_CLOEXEC},
                            "eventfd, memfd_create or timerfd_create");
                break;
            case SYS_epoll_create1:
                inheritable(call.args[0], O_CLOEXEC, "epoll_create1");
                break;
#ifdef SYS_open
            case SYS_open:
                inheritable(call.args[1], O_CLOEXEC, "open");
                break;
#endif
            default:
                inheritable(0, 1, "dup, accept, pipe, eventfd or epoll_create");
        }
    });
    CHECK(life.wrong() == "");
    CHECK(fd2::join(wrong, ", ") == "");
}

CHECK_CASE(F09, must, "L8 S7", "no descriptor is closed twice: by then it may be another's",
           "seccomp shows each close; one of a number that is not open closes, in a host with "
           "threads, what was opened in between") {
    std::vector<std::string> wrong;
    std::string step = "loading";
    whole_life life;
    live(
        life, {SYS_close},
        [&](const seccomp_data& call, pid_t) {
            const auto fd = static_cast<int>(call.args[0]);
            if (::fcntl(fd, F_GETFD) < 0) {
                wrong.push_back("close(" + std::to_string(fd) + ") after " + step);
            }
        },
        [&](const char* over) { step = over; });
    CHECK(life.wrong() == "");
    CHECK(fd2::join(wrong, ", ") == "");
}

CHECK_CASE(K12, must, "F7 L8", "no other thread closes a descriptor that the reader still uses",
           "seccomp shows each close between start and on_end, and who makes it: the number may be "
           "another's before the reader looks again") {
    const auto& each = tested();
    std::vector<std::string> wrong;
    for (const auto mode : {FD2_FINISH_DRAIN, FD2_FINISH_NOW}) {
        recorder into;
        std::atomic<pid_t> reader{0};
        into.on_bytes = [&](const std::uint8_t*, std::uint32_t) {
            reader = ::gettid();
            return FD2_CONTINUE;
        };
        std::atomic<bool> running{false};
        descriptor_table of_channel;
        std::size_t failed = 0;
        const bool watched = watch_calls(
            {SYS_close},
            [&](const seccomp_data& call, pid_t thread) {
                const auto fd = static_cast<int>(call.args[0]);
                if (!running || thread == reader || into.ends() != 0) return;
                if (of_channel.count(fd) != 0) wrong.push_back("close(" + std::to_string(fd) + ")");
            },
            [&] {
                const auto before = descriptors();
                driver channel({each, way::thread}, into);
                failed += channel.code() != FD2_OK || channel.start() != FD2_OK;
                const auto end = channel.take_child_end();
                failed += !write_all(end.get(), "x", 1) || !into.wait_bytes(1);
                of_channel = descriptors();
                for (const auto& [fd, what] : before) of_channel.erase(fd);
                of_channel.erase(end.get());
                running = true;
                failed += channel.finish(mode) != FD2_OK;
                failed += channel.join(hang()) != FD2_OK;
                running = false;
                failed += channel.close() != FD2_OK;
            });
        NEEDS(watched, "seccomp is not allowed here");
        CHECK(failed == 0);
    }
    CHECK(fd2::join(wrong, ", ") == "");
}
