// A complete backend in C++: a socket pair, threads, polling and hand-over included. The drain kit
// does most of the work; this file has what is specific to a socket pair.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd2/plugin.hpp"

namespace {

struct backend {
    static constexpr const char* id = "cpp-pair";  // and the file's name without ".so"
    static constexpr const char* version = "1.0.0";
    static constexpr const char* vendor = "you";
    static constexpr const char* description = "socket pair, written in C++";
    static constexpr const char* thread_name = "fd2-cpp-pair";
    // Claims, which `fd2 conform` tests. Not REOPENABLE: a child cannot open /dev/stderr if that is
    // a socket.
    static constexpr std::uint64_t caps =
        FD2_CAP_POLLABLE | FD2_CAP_WAKE | FD2_CAP_KEEPS_WRITERS | FD2_CAP_HANDOVER;

    static constexpr fd2_option_spec options[] = {
        {sizeof(fd2_option_spec), FD2_OPTION_BYTES, "send-buffer",
         "the child's SO_SNDBUF; 0 keeps the kernel's", nullptr, nullptr, 0, 0, 1 << 26}};

    // What the kit must know about a read end: our own, or one that another channel released.
    static std::int32_t describe(fd2_instance&, const fd2_carry& carry, const fd2_options*,
                                 fd2_drain_spec& spec, fd2_error* error) {
        return describe(static_cast<int>(carry.read), spec, error);
    }
    static std::int32_t describe(int read_end, fd2_drain_spec& spec, fd2_error* error) {
        struct stat status {};
        if (fstat(read_end, &status) != 0 || !S_ISSOCK(status.st_mode)) {
            return fd2_fail(error, FD2_E_UNSUPPORTED, 0, "adopt", "not a socket");
        }
        if (fcntl(read_end, F_SETFL, fcntl(read_end, F_GETFL) | O_NONBLOCK) != 0) {
            return fd2_fail(error, fd2_code_of_errno(errno), errno, "fcntl", "O_NONBLOCK");
        }
        spec.medium = FD2_MEDIUM_SOCKETPAIR;
        return FD2_OK;
    }

    // Makes the object. What fails closes both ends again.
    static std::int32_t make(fd2_instance&, const fd2_options* given, fd2_drain_spec& spec,
                             fd2_error* error) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
            return fd2_fail(error, fd2_code_of_errno(errno), errno, "socketpair", "");
        }
        const auto size = static_cast<int>(fd2_option_number(given, "send-buffer", 0));
        if (size > 0) setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        shutdown(ends[0], SHUT_WR);  // a child that reads its fd 2 sees the end of file
        const std::int32_t code = describe(ends[0], spec, error);
        if (code != FD2_OK) {
            close(ends[0]);
            close(ends[1]);
            return code;
        }
        spec.read_end = ends[0];
        spec.child_end = ends[1];
        return FD2_OK;
    }
};

}  // namespace

FD2_BACKEND(backend)
