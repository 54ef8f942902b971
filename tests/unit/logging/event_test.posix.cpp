// The thread of a log and its descriptors.
#include <fcntl.h>
#include <signal.h>

#include <algorithm>

#include "unit/logging/support.hpp"

using namespace logging_test;
using fd2::severity;

namespace {

std::vector<std::string> names_in(const std::string& directory) {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        out.push_back(entry.path().filename());
    }
    return out;
}

/// The status of this process's thread that is named fd2-log, or nothing.
std::string log_thread_status() {
    for (const std::string& id : names_in("/proc/self/task")) {
        if (contents("/proc/self/task/" + id + "/comm") == "fd2-log\n") {
            return contents("/proc/self/task/" + id + "/status");
        }
    }
    return {};
}

}  // namespace

TEST_CASE_METHOD(log_place, "the log thread is named, takes no signal, and is gone with the log") {
    {
        const auto log = open_log(options);
        hold_thread(*log, tty);
        const std::string status = log_thread_status();
        const std::size_t at = status.find("SigBlk:\t");
        REQUIRE(at != status.npos);
        // All 64 but SIGKILL, SIGSTOP and the two (32, 33) that glibc keeps for itself.
        const auto blocked = std::stoull(status.substr(at + 8, 16), nullptr, 16);
        CHECK((blocked | 1ULL << 31 | 1ULL << 32 | 1ULL << (SIGKILL - 1) | 1ULL << (SIGSTOP - 1)) ==
              ~0ULL);
        sigset_t ours;
        REQUIRE(::pthread_sigmask(SIG_BLOCK, nullptr, &ours) == 0);
        CHECK(::sigismember(&ours, SIGTERM) == 0);
        tty.let_go();
    }
    CHECK(log_thread_status().empty());
}

TEST_CASE("every descriptor is close-on-exec, and none is left") {
    const scratch dir;
    const auto before = names_in("/proc/self/fd");
    log_options options;
    options.file = dir / "log";
    options.max_size = 200;
    options.syslog = dir / "nobody";
    {
        const auto log = open_log(options);
        for (int i = 0; i < 20; ++i) say(*log, severity::error, "fill and rotate");
        log->settle(soon());
        CHECK(std::filesystem::exists(options.file + ".1"));
        const auto during = names_in("/proc/self/fd");
        CHECK(during.size() == before.size() + 3);  // the file, its directory, the wake-up
        for (const std::string& name : during) {
            if (std::find(before.begin(), before.end(), name) != before.end()) continue;
            const int flags = ::fcntl(std::stoi(name), F_GETFD);
            CHECK((flags & FD_CLOEXEC) != 0);
        }
    }
    CHECK(names_in("/proc/self/fd").size() == before.size());
}
