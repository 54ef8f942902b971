// The `tokio-like-async` backend: one event loop for all channels of the process.
#include <algorithm>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <vector>

#include <boost/system/system_error.hpp>

#include "loop.hpp"
#include "media/pipe_medium.hpp"
#include "media/socketpair_medium.hpp"
#include "media/tcp_medium.hpp"
#include "task.hpp"

namespace {

namespace async = fd2::tokio_like_async;

/// What an instance owns beside its channels.
struct shared_loops {
    fd2::plugin::tcp_questions questions;

    std::mutex mutex;
    std::vector<std::unique_ptr<async::channel_loop>> loops;  // grows at a start, never shrinks
    std::size_t turn = 0;

    /// One of up to `threads` loops, each in its turn; made when first needed.
    async::channel_loop& next(std::size_t threads) {
        const std::lock_guard lock(mutex);
        const std::size_t index = turn++ % threads;
        if (index >= loops.size()) loops.push_back(std::make_unique<async::channel_loop>());
        return *loops[std::min(index, loops.size() - 1)];
    }
};

/// The errno of what Asio, a thread's making or the allocator threw.
int reason_of_current_exception() {
    try {
        throw;
    } catch (const boost::system::system_error& failure) {
        return failure.code().value();
    } catch (const std::system_error& failure) {
        return failure.code().value();
    } catch (const std::bad_alloc&) {
        return ENOMEM;
    }
}

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
        if (!fd2_drain_is_open(channel)) {
            return fd2_fail(error, FD2_E_STATE, 0, "start", "not open");
        }
        std::optional<async::task> task;
        try {
            async::channel_loop& loop = own(*channel->instance).next(channel->spec.own);
            task = async::drive(loop, channel);
            (**task).watch(static_cast<int>(channel->spec.read_end));
            const std::int32_t code = fd2_drain_start_on(channel, &loop.face(), &**task, error);
            if (code == FD2_OK) return code;
            (**task).disarm();
            task->destroy();
            return code;
        } catch (...) {
            if (task) task->destroy();
            const int reason = reason_of_current_exception();
            return fd2_fail(error, fd2_code_of_errno(reason), reason, "event loop", thread_name);
        }
    }
};

}  // namespace

FD2_BACKEND(async_backend)
