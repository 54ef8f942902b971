// The least that the C++ face takes: no options, no hand-over, and a capacity that is not known.
#include "fd2/plugin.hpp"

#include <fcntl.h>

namespace {

struct least_backend {
    static constexpr const char* id = "least";
    static constexpr const char* version = "1.0.0";
    static constexpr const char* vendor = "fd2";
    static constexpr const char* description = "anonymous pipe, the least in C++";
    static constexpr const char* thread_name = "fd2-least";
    static constexpr std::uint64_t caps = FD2_CAP_POLLABLE | FD2_CAP_WAKE | FD2_CAP_KEEPS_WRITERS;

    static std::int32_t make(fd2_instance&, const fd2_options*, fd2_drain_spec& spec,
                             fd2_error* error) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0) {
            return fd2_fail(error, fd2_code_of_errno(errno), errno, "pipe2", "");
        }
        if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
            const int why = errno;
            close(ends[0]);
            close(ends[1]);
            return fd2_fail(error, fd2_code_of_errno(why), why, "fcntl", "O_NONBLOCK");
        }
        spec.read_end = ends[0];
        spec.child_end = ends[1];
        spec.medium = FD2_MEDIUM_PIPE;
        return FD2_OK;
    }
};

}  // namespace

FD2_BACKEND(least_backend)
