#include "process/isolated.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <optional>

#include "process/child.hpp"
#include "process/inheritance.hpp"
#include "process/kernel_signals.hpp"

namespace fd2::process {

namespace {

/// Where the child leaves its answer. Shared memory and not a pipe, because it must work in a
/// process that is short of descriptors, too.
class answer_box {
  public:
    answer_box()
        : memory_(::mmap(nullptr, sizeof(content), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
        if (good()) new (memory_) content;
    }
    ~answer_box() {
        if (good()) ::munmap(memory_, sizeof(content));
    }
    answer_box(const answer_box&) = delete;
    answer_box& operator=(const answer_box&) = delete;

    bool good() const noexcept { return memory_ != MAP_FAILED; }

    /// The answer, or with an errno what the child itself could not do.
    void put(const std::string& text, int sys_errno = 0) noexcept {
        content& box = here();
        box.size = std::min(text.size(), largest_answer);
        std::memcpy(box.bytes, text.data(), box.size);
        box.sys_errno = text.size() > largest_answer ? EMSGSIZE : sys_errno;
        box.full = true;
    }

    /// What a child that has exited left; nothing if it did not come so far.
    std::optional<result<std::string>> take() const {
        const content& box = here();
        if (!box.full || box.size > largest_answer) return std::nullopt;
        if (box.sys_errno == EMSGSIZE) return failure{errc::internal, 0, "sent too much data"};
        std::string text(box.bytes, box.size);
        if (box.sys_errno != 0) return system_failure(text, "", box.sys_errno);
        return text;
    }

  private:
    struct content {
        bool full = false;
        int sys_errno = 0;
        std::size_t size = 0;
        char bytes[largest_answer];
    };
    content& here() const noexcept { return *static_cast<content*>(memory_); }

    void* memory_;
};

void default_and_unblocked(int signal) noexcept {
    const kernel::action by_default{kernel::by_default, 0, {}};
    kernel::change_action(signal, &by_default, nullptr);
    const std::uint64_t only = signal_set().add(signal).bits();
    kernel::change_mask(SIG_UNBLOCK, &only, nullptr);
}

[[noreturn]] void be_the_child(const std::function<std::string()>& work, nanoseconds_t limit,
                               pid_t parent, answer_box& box) noexcept {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (::getppid() != parent) ::_exit(1);
    // As in exit_as: the limit does not bind a core_pattern that is a pipe.
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    // A crash is to be seen as one, also where somebody ignores or handles these signals.
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) {
        default_and_unblocked(fault);
    }
    // The parent keeps the time, but without a pidfd it can only wait.
    default_and_unblocked(SIGALRM);
    ::alarm(static_cast<unsigned>(limit / second + 1));
    // In the place of 0, so that no free descriptor is needed.
    ::close(STDIN_FILENO);
    int null = ::open("/dev/null", O_RDWR);
    if (null < 0 && errno == ENOENT) {  // a root without /dev: see open_null
        ::close(STDOUT_FILENO);
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0) null = ends[0];
    }
    if (null != STDIN_FILENO) {
        box.put("open /dev/null", errno);
        ::_exit(0);
    }
    ::dup2(STDIN_FILENO, STDOUT_FILENO);
    ::dup2(STDIN_FILENO, STDERR_FILENO);
    try {
        box.put(work());
    } catch (...) {
        box.put("allocate memory", ENOMEM);
    }
    ::_exit(0);
}

/// True: it ended by itself, before the deadline. It has not been collected.
bool wait_for_end(const child& running, nanoseconds_t deadline) {
    siginfo_t ignored{};
    while (running.pidfd() < 0) {
        if (::waitid(P_PID, static_cast<id_t>(running.pid()), &ignored, WEXITED | WNOWAIT) == 0 ||
            errno != EINTR) {
            return true;
        }
    }
    while (true) {
        pollfd ended{running.pidfd(), POLLIN, 0};
        const int ready = ::poll(&ended, 1, poll_timeout(deadline, now()));
        if (ready > 0) return true;
        if (ready == 0 || errno != EINTR) return false;
    }
}

std::string in_words(nanoseconds_t limit) {
    return limit % second == 0 ? std::to_string(limit / second) + " s"
                               : std::to_string(limit / millisecond) + " ms";
}

}  // namespace

result<std::string> run_isolated(const std::function<std::string()>& work, nanoseconds_t limit) {
    // Where it is ignored the kernel keeps no status.
    if (auto good = take_default_sigchld(); !good) return std::move(good).error();
    answer_box box;
    if (!box.good()) return system_failure("mmap", "", errno);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return system_failure("fork", "", errno);
    if (pid == 0) be_the_child(work, limit, parent, box);
    ::setpgid(pid, pid);  // the child does the same: one of the two comes first
    child made(pid);
    const bool in_time = wait_for_end(made, after(now(), limit));
    // Not collected yet: the number is still that of our child and its group.
    ::kill(-pid, SIGKILL);
    ::kill(pid, SIGKILL);
    const auto ended = made.wait();
    if (!ended) return ended.error();
    if (!in_time || (made.pidfd() < 0 && ended->signal() == SIGALRM)) {
        return failure{errc::timedout, 0, "did not answer within " + in_words(limit)};
    }
    if (const int signal = ended->signal(); signal != 0) {
        return failure{errc::internal, 0, "crashed (" + signal_name(signal) + ")"};
    }
    if (auto answer = box.take()) return std::move(*answer);
    return failure{errc::internal, 0, "ended with " + text_of(*ended) + " before it answered"};
}

}  // namespace fd2::process
