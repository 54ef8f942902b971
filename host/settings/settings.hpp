// Everything the operator can decide, as typed values.
//
// A default-constructed `settings` is the built-in configuration: the member initialisers below are
// the only place where a default is written down (the schema, config/fd2.yaml and the reference
// derive theirs from here). Plain data: copy it, compare it, share a const one between threads.
#pragma once

#include <fd2/observer.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "settings/origin.hpp"

namespace fd2::settings {

/// Which transport `fd2 run` uses.
enum class transport_kind : std::uint8_t { sync, async };

/// What a channel must be able to do. The order is that of the FD2_CAP_* bits of <fd2/abi.h>: the
/// bit of a capability is `1 << index`.
enum class capability : std::uint8_t {
    event_loop,
    pollable,
    wake,
    keeps_writers,
    reopenable,
    compact,
    atomic,
    tty,
    handover
};

/// What happens when the child has exited and somebody else still holds its stderr.
enum class writers_policy : std::uint8_t { leave, follow };

enum class forward_mode : std::uint8_t { raw, lines, lossy, off };
enum class blocked_policy : std::uint8_t { automatic, wait, drop };
enum class surface_policy : std::uint8_t { on_loss, always, never };
enum class log_full_policy : std::uint8_t { pause, drop };

/// The spelling that configuration files use.
std::string_view name_of(transport_kind) noexcept;
std::string_view name_of(capability) noexcept;
std::string_view name_of(writers_policy) noexcept;
std::string_view name_of(forward_mode) noexcept;
std::string_view name_of(blocked_policy) noexcept;
std::string_view name_of(surface_policy) noexcept;
std::string_view name_of(log_full_policy) noexcept;
std::string_view name_of(severity) noexcept;

/// A directory that is searched for plugins. `path` is absolute.
struct plugin_directory {
    std::string path;
    /// True when the caller named it (environment or option) and vouches for it; false when it
    /// comes from a file, so that the loader checks owner and mode of everything above it.
    bool from_caller = false;
    bool operator==(const plugin_directory&) const = default;
};

/// What a scalar looks like before anybody knows what it should be.
enum class scalar_guess : std::uint8_t { text, boolean, integer, size, duration };

/// One option of a backend as it was written. Only the plugin knows its type, so it is checked
/// later, by check_options() in settings/backend_options.hpp.
struct raw_option {
    std::string text;
    scalar_guess guess = scalar_guess::text;
    origin from;
    bool operator==(const raw_option&) const = default;
};

using option_map = std::map<std::string, raw_option, std::less<>>;

struct feature_settings {
    /// On where the parity matrix is green in CI (docs/parity.md), off on every other platform.
#ifdef __linux__
    bool ssh_socketpair_stderr = true;
#else
    bool ssh_socketpair_stderr = false;
#endif
    bool operator==(const feature_settings&) const = default;
};

/// Names of backends (or absolute paths of plugins), the preferred one first. Never empty.
struct backend_settings {
    std::vector<std::string> sync{"socketpair", "pipe"};
    std::vector<std::string> async{"tokio-like-async", "socketpair", "pipe"};
    bool operator==(const backend_settings&) const = default;
};

struct fallback_settings {
    bool inherit = true;
    bool operator==(const fallback_settings&) const = default;
};

struct plugin_settings {
    std::vector<plugin_directory> path;
    bool operator==(const plugin_settings&) const = default;
};

struct capture_settings {
    std::uint64_t tail = 64 * 1024;      ///< bytes
    std::uint64_t max_line = 16 * 1024;  ///< bytes
    bool operator==(const capture_settings&) const = default;
};

struct finish_settings {
    nanoseconds_t linger = 25 * millisecond;
    nanoseconds_t linger_max = 1 * second;
    writers_policy writers_remain = writers_policy::leave;
    bool operator==(const finish_settings&) const = default;
};

struct forward_settings {
    forward_mode mode = forward_mode::raw;
    std::string prefix;
    blocked_policy when_blocked = blocked_policy::automatic;
    std::uint64_t buffer = 1024 * 1024;  ///< bytes
    nanoseconds_t stall = 2 * second;
    bool operator==(const forward_settings&) const = default;
};

struct log_settings {
    std::optional<severity> console = severity::error;  ///< none: off
    std::string file;                                   ///< absolute; empty: off
    severity level = severity::info;                    ///< of the file and of syslog
    std::uint64_t max_size = 10 * 1024 * 1024;          ///< bytes
    std::uint64_t keep = 5;                             ///< rotated files
    bool syslog = false;
    bool lines = false;
    log_full_policy when_full = log_full_policy::pause;
    bool operator==(const log_settings&) const = default;
};

struct settings {
    feature_settings features;
    transport_kind transport = transport_kind::sync;
    backend_settings backends;
    std::vector<capability> require;
    fallback_settings fallback;
    plugin_settings plugins;
    std::map<std::string, option_map, std::less<>> options;  ///< by backend, then by option
    capture_settings capture;
    finish_settings finish;
    forward_settings forward;
    surface_policy surface = surface_policy::on_loss;
    log_settings log;
    bool operator==(const settings&) const = default;
};

/// The backends that fd2 ships; always known, whether or not their plugin is installed.
inline constexpr std::string_view shipped_backends[] = {"pipe", "socketpair", "tcpshim",
                                                        "tokio-like-async"};

}  // namespace fd2::settings
