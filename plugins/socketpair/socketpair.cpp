// The `socketpair` backend: a pair of connected AF_UNIX stream sockets.

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd2/plugin.hpp"

namespace {

// AF_UNIX charges each write its bytes and this much more, rounded to what the allocator gives: so
// many writes of a few bytes fill a buffer of (writes * charge) bytes. Measured on Linux 6.
constexpr std::uint64_t charge_of_a_small_write = 768;

struct socketpair_backend {
    static constexpr const char* id = "socketpair";
    static constexpr const char* version = FD2_BACKEND_VERSION;
    static constexpr const char* vendor = "fd2";
    static constexpr const char* description =
        "connected AF_UNIX stream sockets, read by a thread or the host's loop";
    static constexpr const char* thread_name = "fd2-socketpair";
    static constexpr std::uint64_t caps =
        FD2_CAP_POLLABLE | FD2_CAP_WAKE | FD2_CAP_KEEPS_WRITERS | FD2_CAP_ATOMIC | FD2_CAP_HANDOVER;

    // The default holds 3 400 outstanding lines and more: what a pipe of 64 KiB holds of 20-byte
    // lines. Only the writer's buffer counts, the reader's does not.
    static constexpr fd2_option_spec options[] = {{
        sizeof(fd2_option_spec),
        FD2_OPTION_BYTES,
        "sndbuf",
        "SO_SNDBUF of the child's end (the kernel doubles it); 0 keeps the kernel's size",
        nullptr,
        nullptr,
        1536 * 1024,
        0,
        std::int64_t{1} << 30,
    }};

    static std::int32_t failed(fd2_error* error, const char* operation, const char* object) {
        const int sys_errno = errno;
        return fd2_fail(error, fd2_code_of_errno(sys_errno), sys_errno, operation, object);
    }

    static std::int32_t describe(int read_end, fd2_drain_spec& spec, fd2_error* error) {
        int domain = 0;
        int type = 0;
        socklen_t size = sizeof(domain);
        if (getsockopt(read_end, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 ||
            getsockopt(read_end, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || domain != AF_UNIX ||
            type != SOCK_STREAM) {
            return fd2_fail(error, FD2_E_UNSUPPORTED, 0, "adopt", "not an AF_UNIX stream socket");
        }
        const int flags = fcntl(read_end, F_GETFL);
        if (flags < 0 ||
            (!(flags & O_NONBLOCK) && fcntl(read_end, F_SETFL, flags | O_NONBLOCK) != 0)) {
            return failed(error, "fcntl", "O_NONBLOCK");
        }
        spec.medium = FD2_MEDIUM_SOCKETPAIR;  // the capacity is the other end's: unknown from here
        return FD2_OK;
    }

    static std::int32_t make(const fd2_host& host, const fd2_options* given, fd2_drain_spec& spec,
                             fd2_error* error) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
            return failed(error, "socketpair", "");
        }
        // Nothing will be sent to the child: one that reads its fd 2 sees the end of the file.
        std::int32_t code = shutdown(ends[0], SHUT_WR) == 0 ? describe(ends[0], spec, error)
                                                            : failed(error, "shutdown", "");
        if (code != FD2_OK) {
            close(ends[0]);
            close(ends[1]);
            return code;
        }
        const int wanted = static_cast<int>(fd2_option_number(given, "sndbuf", 1536 * 1024));
        if (wanted > 0 &&
            setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted)) != 0) {
            fd2::plugin::say(host, FD2_LOG_WARNING, "SO_SNDBUF refused; the kernel's size is kept");
        }
        // What it became: /proc/sys/net/core/wmem_max may have cut it.
        int got = 0;
        socklen_t size = sizeof(got);
        if (getsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &got, &size) == 0 && got > 0) {
            spec.capacity_bytes = static_cast<std::uint64_t>(got);
            spec.capacity_small_writes =
                (spec.capacity_bytes + charge_of_a_small_write - 1) / charge_of_a_small_write;
        }
        spec.read_end = ends[0];
        spec.child_end = ends[1];
        return FD2_OK;
    }
};

}  // namespace

FD2_BACKEND(socketpair_backend)
