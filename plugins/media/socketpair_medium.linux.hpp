// A pair of connected AF_UNIX stream sockets as a channel's object. Include from one source file of
// a plugin.
#pragma once

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "size_text.hpp"
#include "system_call.linux.hpp"

namespace fd2::plugin {

struct socketpair_medium {
    static constexpr std::uint64_t caps =
        FD2_CAP_POLLABLE | FD2_CAP_WAKE | FD2_CAP_KEEPS_WRITERS | FD2_CAP_ATOMIC | FD2_CAP_HANDOVER;

    // AF_UNIX charges a write of a few bytes this much, whatever its size: the allocator's rounding
    // and the kernel's bookkeeping. Measured on Linux 6.
    static constexpr std::uint64_t charge_of_a_small_write = 768;

    // The default holds 3 400 outstanding lines and more: what a pipe of 64 KiB holds of 20-byte
    // lines. Only the writer's buffer counts, the reader's does not.
    static constexpr fd2_option_spec sndbuf = {
        sizeof(fd2_option_spec),
        FD2_OPTION_BYTES,
        "sndbuf",
        "SO_SNDBUF of the command's end (the kernel doubles it); 0 keeps the kernel's size",
        nullptr,
        nullptr,
        1536 * 1024,
        0,
        std::int64_t{1} << 30,
    };

    static std::int32_t describe(int read_end, fd2_drain_spec& spec, fd2_error* error) {
        int domain = 0;
        int type = 0;
        socklen_t size = sizeof(domain);
        if (getsockopt(read_end, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 ||
            getsockopt(read_end, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || domain != AF_UNIX ||
            type != SOCK_STREAM) {
            return fd2_fail(error, FD2_E_UNSUPPORTED, 0, "adopt", "not an AF_UNIX stream socket");
        }
        spec.medium = FD2_MEDIUM_SOCKETPAIR;  // the capacity is the other end's: unknown from here
        return make_non_blocking(read_end, error);
    }

    /// Logs that the kernel granted less. On many machines that happens to the default, so it is a
    /// warning only if the option was set.
    static void log_reduced(const fd2_host& host, const char* backend, const fd2_options* given,
                            int wanted, int got) noexcept {
        const bool chosen = fd2_option_number(given, sndbuf.name, -1) >= 0;
        char text[160];
        (void)snprintf(text, sizeof(text),
                       "options.%s.sndbuf: asked for %s, got %s (net.core.wmem_max)", backend,
                       size_text(wanted).text, size_text(got).text);
        say(host, chosen ? FD2_LOG_WARNING : FD2_LOG_DEBUG, text);
    }

    /// `backend` is named in messages about the option.
    static std::int32_t make(const fd2_host& host, const char* backend, const fd2_options* given,
                             fd2_drain_spec& spec, fd2_error* error) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
            return failed(error, "socketpair", "");
        }
        // Nothing will be sent to the child: one that reads its fd 2 sees the end of the file.
        const std::int32_t code = shutdown(ends[0], SHUT_WR) == 0 ? describe(ends[0], spec, error)
                                                                  : failed(error, "shutdown", "");
        if (code != FD2_OK) {
            close(ends[0]);
            close(ends[1]);
            return code;
        }
        const int wanted =
            static_cast<int>(fd2_option_number(given, sndbuf.name, sndbuf.default_number));
        if (wanted > 0 &&
            setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted)) != 0) {
            const char* const name = strerrorname_np(errno);
            char text[160];
            (void)snprintf(text, sizeof(text),
                           "options.%s.sndbuf: %s refused by the kernel (%s); its own size is kept",
                           backend, size_text(wanted).text, name ? name : "unknown error");
            say(host, FD2_LOG_WARNING, text);
        }
        // net.core.wmem_max may have reduced it.
        int got = 0;
        socklen_t size = sizeof(got);
        if (getsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &got, &size) == 0 && got > 0) {
            if (got / 2 < wanted) log_reduced(host, backend, given, wanted, got / 2);
            spec.capacity_bytes = static_cast<std::uint64_t>(got);
            spec.capacity_small_writes =
                (spec.capacity_bytes + charge_of_a_small_write - 1) / charge_of_a_small_write;
        }
        spec.read_end = ends[0];
        spec.child_end = ends[1];
        return FD2_OK;
    }
};

}  // namespace fd2::plugin
