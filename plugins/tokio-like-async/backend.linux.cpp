// The `tokio-like-async` backend: one event loop for all channels of the process.
#include <new>

#include "media/pipe_medium.linux.hpp"
#include "media/socketpair_medium.linux.hpp"
#include "media/tcp_medium.linux.hpp"
#include "watcher.linux.hpp"
// After the watcher.
#include "loops.hpp"

namespace {

namespace async = fd2::tokio_like_async;

/// What an instance owns beside its channels.
struct shared_loops : async::loops {
    fd2::plugin::tcp_questions questions;
};

struct async_backend {
    using pipe = fd2::plugin::pipe_medium;
    using socketpair = fd2::plugin::socketpair_medium;
    using tcp = fd2::plugin::tcp_medium<async_backend>;

    static constexpr const char* id = "tokio-like-async";
    static constexpr const char* version = FD2_BACKEND_VERSION;
    static constexpr const char* vendor = "fd2";
    static constexpr const char* description =
        "one event loop for all channels; a pipe, a socketpair or TCP underneath";
    static constexpr const char* thread_name = "fd2-async";
    static constexpr std::uint64_t caps =
        FD2_CAP_EVENT_LOOP | pipe::caps | socketpair::caps | tcp::caps;

    static constexpr fd2_option_spec options[] = {
        {sizeof(fd2_option_spec), FD2_OPTION_ENUM, "medium", "the kernel object of new channels",
         "socketpair|tcp|pipe", "socketpair", 0, 0, 0},
        {sizeof(fd2_option_spec), FD2_OPTION_INT, "threads",
         "event loops, each with its own thread", nullptr, nullptr, 1, 1, 64},
        pipe::capacity,
        socketpair::sndbuf,
        tcp::settle,
    };

    static shared_loops& own(const fd2_instance& instance) noexcept {
        return *static_cast<shared_loops*>(instance.own);
    }
    static fd2::plugin::tcp_questions& questions(const fd2_instance& instance) noexcept {
        return own(instance).questions;
    }

    static std::int32_t begin(fd2_instance& instance, fd2_error* error) {
        instance.own = new (std::nothrow) shared_loops;
        if (instance.own != nullptr) return FD2_OK;
        return fd2_fail(error, FD2_E_RESOURCE, ENOMEM, "init", "instance");
    }
    static void end(fd2_instance& instance) noexcept { delete &own(instance); }

    static void complete(const fd2_options* given, std::uint64_t of_medium, fd2_drain_spec& spec) {
        spec.caps = of_medium | FD2_CAP_EVENT_LOOP;
        spec.own = static_cast<std::uint32_t>(fd2_option_number(given, "threads", 1));
    }

    static std::int32_t make(fd2_instance& instance, const fd2_options* given, fd2_drain_spec& spec,
                             fd2_error* error) {
        const char* medium = fd2_option_text(given, "medium", "socketpair");
        if (strcmp(medium, "pipe") == 0) {
            complete(given, pipe::caps, spec);
            return pipe::make(instance.host, id, given, spec, error);
        }
        if (strcmp(medium, "tcp") == 0) {
            complete(given, tcp::caps, spec);
            return tcp::make(instance, given, spec, error);
        }
        complete(given, socketpair::caps, spec);
        return socketpair::make(instance.host, id, given, spec, error);
    }

    static std::int32_t describe(fd2_instance& instance, const fd2_carry& carry,
                                 const fd2_options* given, fd2_drain_spec& spec, fd2_error* error) {
        const auto read_end = static_cast<int>(carry.read);
        switch (carry.medium) {
            case FD2_MEDIUM_PIPE:
                complete(given, pipe::caps, spec);
                return pipe::describe(read_end, spec, error);
            case FD2_MEDIUM_SOCKETPAIR:
                complete(given, socketpair::caps, spec);
                return socketpair::describe(read_end, spec, error);
            case FD2_MEDIUM_TCP:
                complete(given, tcp::caps, spec);
                return tcp::describe(instance, read_end, given, spec, error);
            default:
                return fd2_fail(error, FD2_E_UNSUPPORTED, 0, "adopt", "another kind of object");
        }
    }

    static std::int32_t start(fd2_channel* channel, fd2_error* error) {
        return async::start_on(own(*channel->instance), channel, thread_name, error);
    }
};

}  // namespace

FD2_BACKEND(async_backend)
