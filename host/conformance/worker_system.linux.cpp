#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "conformance/worker_system.hpp"

extern char** environ;

namespace fd2::conformance {

const char* const null_file = "/dev/null";

void begin_worker() {
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

int run_task(const std::string& task) {
    std::string program = "/proc/self/exe";
    std::string option = "--worker";
    std::string text = task;
    char* arguments[] = {program.data(), option.data(), text.data(), nullptr};
    // A process that leaves with live threads has nothing to tell about leaks, and the leak
    // checker itself stumbles over them.
    std::string quiet = "ASAN_OPTIONS=detect_leaks=0";
    const char* const given = std::getenv("TSAN_OPTIONS");
    // It would sleep at the exit, which a check does not allow.
    std::string awake =
        std::string("TSAN_OPTIONS=") + (given != nullptr ? given : "") + ":atexit_sleep_ms=0";
    std::vector<char*> variables;
    for (char** each = environ; *each != nullptr; ++each) {
        const std::string_view one(*each);
        if (one.starts_with("ASAN_OPTIONS=") || one.starts_with("TSAN_OPTIONS=")) continue;
        variables.push_back(*each);
    }
    variables.push_back(quiet.data());
    variables.push_back(awake.data());
    variables.push_back(nullptr);
    pid_t pid = -1;
    if (::posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments, variables.data()) != 0) {
        return -1;
    }
    int status = -1;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace fd2::conformance
