#include "process/standard_fds.hpp"

#include <sys/resource.h>
#include <sys/stat.h>

#include "unit/process/support.hpp"

using namespace process_test;
using namespace fd2::process;

namespace {

bool is_null(int fd) {
    struct stat one {
    }, null{};
    return ::fstat(fd, &one) == 0 && ::stat("/dev/null", &null) == 0 &&
           one.st_rdev == null.st_rdev && S_ISCHR(one.st_mode);
}

}  // namespace

TEST_CASE("each closed standard descriptor is found and filled, and only those") {
    for (int closed = 0; closed < 8; ++closed) {
        INFO("closed: " << closed);
        const int code = in_fork([&] {
            for (int fd = 0; fd < 3; ++fd) {
                int ends[2];
                if (::pipe2(ends, O_CLOEXEC) != 0) return 1;
                ::dup2(ends[0], fd);
            }
            for (int fd = 0; fd < 3; ++fd) {
                if (closed & (1 << fd)) ::close(fd);
            }
            const auto found = secure_standard_fds();
            if (!found || found->any() != (closed != 0)) return 2;
            for (int fd = 0; fd < 3; ++fd) {
                const bool was_closed = (closed & (1 << fd)) != 0;
                if (found->closed[static_cast<std::size_t>(fd)] != was_closed) return 3;
                if (is_null(fd) != was_closed) return 4;
                if (::fcntl(fd, F_GETFD) != 0) return 5;  // open, and the child's to inherit
                if (was_closed && (::fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR) return 6;
            }
            return 0;
        });
        CHECK(code == 0);
    }
}

TEST_CASE("a standard descriptor that cannot be filled is a failure that names it") {
    const int code = in_fork([] {
        ::close(1);
        const rlimit none{1, 1};
        if (::setrlimit(RLIMIT_NOFILE, &none) != 0) return 1;
        const auto found = secure_standard_fds();
        if (found) return 2;
        return found.error().message.find("descriptor 1: /dev/null") != std::string::npos ? 0 : 3;
    });
    CHECK(code == 0);
}

TEST_CASE("the wire is given up: its ends are seen by the peer, 0 and 1 stay taken") {
    channel in, out;
    const int code = in_fork([&] {
        ::dup2(in.reading.get(), 0);
        ::dup2(out.writing.get(), 1);
        in.reading.reset();
        out.writing.reset();
        const auto null = open_null();
        if (!null || (::fcntl(null->get(), F_GETFD) & FD_CLOEXEC) == 0) return 1;
        if (!detach_stdio(wire_end::standard_input, null->get())) return 2;
        if (!detach_stdio(wire_end::standard_output, null->get())) return 2;
        if (!is_null(0) || !is_null(1)) return 3;
        out.reading.reset();
        in.writing.reset();
        return 0;
    });
    CHECK(code == 0);

    // While the process that gave it up lives on, the peer already sees the ends.
    channel wire;
    channel hold;
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        ::dup2(wire.writing.get(), 1);
        wire.writing.reset();
        wire.reading.reset();
        hold.writing.reset();
        const auto null = open_null();
        if (!null || !detach_stdio(wire_end::standard_input, null->get()) ||
            !detach_stdio(wire_end::standard_output, null->get())) {
            ::_exit(1);
        }
        char byte;
        ::_exit(::read(hold.reading.get(), &byte, 1) == 0 ? 0 : 2);
    }
    wire.writing.reset();
    hold.reading.reset();
    CHECK(read_all(wire.reading.get()).empty());  // EOF, the other process still being there
    hold.writing.reset();
    CHECK(wait_raw(pid) == 0);
}
