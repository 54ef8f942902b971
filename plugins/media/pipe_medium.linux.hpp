// An anonymous pipe as a channel's object. Include from one source file of a plugin.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "size_text.hpp"
#include "system_call.linux.hpp"

namespace fd2::plugin {

struct pipe_medium {
    static constexpr std::uint64_t caps = FD2_CAP_POLLABLE | FD2_CAP_WAKE | FD2_CAP_KEEPS_WRITERS |
                                          FD2_CAP_REOPENABLE | FD2_CAP_COMPACT | FD2_CAP_ATOMIC |
                                          FD2_CAP_HANDOVER;

    // Zero keeps the kernel's size. The kernel rounds up to a power of two of pages; the upper
    // bound is what F_SETPIPE_SZ takes at all.
    static constexpr fd2_option_spec capacity = {
        sizeof(fd2_option_spec),
        FD2_OPTION_BYTES,
        "capacity",
        "how much the pipe holds before the command blocks; 0 keeps the kernel's size",
        nullptr,
        nullptr,
        0,
        0,
        std::int64_t{1} << 30,
    };

    static std::int32_t describe(int read_end, fd2_drain_spec& spec, fd2_error* error) {
        struct stat status {};
        if (fstat(read_end, &status) != 0) return failed(error, "fstat", "carried descriptor");
        const int flags = fcntl(read_end, F_GETFL);
        if (!S_ISFIFO(status.st_mode) || flags < 0 || (flags & O_ACCMODE) == O_WRONLY) {
            return fd2_fail(error, FD2_E_UNSUPPORTED, 0, "adopt", "not the read end of a pipe");
        }
        const std::int32_t code = make_non_blocking(read_end, error);
        if (code != FD2_OK) return code;
        const int size = fcntl(read_end, F_GETPIPE_SZ);
        spec.medium = FD2_MEDIUM_PIPE;
        // One-byte writes share pages, so a pipe holds the same whatever the size of the writes.
        spec.capacity_bytes = spec.capacity_small_writes =
            size > 0 ? static_cast<std::uint64_t>(size) : 0;
        spec.page_bytes = static_cast<std::uint32_t>(sysconf(_SC_PAGESIZE));
        return FD2_OK;
    }

    /// Logs which size the kernel refused, why (from errno), and what the pipe holds instead.
    static void log_refused(const fd2_host& host, const char* backend, int end,
                            std::int64_t wanted) noexcept {
        const int why = errno;
        const char* const name = strerrorname_np(why);
        char reason[96] = "";
        const long long limit = why == EPERM ? pipe_max_size() : 0;
        if (limit > 0 && wanted > limit) {
            (void)snprintf(reason, sizeof(reason), "; the limit is %lld bytes (fs.pipe-max-size)",
                           limit);
        } else if (why == EPERM) {
            (void)snprintf(reason, sizeof(reason),
                           "; this user has too many pipes (fs.pipe-user-pages-soft)");
        }
        char text[256];
        (void)snprintf(text, sizeof(text),
                       "options.%s.capacity: %s refused by the kernel (%s)%s; the pipe holds %d "
                       "bytes",
                       backend, size_text(wanted).text, name ? name : "unknown error", reason,
                       fcntl(end, F_GETPIPE_SZ));
        say(host, FD2_LOG_WARNING, text);
    }

    /// fs.pipe-max-size; 0: unknown.
    static long long pipe_max_size() noexcept {
        char text[32] = "";
        const int file = open("/proc/sys/fs/pipe-max-size", O_RDONLY | O_CLOEXEC);
        if (file < 0) return 0;
        const ssize_t size = read(file, text, sizeof(text) - 1);
        close(file);
        return size > 0 ? strtoll(text, nullptr, 10) : 0;
    }

    /// `backend` is named in messages about the option.
    static std::int32_t make(const fd2_host& host, const char* backend, const fd2_options* given,
                             fd2_drain_spec& spec, fd2_error* error) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0) return failed(error, "pipe2", "");
        const std::int64_t wanted = fd2_option_number(given, capacity.name, 0);
        if (wanted > 0 && fcntl(ends[0], F_SETPIPE_SZ, static_cast<int>(wanted)) < 0) {
            // Above fs.pipe-max-size or the user's quota. A smaller pipe will do, and `info`
            // reports what it really holds.
            log_refused(host, backend, ends[0], wanted);
        }
        // The two ends have open file descriptions of their own: the child's stays blocking.
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

}  // namespace fd2::plugin
