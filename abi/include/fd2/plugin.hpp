/*
 * fd2/plugin.hpp - the C++ face of the contract: a backend as a struct of a few static members
 *
 *     struct my_backend {
 *         static constexpr const char *id = "mine", *version = "1.0.0", *vendor = "me",
 *                                     *description = "one line", *thread_name = "fd2-mine";
 *         static constexpr std::uint64_t caps = FD2_CAP_WAKE | ...;   // at best
 *         static constexpr fd2_option_spec options[] = {...};         // at least one
 *         // The kernel object. Owns what it made until it returns FD2_OK.
 *         static std::int32_t make(const fd2_host &, const fd2_options *, fd2_drain_spec &,
 *                                  fd2_error *);
 *         // Hand-over: describes a descriptor that a channel of the same medium carried.
 *         // UNSUPPORTED where it is of another kind; takes nothing.
 *         static std::int32_t describe(int read_end, fd2_drain_spec &, fd2_error *);
 *     };
 *     FD2_BACKEND(my_backend)
 *
 * The drain kit does the rest. Every entry is noexcept and catches what `make` and `describe`
 * throw, so a plugin may use exceptions inside; it may also be built with -fno-exceptions and
 * without the C++ run-time library, which makes it load faster. Include this from one source file.
 */
#ifndef FD2_PLUGIN_HPP
#define FD2_PLUGIN_HPP

#include <cstdint>
#include <cstring>

#include "fd2/drain.h"

namespace fd2::plugin {

/// Calls `body`; an exception becomes INTERNAL and never leaves the plugin.
template <class Body>
std::int32_t guarded(fd2_error* error, const char* operation, Body body) noexcept {
#if defined(__cpp_exceptions)
    try {
        return body();
    } catch (...) {
        return fd2_fail(error, FD2_E_INTERNAL, 0, operation, "exception in the backend");
    }
#else
    (void)error;
    (void)operation;
    return body();
#endif
}

/// Says something through the host, if it listens.
inline void say(const fd2_host& host, std::int32_t level, const char* message) noexcept {
    if (host.log) host.log(host.ctx, level, message, static_cast<std::uint32_t>(strlen(message)));
}

template <class Backend>
struct glue {
    static constexpr std::uint32_t option_count =
        static_cast<std::uint32_t>(sizeof(Backend::options) / sizeof(Backend::options[0]));

    static std::int32_t open(fd2_instance* instance, const fd2_options* options,
                             const fd2_sink* sink, fd2_channel** out, fd2_error* error) noexcept {
        return guarded(error, "open", [&]() -> std::int32_t {
            if (!instance) return fd2_fail(error, FD2_E_INVALID, 0, "open", "no instance");
            std::int32_t code = fd2_check_options(options, Backend::options, option_count, error);
            if (code != FD2_OK) return code;
            fd2_drain_spec spec = blank();
            code = Backend::make(instance->host, options, spec, error);
            if (code != FD2_OK) return code;
            code = fd2_drain_open(instance, &spec, sink, out, error);
            if (code != FD2_OK) {
                close(static_cast<int>(spec.read_end));
                close(static_cast<int>(spec.child_end));
            }
            return code;
        });
    }

    static std::int32_t adopt(fd2_instance* instance, const fd2_options* options,
                              const fd2_carry* carry, const fd2_sink* sink, fd2_channel** out,
                              fd2_error* error) noexcept {
        return guarded(error, "adopt", [&]() -> std::int32_t {
            if (!instance || !carry || carry->struct_size < sizeof(*carry)) {
                return fd2_fail(error, FD2_E_INVALID, 0, "adopt", "no instance or carry");
            }
            std::int32_t code = fd2_check_options(options, Backend::options, option_count, error);
            if (code != FD2_OK) return code;
            fd2_drain_spec spec = blank();
            code = Backend::describe(static_cast<int>(carry->read), spec, error);
            if (code != FD2_OK) return code;
            spec.read_end = carry->read;
            spec.paused = (carry->flags & FD2_CARRY_PAUSED) != 0;
            return fd2_drain_open(instance, &spec, sink, out, error);
        });
    }

    static const void* get_extension(const char* id) noexcept {
        static constexpr fd2_handover handover = {sizeof(fd2_handover), 0, fd2_drain_release,
                                                  adopt};
        if (!id) return nullptr;
        if ((Backend::caps & FD2_CAP_POLLABLE) && strcmp(id, FD2_EXT_POLLABLE) == 0) {
            return &fd2_drain_pollable;
        }
        if ((Backend::caps & FD2_CAP_HANDOVER) && strcmp(id, FD2_EXT_HANDOVER) == 0) {
            return &handover;
        }
        return nullptr;
    }

    static fd2_drain_spec blank() noexcept {
        fd2_drain_spec spec{};
        spec.thread_name = Backend::thread_name;
        spec.read_end = FD2_NATIVE_NONE;
        spec.child_end = FD2_NATIVE_NONE;
        spec.caps = Backend::caps;
        return spec;
    }

    static constexpr fd2_backend table = {
        sizeof(fd2_backend),
        sizeof(fd2_option_spec),
        Backend::id,
        Backend::version,
        Backend::vendor,
        Backend::description,
        Backend::caps,
        option_count,
        0,
        Backend::options,
        &fd2_drain_ops,
        fd2_drain_init,
        fd2_drain_deinit,
        open,
        get_extension,
    };
};

}  // namespace fd2::plugin

/// Defines the one exported symbol.
#define FD2_BACKEND(Backend)                                                           \
    extern "C" FD2_EXPORT std::int32_t fd2_backend_entry_v1(const fd2_backend** out) { \
        if (!out) return FD2_E_INVALID;                                                \
        *out = &fd2::plugin::glue<Backend>::table;                                     \
        return FD2_OK;                                                                 \
    }

#endif  // FD2_PLUGIN_HPP
