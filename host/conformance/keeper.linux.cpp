#include "conformance/keeper.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "base/signal_mask.hpp"

namespace fd2::conformance {

namespace {

constexpr int answer_fd = 900;  // in the worker: above what a plugin is given by the kernel
constexpr int image_fd = 901;

int open_pidfd(pid_t pid) noexcept {
    return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

std::string word_of_proc(const std::string& path) {
    std::ifstream file(path);
    std::string text;
    std::getline(file, text);
    return text;
}

/// "fd2-pipe waits in do_poll.constprop.0, system call 271": one line for equal ones.
std::vector<std::string> threads_of(pid_t pid) {
    std::map<std::string, unsigned> equal;
    std::error_code ignored;
    const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
    for (const auto& each : std::filesystem::directory_iterator(tasks, ignored)) {
        const std::string at = each.path();
        std::string line = word_of_proc(at + "/comm");
        const std::string where = word_of_proc(at + "/wchan");
        line += where.empty() || where == "0" ? " runs" : " waits in " + where;
        const std::string call = word_of_proc(at + "/syscall");
        if (!call.empty() && call != "running") {
            line += ", system call " + call.substr(0, call.find(' '));
        }
        ++equal[line];
    }
    std::vector<std::string> out;
    for (const auto& [line, count] : equal) {
        out.push_back((count == 1 ? "" : std::to_string(count) + " times: ") + line);
    }
    return out;
}

/// The children of this process, adopted ones too, which have not ended.
std::vector<pid_t> children() {
    std::vector<pid_t> out;
    std::ifstream list("/proc/self/task/" + std::to_string(::getpid()) + "/children");
    for (pid_t pid; list >> pid;) {
        std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
        std::string text;
        std::getline(stat, text);
        const auto end = text.rfind(')');
        if (end != text.npos && text.size() > end + 2 && text[end + 2] == 'Z') continue;
        out.push_back(pid);
    }
    return out;
}

/// Waits until every child has ended and is collected, at most so long.
bool all_ended(nanoseconds_t deadline) {
    for (;;) {
        int status = 0;
        const pid_t gone = ::waitpid(-1, &status, WNOHANG);
        if (gone < 0 && errno == ECHILD) return true;
        if (gone != 0) continue;
        if (now() >= deadline) return false;
        // None is found where one has ended since, or where the kernel lists no children.
        const auto left = children();
        const unique_fd end(left.empty() ? -1 : open_pidfd(left.front()));
        pollfd watched{end.get(), POLLIN, 0};
        (void)::poll(&watched, 1, end ? poll_timeout(deadline, now()) : 1);
    }
}

/// Kills what the worker left, if it does not go by itself: a writer whose reader has gone does.
/// What it was.
std::vector<std::string> clear(nanoseconds_t patience) {
    std::vector<std::string> found;
    if (all_ended(after(now(), patience))) return found;
    // More than once: what is being killed may fork. Not for ever: some cannot be killed.
    for (int round = 0; round < 10; ++round) {
        for (const pid_t pid : children()) {
            found.push_back(word_of_proc("/proc/" + std::to_string(pid) + "/comm") + " (" +
                            std::to_string(pid) + ")");
            ::kill(pid, SIGKILL);
        }
        if (all_ended(after(now(), second))) break;
    }
    return found;
}

void put(int fd, const std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
        const ssize_t wrote = ::write(fd, text.data() + at, text.size() - at);
        if (wrote <= 0) return;
        at += static_cast<std::size_t>(wrote);
    }
}

std::string content_of(int fd) {
    std::string out;
    char buffer[65536];
    off_t at = 0;
    for (ssize_t got; (got = ::pread(fd, buffer, sizeof(buffer), at)) > 0; at += got) {
        out.append(buffer, static_cast<std::size_t>(got));
    }
    return out;
}

/// [in the child, before it executes the worker]
[[noreturn]] void be_the_worker(const std::string& program, const std::string& task,
                                const std::string& directory, int image, int answer, int output) {
    ::setpgid(0, 0);
    if (::chdir(directory.c_str()) != 0) ::_exit(126);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    // Some checks write as much as the object takes. A file, or what looks like one, takes all of
    // the memory or the disk; its writer gets SIGXFSZ first.
    constexpr rlimit largest_file{256 << 20, 256 << 20};
    ::setrlimit(RLIMIT_FSIZE, &largest_file);
    const int null = ::open("/dev/null", O_RDONLY);
    // Before its number is overwritten: the runner may have it as its own stdin.
    if (image >= 0 && ::dup2(image, image_fd) < 0) ::_exit(126);
    if (null < 0 || ::dup2(null, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(output, 2) < 0 ||
        ::dup2(answer, answer_fd) < 0) {
        ::_exit(126);
    }
    ::syscall(SYS_close_range, 3U, unsigned{answer_fd - 1}, 0U);
    const int first_closed = (image >= 0 ? image_fd : answer_fd) + 1;
    ::syscall(SYS_close_range, static_cast<unsigned>(first_closed), ~0U, 0U);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
    std::vector<std::string> variables = {"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
                                          "LANG=C.UTF-8", "HOME=" + directory,
                                          "TMPDIR=" + directory};
    // A sanitizer's settings, and how much slower than usual this machine is.
    for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS",
                             "LD_LIBRARY_PATH", "FD2_TEST_SCALE"}) {
        if (const char* value = std::getenv(name); value != nullptr) {
            variables.push_back(std::string(name) + "=" + value);
        }
    }
    std::vector<char*> environment;
    for (std::string& each : variables) environment.push_back(each.data());
    environment.push_back(nullptr);
    std::string own = program;
    std::string option = "--worker";
    std::string text = task;
    char* arguments[] = {own.data(), option.data(), text.data(), nullptr};
    ::execve(own.c_str(), arguments, environment.data());
    ::_exit(127);
}

/// Ends the keeper, and with it the directory: it also goes when the runner is interrupted, and it
/// alone knows when nobody is left who uses it.
[[noreturn]] void leave(const std::string& directory, int status) {
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
    ::_exit(status);
}

/// [in the child that is the keeper]
[[noreturn]] void keep(const std::string& program, const std::string& task,
                       const std::string& directory, nanoseconds_t limit, pid_t runner, int image,
                       int answer, int output, int outcome) {
    sigset_t end;
    ::sigemptyset(&end);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&end, signal);
    ::sigprocmask(SIG_BLOCK, &end, nullptr);
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (::getppid() != runner) leave(directory, 1);
    json out = {
        {"end", "spawn"}, {"value", 0}, {"threads", json::array()}, {"left", json::array()}};
    const int asked = ::signalfd(-1, &end, SFD_CLOEXEC);
    const pid_t worker = ::fork();
    if (worker == 0) be_the_worker(program, task, directory, image, answer, output);
    const unique_fd over(worker > 0 ? open_pidfd(worker) : -1);
    if (worker < 0 || !over || asked < 0) {
        out["value"] = errno;
        (void)clear(0);
        put(outcome, out.dump());
        leave(directory, 0);
    }
    const nanoseconds_t deadline = after(now(), limit);
    bool late = false;
    for (;;) {
        pollfd watched[2] = {{over.get(), POLLIN, 0}, {asked, POLLIN, 0}};
        const int ready = ::poll(watched, 2, poll_timeout(deadline, now()));
        if (ready < 0 && errno == EINTR) continue;
        if (ready > 0 && watched[1].revents != 0) {
            ::kill(-worker, SIGKILL);
            (void)clear(0);
            leave(directory, 1);
        }
        late = ready == 0;
        break;
    }
    if (late) out["threads"] = threads_of(worker);
    // Not collected yet: the number is still that group's. After an answer nobody is to be left in
    // it, and whoever is has to be found.
    if (late) ::kill(-worker, SIGKILL);
    int status = 0;
    while (::waitpid(worker, &status, 0) < 0 && errno == EINTR) {
    }
    out["left"] = clear(2 * second);
    if (late) {
        out["end"] = "late";
    } else if (WIFSIGNALED(status)) {
        out["end"] = "signal";
        out["value"] = WTERMSIG(status);
    } else {
        out["end"] = "exit";
        out["value"] = WEXITSTATUS(status);
    }
    put(outcome, out.dump(-1, ' ', true, json::error_handler_t::replace));
    leave(directory, 0);
}

std::string new_nonce() {
    unsigned char bytes[16] = {};
    if (::getrandom(bytes, sizeof(bytes), 0) < 0) {
        const auto time = now();
        std::copy_n(reinterpret_cast<const unsigned char*>(&time), sizeof(time), bytes);
    }
    std::string out;
    for (const unsigned char byte : bytes) {
        out += "0123456789abcdef"[byte >> 4U];
        out += "0123456789abcdef"[byte & 15U];
    }
    return out;
}

unique_fd memory(const char* name) {
    return unique_fd(::memfd_create(name, MFD_CLOEXEC));
}

}  // namespace

struct kept_check::system {
    pid_t pid = -1;
    unique_fd pidfd;
    unique_fd answer;   // memory files: what is short of descriptors or memory can still write
    unique_fd outcome;  // of the keeper
    unique_fd output;   // stdout and stderr of the worker

    system() = default;
    system(const system&) = delete;
    system& operator=(const system&) = delete;
    ~system() {
        if (pid <= 0) return;
        ::kill(pid, SIGTERM);
        while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
};

result<kept_check> kept_check::start(const worker_task& given, const std::string& program,
                                     nanoseconds_t limit, int image) {
    kept_check made(given.check, limit, new_nonce());
    auto& own = *(made.system_ = std::make_shared<system>());
    own.answer = memory("answer");
    own.outcome = memory("outcome");
    own.output = memory("output");
    if (!own.answer || !own.outcome || !own.output) {
        return system_failure("memfd_create", "", errno);
    }
    (void)::fcntl(own.output.get(), F_SETFL, O_APPEND);
    (void)::fcntl(own.answer.get(), F_SETFL, O_APPEND);
    std::error_code failed;
    const auto place = std::filesystem::temp_directory_path(failed);
    std::string name = (failed ? std::string("/tmp") : place.string()) + "/fd2-conform-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) return system_failure("mkdtemp", name, errno);
    worker_task task = given;
    task.answer = answer_fd;
    task.nonce = made.nonce_;
    if (image >= 0) task.image = image_fd;
    const std::string text = serialize(task);
    const pid_t runner = ::getpid();
    own.pid = ::fork();
    if (own.pid < 0) {
        const int why = errno;
        std::filesystem::remove(name, failed);
        return system_failure("fork", "", why);
    }
    if (own.pid == 0) {
        keep(program, text, name, limit, runner, image, own.answer.get(), own.output.get(),
             own.outcome.get());
    }
    own.pidfd.reset(open_pidfd(own.pid));
    if (!own.pidfd) return system_failure("pidfd_open", "", errno);
    return made;
}

int kept_check::pidfd() const noexcept {
    return system_->pidfd.get();
}

pid_t kept_check::pid() const noexcept {
    return system_->pid;
}

struct interruptible::system {
    sigset_t unblocked{};
    signals_blocked blocked;
};

/// Outside of the wait its signals are blocked: none comes between a look at the flag and the wait.
interruptible::interruptible() {
    sigset_t unblocked;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &unblocked);
    system_ = std::make_shared<system>();
    system_->unblocked = unblocked;
}

std::size_t interruptible::wait(const std::vector<const kept_check*>& all,
                                const std::function<bool()>& interrupted) const {
    std::vector<pollfd> watched;
    for (const auto* each : all) watched.push_back({each->pidfd(), POLLIN, 0});
    do {
        if (interrupted()) return all.size();
    } while (::ppoll(watched.data(), watched.size(), nullptr, &system_->unblocked) < 0 &&
             errno == EINTR);
    for (std::size_t at = 0; at < watched.size(); ++at) {
        if (watched[at].revents != 0) return at;
    }
    return 0;
}

verdict kept_check::take(description* plugin) {
    while (::waitpid(system_->pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    system_->pid = -1;
    ended seen;
    const json told = json::parse(content_of(system_->outcome.get()), nullptr, false);
    if (told.is_object()) {
        static const std::map<std::string, ended::kind> kinds = {{"spawn", ended::not_started},
                                                                 {"late", ended::late},
                                                                 {"signal", ended::by_signal},
                                                                 {"exit", ended::by_itself}};
        seen.how = kinds.at(told.at("end"));
        seen.value = told.at("value");
        told.at("threads").get_to(seen.threads);
        told.at("left").get_to(seen.left);
    }
    seen.answer = content_of(system_->answer.get());
    seen.output = content_of(system_->output.get());
    return judge(std::move(seen), plugin);
}

}  // namespace fd2::conformance
