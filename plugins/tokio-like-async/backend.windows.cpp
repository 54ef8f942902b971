// The `tokio-like-async` backend on Windows: one completion port for all channels of the process.
#include <new>

#include "media/pipe_medium.windows.hpp"
#include "media/tcp_medium.windows.hpp"
#include "watcher.windows.hpp"
// After the watcher.
#include "loops.hpp"

namespace {

namespace async = fd2::tokio_like_async;

struct async_backend {
    using pipe = fd2::plugin::pipe_medium;
    using tcp = fd2::plugin::tcp_medium;

    static constexpr const char* id = "tokio-like-async";
    static constexpr const char* version = FD2_BACKEND_VERSION;
    static constexpr const char* vendor = "fd2";
    static constexpr const char* description =
        "one event loop for all channels; TCP or a pipe underneath";
    static constexpr const char* thread_name = "fd2-async";
    static constexpr std::uint64_t caps = FD2_CAP_EVENT_LOOP | pipe::caps | tcp::caps;

    static constexpr fd2_option_spec options[] = {
        {sizeof(fd2_option_spec), FD2_OPTION_ENUM, "medium", "the kernel object of new channels",
         "tcp|pipe", "tcp", 0, 0, 0},
        {sizeof(fd2_option_spec), FD2_OPTION_INT, "threads",
         "event loops, each with its own thread", nullptr, nullptr, 1, 1, 64},
        pipe::capacity,
        tcp::settle,
    };

    static async::loops& own(const fd2_instance& instance) noexcept {
        return *static_cast<async::loops*>(instance.own);
    }
    static std::int32_t begin(fd2_instance& instance, fd2_error* error) {
        instance.own = new (std::nothrow) async::loops;
        if (instance.own != nullptr) return FD2_OK;
        return fd2_fail(error, FD2_E_RESOURCE, FD2_DRAIN_NO_MEMORY, "init", "instance");
    }
    static void end(fd2_instance& instance) noexcept { delete &own(instance); }

    static std::int32_t make(fd2_instance&, const fd2_options* given, fd2_drain_spec& spec,
                             fd2_error* error) {
        spec.own = static_cast<std::uint32_t>(fd2_option_number(given, "threads", 1));
        if (strcmp(fd2_option_text(given, "medium", "tcp"), "pipe") == 0) {
            spec.caps = FD2_CAP_EVENT_LOOP | pipe::caps;
            return pipe::make(given, spec, error);
        }
        spec.caps = FD2_CAP_EVENT_LOOP | tcp::caps;
        return tcp::make(given, spec, error);
    }

    static std::int32_t start(fd2_channel* channel, fd2_error* error) {
        return async::start_on(own(*channel->instance), channel, thread_name, error);
    }
};

}  // namespace

FD2_BACKEND(async_backend)
