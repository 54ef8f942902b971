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

#include "base/signal_set.hpp"

namespace fd2::conformance {

namespace {

using json = nlohmann::json;

constexpr int answer_fd = 900;  // in the worker: above what a plugin is given by the kernel
constexpr int image_fd = 901;
constexpr std::size_t shown_output = 4096;
#ifdef FD2_SANITIZED
constexpr bool output_counts = false;
#else
constexpr bool output_counts = true;
#endif

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

/// The newest record that begins with the nonce: what a plugin wrote before it does not count.
bool find_report(const std::string& text, const std::string& nonce, report& out) {
    const std::string mark = "\nfd2-report " + nonce + " ";
    const auto at = text.rfind(mark);
    if (at == text.npos) return false;
    const auto line = text.find('\n', at + mark.size());
    if (line == text.npos) return false;
    const auto size = std::strtoull(text.c_str() + at + mark.size(), nullptr, 10);
    return text.size() - line - 1 >= size &&
           deserialize(std::string_view(text).substr(line + 1, size), out);
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

result<kept_check> kept_check::start(const worker_task& given, const std::string& program,
                                     nanoseconds_t limit, int image) {
    kept_check made;
    made.id_ = given.check;
    made.nonce_ = new_nonce();
    made.limit_ = limit;
    made.begin_ = now();
    made.answer_ = memory("answer");
    made.outcome_ = memory("outcome");
    made.output_ = memory("output");
    if (!made.answer_ || !made.outcome_ || !made.output_) {
        return system_failure("memfd_create", "", errno);
    }
    (void)::fcntl(made.output_.get(), F_SETFL, O_APPEND);
    (void)::fcntl(made.answer_.get(), F_SETFL, O_APPEND);
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
    made.pid_ = ::fork();
    if (made.pid_ < 0) {
        const int why = errno;
        std::filesystem::remove(name, failed);
        return system_failure("fork", "", why);
    }
    if (made.pid_ == 0) {
        keep(program, text, name, limit, runner, image, made.answer_.get(), made.output_.get(),
             made.outcome_.get());
    }
    made.pidfd_.reset(open_pidfd(made.pid_));
    if (!made.pidfd_) return system_failure("pidfd_open", "", errno);
    return made;
}

kept_check::kept_check(kept_check&& other) noexcept
    : id_(std::move(other.id_)),
      nonce_(std::move(other.nonce_)),
      limit_(other.limit_),
      begin_(other.begin_),
      pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      answer_(std::move(other.answer_)),
      outcome_(std::move(other.outcome_)),
      output_(std::move(other.output_)) {}

kept_check::~kept_check() {
    if (pid_ > 0) {
        ::kill(pid_, SIGTERM);
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
}

verdict kept_check::take(description* plugin) {
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    verdict out;
    out.id = id_;
    out.seconds = static_cast<double>(now() - begin_) / double{second};
    out.output = content_of(output_.get());
    if (out.output.size() > shown_output) {
        out.output.erase(0, out.output.size() - shown_output);
    }
    const json ended = json::parse(content_of(outcome_.get()), nullptr, false);
    if (!ended.is_object()) {
        out.what = status::crash;
        out.reason = "the process that watches over the check has gone";
        return out;
    }
    ended.at("threads").get_to(out.threads);
    ended.at("left").get_to(out.left);
    const std::string end = ended.at("end");
    const int value = ended.at("value");
    report told;
    out.began = find_report(content_of(answer_.get()), nonce_, told);
    const bool answered = out.began && told.over;
    out.findings = told.findings;
    out.left_out = told.left_out;
    out.notes = told.notes;
    if (plugin != nullptr) *plugin = told.plugin;
    if (end == "spawn") {
        out.what = status::crash;
        out.reason = text_of(system_failure("fork", "", value));
    } else if (end == "late") {
        out.what = status::hang;
        out.reason = "no answer within " + std::to_string(limit_ / second) + " s";
    } else if (end == "signal") {
        out.what = status::crash;
        out.signal = value;
        out.reason = "crashed (" + signal_name(value) + ")";
    } else if (value != 0 || !answered) {
        out.what = status::crash;
        out.code = value;
        out.reason = "its process ended with status " + std::to_string(value) +
                     (answered ? "" : " before the check was over");
    } else if (!out.findings.empty()) {
        out.what = status::fail;
    } else if (!told.skipped.empty()) {
        out.what = status::skip;
        out.reason = told.skipped;
    } else if (told.judged == 0) {
        out.what = status::fail;
        out.findings.push_back({"the check judges something", "nothing was judged", "", {}});
    } else if (!out.left.empty()) {
        out.what = status::fail;
        out.findings.push_back({"no process is left behind (X12)", out.left.front(), "", {}});
    } else if (!out.output.empty() && output_counts) {
        out.what = status::fail;
        out.findings.push_back(
            {"nothing is printed to stdout or stderr (X12)", out.output, "", {}});
    }
    return out;
}

}  // namespace fd2::conformance
