#include "cli/system.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <fstream>

#include "base/unique_fd.hpp"

namespace fd2::cli {

const std::string_view program_suffix;

std::vector<std::string> words_of(int argc, char** argv) {
    return {argv, argv + argc};
}

void set_variable(const std::string& name, const std::string& value) {
    ::setenv(name.c_str(), value.c_str(), 1);
}

std::string name_of_machine() {
    std::string id;
    std::ifstream("/etc/machine-id") >> id;
    if (!id.empty() && id.find_first_not_of("0123456789abcdef") == id.npos) return id;
    char name[HOST_NAME_MAX + 1] = {};
    ::gethostname(name, sizeof name - 1);
    return name;
}

std::string name_of_user() {
    const uid_t user = ::getuid();
    const passwd* const entry = ::getpwuid(user);
    return entry != nullptr ? std::string(entry->pw_name) : std::to_string(user);
}

bool is_terminal(int fd) noexcept {
    return ::isatty(fd) == 1;
}

std::optional<terminal_size> size_of(int terminal) noexcept {
    winsize size{};
    if (::ioctl(terminal, TIOCGWINSZ, &size) != 0) return std::nullopt;
    return terminal_size{size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel};
}

std::optional<terminal_size> size_of_own_terminal() noexcept {
    const unique_fd terminal(::open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
    return terminal ? size_of(terminal.get()) : std::nullopt;
}

bool takes_colours(int) noexcept {
    const char* const kind = std::getenv("TERM");
    return kind == nullptr || std::string_view(kind) != "dumb";
}

void say_at_once(std::string_view text) noexcept {
    pollfd writable{STDERR_FILENO, POLLOUT, 0};
    if (::poll(&writable, 1, 0) > 0 && ::write(STDERR_FILENO, text.data(), text.size()) < 0) {
        // The status is all that is left to tell.
    }
}

void leave_at_once(int status) noexcept {
    ::_exit(status);
}

}  // namespace fd2::cli
