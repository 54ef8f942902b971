// The `pipe` backend on Windows: a pipe whose reading end is overlapped.
#include "media/pipe_medium.windows.hpp"

namespace {

struct pipe_backend {
    using medium = fd2::plugin::pipe_medium;
    static constexpr const char* id = "pipe";
    static constexpr const char* version = FD2_BACKEND_VERSION;
    static constexpr const char* vendor = "fd2";
    static constexpr const char* description = "pipe, read by a thread or the host's loop";
    static constexpr const char* thread_name = "fd2-pipe";
    static constexpr std::uint64_t caps = medium::caps;
    static constexpr fd2_option_spec options[] = {medium::capacity};

    static std::int32_t make(fd2_instance&, const fd2_options* given, fd2_drain_spec& spec,
                             fd2_error* error) {
        return medium::make(given, spec, error);
    }
};

}  // namespace

FD2_BACKEND(pipe_backend)
