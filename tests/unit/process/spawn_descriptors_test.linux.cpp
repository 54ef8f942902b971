// Which descriptors a child has, and which file lies behind each.
#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "process/spawn.hpp"
#include "unit/process/support.hpp"

using namespace process_test;
using namespace fd2::process;

namespace {

std::string contents(const std::string& file) {
    std::ifstream in(file);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

/// Closes what this process was started with beyond 0, 1, 2, so that a child shows what *we* leak.
/// In a forked process only.
void close_inherited() {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        const int fd = std::stoi(entry.path().filename());
        if (fd > 2) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
}

int status_of_spawn(const spawn_spec& spec) {
    auto child = spawn(spec);
    if (!child) return 110;
    auto status = child->wait();
    return status ? status->code() : 111;
}

/// In a forked process: opens the files a, b, c on 0, 1, 2 (close-on-exec if asked), spawns with
/// the given sources, and returns what the child says about its descriptors.
std::string seen_by_child(std::array<int, 3> sources, int flags) {
    temporary_directory here;
    for (const char* name : {"a", "b", "c", "d"}) here.make(name, "", 0600);
    const auto report = here.file("report");
    const int code = in_fork([&] {
        close_inherited();
        int fd = 0;
        for (const char* name : {"a", "b", "c", "d"}) {
            const int opened = ::open(here.file(name).c_str(), O_RDWR | O_CLOEXEC);
            const int target = fd == 3 ? 50 : fd;
            if (::dup3(opened, target, flags) < 0) return 112;
            ::close(opened);
            ++fd;
        }
        ::fcntl(50, F_SETFD, FD_CLOEXEC);
        spawn_spec spec;
        spec.argv = {child_program, "descriptors", report};
        spec.standard_input = sources[0];
        spec.standard_output = sources[1];
        spec.standard_error = sources[2];
        return status_of_spawn(spec);
    });
    CHECK(code == 0);
    std::string text = contents(report);
    const std::string prefix = std::filesystem::canonical(here.file("")).string() + "/";
    for (std::size_t at; (at = text.find(prefix)) != std::string::npos;) {
        text.erase(at, prefix.size());
    }
    return text;
}

}  // namespace

TEST_CASE("a child inherits 0, 1 and 2 and nothing else") {
    CHECK(seen_by_child({-1, -1, -1}, 0) == "0 a\n1 b\n2 c\n");
    CHECK(seen_by_child({0, 1, 2}, 0) == "0 a\n1 b\n2 c\n");
}

TEST_CASE("a source that is its own target loses close-on-exec in the child") {
    CHECK(seen_by_child({0, 1, 2}, O_CLOEXEC) == "0 a\n1 b\n2 c\n");
    CHECK(seen_by_child({0, 0, 2}, O_CLOEXEC) == "0 a\n1 a\n2 c\n");
    CHECK(seen_by_child({2, 2, 2}, O_CLOEXEC) == "0 c\n1 c\n2 c\n");
}

TEST_CASE("sources among 0 to 2 are not overwritten before they are placed") {
    CHECK(seen_by_child({-1, 0, 1}, 0) == "0 a\n1 a\n2 b\n");
    CHECK(seen_by_child({50, 0, 1}, 0) == "0 d\n1 a\n2 b\n");
    CHECK(seen_by_child({1, 2, 50}, O_CLOEXEC) == "0 b\n1 c\n2 d\n");
    CHECK(seen_by_child({1, 0, 2}, O_CLOEXEC) == "0 b\n1 a\n2 c\n");
    CHECK(seen_by_child({1, 0, 0}, O_CLOEXEC) == "0 b\n1 a\n2 a\n");
    CHECK(seen_by_child({1, 2, 0}, 0) == "0 b\n1 c\n2 a\n");
    CHECK(seen_by_child({2, 0, 1}, 0) == "0 c\n1 a\n2 b\n");
}

TEST_CASE("every arrangement of sources is placed as asked") {
    const std::string names = "abc";
    for (int code = 0; code < 5 * 5 * 5; ++code) {
        const std::array<int, 3> asked{code % 5 - 1, code / 5 % 5 - 1, code / 25 - 1};
        std::array<int, 3> sources = asked;
        std::string expected;
        for (int target = 0; target < 3; ++target) {
            int& source = sources[static_cast<std::size_t>(target)];
            const char name = source == 3    ? 'd'
                              : source == -1 ? names[static_cast<std::size_t>(target)]
                                             : names[static_cast<std::size_t>(source)];
            if (source == 3) source = 50;
            expected += std::to_string(target) + ' ' + name + '\n';
        }
        INFO("sources " << sources[0] << ' ' << sources[1] << ' ' << sources[2]);
        CHECK(seen_by_child(sources, 0) == expected);
    }
}

TEST_CASE("a descriptor that is not open is refused, and the command is not tried") {
    spawn_spec spec;
    spec.argv = {"/nonexistent"};
    spec.standard_error = 900;
    spawn_refusal refusal{};
    auto child = spawn(spec, &refusal);
    REQUIRE_FALSE(child);
    CHECK(child.error().sys_errno == EBADF);
    CHECK(refusal == spawn_refusal::own_failure);
}

TEST_CASE("without one free descriptor a child runs, and a failed exec is reported") {
    const int code = in_fork([] {
        const rlimit few{64, 64};
        if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 1;
        int last = -1;
        for (int fd; (fd = ::open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0;) last = fd;
        if (errno != EMFILE) return 2;

        spawn_spec spec;
        spec.argv = {child_program, "exit", "23"};
        auto child = spawn(spec);
        if (!child) return 3;
        if (child->pidfd() != -1 || child->pidfd_errno() != EMFILE) return 4;
        // Neither a deadline nor a signal needs a descriptor that is not there to be safe.
        const auto timed = child->wait(fd2::now());
        if (timed || timed.error().code != fd2::errc::resource) return 5;
        auto status = child->wait();
        if (!status || status->code() != 23) return 6;

        spec.argv = {"/nonexistent/command"};
        spawn_refusal refusal{};
        auto failed = spawn(spec, &refusal);
        if (failed || refusal != spawn_refusal::not_found) return 7;

        spec.argv = {child_program, "pause"};
        auto paused = spawn(spec);
        if (!paused || paused->pidfd() != -1) return 8;
        if (!paused->kill(SIGTERM)) return 9;
        ::close(last);
        status = paused->wait(fd2::after(fd2::now(), 60 * fd2::second));
        if (!status || status->signal() != SIGTERM) return 10;
        return paused->pidfd() >= 0 ? 0 : 11;
    });
    CHECK(code == 0);
}

TEST_CASE("stdio in a ring needs a descriptor and says so without one") {
    const int code = in_fork([] {
        const rlimit few{3, 3};
        if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 1;
        spawn_spec spec;
        spec.argv = {child_program, "exit", "0"};
        spec.standard_input = 1;
        spec.standard_output = 0;
        spawn_refusal refusal{};
        auto child = spawn(spec, &refusal);
        if (child) return 2;
        // fcntl(F_DUPFD) with a minimum beyond the limit is EINVAL.
        if (child.error().sys_errno != EMFILE && child.error().sys_errno != EINVAL) return 3;
        return refusal == spawn_refusal::own_failure ? 0 : 4;
    });
    CHECK(code == 0);
}
