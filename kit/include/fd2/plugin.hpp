/*
 * fd2/plugin.hpp - the contract in C++: a backend as a struct of a few static members
 *
 *     struct my_backend {
 *         static constexpr const char *id = "mine", *version = "1.0.0", *vendor = "me",
 *                                     *description = "one line", *thread_name = "fd2-mine";
 *         static constexpr std::uint64_t caps = FD2_CAP_WAKE | ...;   // at best
 *         // Makes the kernel object. On failure it closes what it has opened.
 *         static std::int32_t make(fd2_instance &, const fd2_options *, fd2_drain_spec &,
 *                                  fd2_error *);
 *
 *         // Optional: what an operator may set.
 *         static constexpr fd2_option_spec options[] = {...};
 *         // Only with FD2_CAP_HANDOVER: describes a descriptor that was released by a channel of
 *         // the same medium. UNSUPPORTED if it is of another kind; does not own it.
 *         static std::int32_t describe(fd2_instance &, const fd2_carry &, const fd2_options *,
 *                                      fd2_drain_spec &, fd2_error *);
 *         // Optional, both: what an instance owns besides its channels. `end` is not called after
 *         // a `begin` that failed.
 *         static std::int32_t begin(fd2_instance &, fd2_error *);
 *         static void end(fd2_instance &) noexcept;
 *         // Optional: the table of an extension that the kit does not know, or nullptr.
 *         static const void *extension(const char *id) noexcept;
 *         // Optional: in place of the kit's, for a backend with a loop of its own.
 *         static std::int32_t start(fd2_channel *, fd2_error *);
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
#include <type_traits>
#include <utility>

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

/// Logs a message through the host, if it has a log.
inline void say(const fd2_host& host, std::int32_t level, const char* message) noexcept {
    if (host.log) host.log(host.ctx, level, message, static_cast<std::uint32_t>(strlen(message)));
}

template <class Backend, class = void>
struct has_begin : std::false_type {};
template <class Backend>
struct has_begin<Backend, std::void_t<decltype(&Backend::begin)>> : std::true_type {};

template <class Backend, class = void>
struct has_start : std::false_type {};
template <class Backend>
struct has_start<Backend, std::void_t<decltype(&Backend::start)>> : std::true_type {};

template <class Backend, class = void>
struct has_extension : std::false_type {};
template <class Backend>
struct has_extension<Backend, std::void_t<decltype(&Backend::extension)>> : std::true_type {};

template <class Backend, class = void>
struct has_describe : std::false_type {};
template <class Backend>
struct has_describe<Backend, std::void_t<decltype(Backend::describe(
                                 std::declval<fd2_instance&>(), std::declval<const fd2_carry&>(),
                                 std::declval<const fd2_options*>(),
                                 std::declval<fd2_drain_spec&>(), std::declval<fd2_error*>()))>>
    : std::true_type {};

template <class Backend, class = void>
struct option_table {
    static constexpr const fd2_option_spec* first = nullptr;
    static constexpr std::uint32_t count = 0;
};
template <class Backend>
struct option_table<Backend, std::void_t<decltype(Backend::options)>> {
    static constexpr const fd2_option_spec* first = Backend::options;
    static constexpr std::uint32_t count =
        static_cast<std::uint32_t>(sizeof(Backend::options) / sizeof(Backend::options[0]));
};

template <class Backend>
struct glue {
    static_assert(has_describe<Backend>::value || !(Backend::caps & FD2_CAP_HANDOVER),
                  "FD2_CAP_HANDOVER is claimed: the backend needs a `describe`");

    using options_of = option_table<Backend>;

    static std::int32_t init(const fd2_host* host, fd2_instance** out, fd2_error* error) noexcept {
        fd2_instance* made = nullptr;
        std::int32_t code = fd2_drain_init(host, out ? &made : nullptr, error);
        if (code != FD2_OK) return code;
        if constexpr (has_begin<Backend>::value) {
            code = guarded(error, "init", [&] { return Backend::begin(*made, error); });
            if (code != FD2_OK) {
                (void)fd2_drain_deinit(made);
                return code;
            }
        }
        *out = made;
        return FD2_OK;
    }

    static std::int32_t deinit(fd2_instance* instance) noexcept {
        if constexpr (has_begin<Backend>::value) {
            if (instance == nullptr) return FD2_E_INVALID;
            if (fd2_drain_is_busy(instance)) return FD2_E_STATE;
            Backend::end(*instance);
        }
        return fd2_drain_deinit(instance);
    }

    static std::int32_t start(fd2_channel* channel, fd2_error* error) noexcept {
        return guarded(error, "start", [&]() -> std::int32_t {
            if (channel == nullptr) return fd2_fail(error, FD2_E_INVALID, 0, "start", "no channel");
            return Backend::start(channel, error);
        });
    }

    static constexpr fd2_channel_ops channel_ops() noexcept {
        fd2_channel_ops made = fd2_drain_ops;
        if constexpr (has_start<Backend>::value) {
            made.start = start;
        }
        return made;
    }

    static std::int32_t open(fd2_instance* instance, const fd2_options* options,
                             const fd2_sink* sink, fd2_channel** out, fd2_error* error) noexcept {
        return guarded(error, "open", [&]() -> std::int32_t {
            if (!instance) return fd2_fail(error, FD2_E_INVALID, 0, "open", "no instance");
            std::int32_t code =
                fd2_check_options(options, options_of::first, options_of::count, error);
            if (code != FD2_OK) return code;
            fd2_drain_spec spec = blank();
            code = Backend::make(*instance, options, spec, error);
            if (code != FD2_OK) return code;
            code = fd2_drain_open(instance, &spec, sink, out, error);
            if (code != FD2_OK) {
                fd2_drain_close_end(spec.read_end, spec.medium);
                fd2_drain_close_end(spec.child_end, spec.medium);
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
            std::int32_t code =
                fd2_check_options(options, options_of::first, options_of::count, error);
            if (code != FD2_OK) return code;
            fd2_drain_spec spec = blank();
            code = Backend::describe(*instance, *carry, options, spec, error);
            if (code != FD2_OK) return code;
            spec.read_end = carry->read;
            spec.paused = (carry->flags & FD2_CARRY_PAUSED) != 0;
            return fd2_drain_open(instance, &spec, sink, out, error);
        });
    }

    static const void* get_extension(const char* id) noexcept {
        if (!id) return nullptr;
        if ((Backend::caps & FD2_CAP_POLLABLE) && strcmp(id, FD2_EXT_POLLABLE) == 0) {
            return &fd2_drain_pollable;
        }
        if constexpr ((Backend::caps & FD2_CAP_HANDOVER) != 0) {
            static constexpr fd2_handover handover = {sizeof(fd2_handover), 0, fd2_drain_release,
                                                      adopt};
            if (strcmp(id, FD2_EXT_HANDOVER) == 0) return &handover;
        }
        if constexpr (has_extension<Backend>::value) return Backend::extension(id);
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

    static constexpr fd2_channel_ops ops = channel_ops();

    static constexpr fd2_backend table = {
        sizeof(fd2_backend),
        sizeof(fd2_option_spec),
        Backend::id,
        Backend::version,
        Backend::vendor,
        Backend::description,
        Backend::caps,
        options_of::count,
        0,
        options_of::first,
        &ops,
        init,
        deinit,
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
