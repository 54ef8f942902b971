#include "cli/doctor/programs.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/clock.hpp"
#include "cli/link.hpp"
#include "process/command_search.hpp"
#include "process/spawn.hpp"
#include "process/standard_fds.hpp"

namespace fd2::cli::doctor {

namespace {

// A version is a line at once; what takes longer is a script that does something else.
constexpr nanoseconds_t patience = 5 * second;
constexpr std::size_t longest_line = 200;

/// What comes before the first newline, the end of file or the deadline.
std::string first_line(int fd, nanoseconds_t deadline) {
    std::string line;
    while (line.size() < longest_line && line.find('\n') == line.npos) {
        pollfd ready{fd, POLLIN, 0};
        const int answered = ::poll(&ready, 1, poll_timeout(deadline, now()));
        if (answered < 0 && errno == EINTR) continue;
        if (answered <= 0) break;
        char bytes[longest_line];
        const ssize_t got = ::read(fd, bytes, sizeof(bytes));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        line.append(bytes, static_cast<std::size_t>(got));
    }
    return line.substr(0, line.find('\n'));
}

std::string ask(const std::string& file, const std::string& name, const char* argument) {
    auto null = process::open_null();
    int ends[2];
    if (!null || ::pipe2(ends, O_CLOEXEC) != 0) return {};
    const unique_fd read_end(ends[0]);
    unique_fd write_end(ends[1]);
    process::spawn_spec spec;
    spec.argv = {name, argument};
    spec.program = file;
    spec.standard_input = null->get();
    spec.standard_output = spec.standard_error = write_end.get();
    spec.parent_death_signal = SIGKILL;
    auto child = process::spawn(spec);
    if (!child) return {};
    write_end.reset();
    // `child` goes before `read_end`: a program that is not done by then is killed.
    return first_line(read_end.get(), after(now(), patience));
}

}  // namespace

program find_program(const std::string& name, const char* argument) {
    program out;
    for (const auto& file : process::command_candidates(name, ::getenv("PATH"))) {
        if (!is_executable(file)) continue;
        out.path = file;
        out.ourselves = is_ourselves(file);
        if (argument) out.says = ask(file, name, argument);
        break;
    }
    return out;
}

}  // namespace fd2::cli::doctor
