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
#include "base/forward_mode.hpp"
#include "settings/defaults.hpp"
#include "settings/origin.hpp"

namespace fd2::settings {

/// Which transport `fd2 run` uses.
enum class transport_kind : std::uint8_t { sync, async };

/// What a channel must be able to do (FD2_CAP_* in <fd2/abi.h>; channel/plugin_table.cpp
/// translates).
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

/// Whether `fd2 run` captures a stderr that would otherwise be its own terminal.
enum class terminal_policy : std::uint8_t { when_asked, always, never };

/// What happens when the child has exited and somebody else still holds its stderr. `automatic`:
/// `follow` where `fd2 run` starts an ssh that goes to the background, `leave` everywhere else.
enum class writers_policy : std::uint8_t { automatic, leave, follow };

/// What becomes of running children when a reload changes the list of backends.
enum class swap_policy : std::uint8_t { keep, hand_over };

/// What a plugin must have to be swapped to, where it did not come with fd2.
enum class proof_policy : std::uint8_t { conforms, trial };

enum class surface_policy : std::uint8_t { on_loss, always, never };
enum class log_full_policy : std::uint8_t { pause, drop };
enum class trial_policy : std::uint8_t { automatic, always, never };

/// Which runs are reported (docs/stats.md has what counts as a failure and as a loss).
enum class report_policy : std::uint8_t { always, failure, loss };

/// The spelling that configuration files use.
std::string_view name_of(transport_kind) noexcept;
std::string_view name_of(capability) noexcept;
std::string_view name_of(terminal_policy) noexcept;
std::string_view name_of(writers_policy) noexcept;
std::string_view name_of(forward_mode) noexcept;
std::string_view name_of(blocked_policy) noexcept;
std::string_view name_of(surface_policy) noexcept;
std::string_view name_of(log_full_policy) noexcept;
std::string_view name_of(report_policy) noexcept;
std::string_view name_of(trial_policy) noexcept;
std::string_view name_of(swap_policy) noexcept;
std::string_view name_of(proof_policy) noexcept;

/// A directory that is searched for plugins. `path` is absolute.
struct plugin_directory {
    std::string path;
    /// True if the caller named it (environment or option) and vouches for it; false if it comes
    /// from a file, so that the loader checks the owner and mode of everything above it.
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
    origin at;
    bool operator==(const raw_option&) const = default;
};

using option_map = std::map<std::string, raw_option, std::less<>>;

struct feature_settings {
    /// On where the parity matrix passes in CI (docs/parity.md), off on every other platform.
    bool ssh_socketpair_stderr = async_captures;
    bool operator==(const feature_settings&) const = default;
};

/// Names of backends (or absolute paths of plugins), the preferred one first. Never empty.
struct backend_settings {
    std::vector<std::string> sync = usual_sync_backends();
    std::vector<std::string> async = usual_async_backends();
    bool operator==(const backend_settings&) const = default;
};

struct fallback_settings {
    bool inherit = true;
    bool operator==(const fallback_settings&) const = default;
};

struct plugin_settings {
    std::vector<plugin_directory> path;
    trial_policy trial = trial_policy::automatic;
    bool operator==(const plugin_settings&) const = default;
};

struct capture_settings {
    std::uint64_t tail = 64 * 1024;      ///< bytes
    std::uint64_t max_line = 16 * 1024;  ///< bytes
    terminal_policy on_terminal = terminal_policy::when_asked;
    bool operator==(const capture_settings&) const = default;
};

struct finish_settings {
    nanoseconds_t linger = 25 * millisecond;
    nanoseconds_t linger_max = 1 * second;
    writers_policy writers_remain = writers_policy::automatic;
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

struct control_settings {
    bool enabled = true;
    bool operator==(const control_settings&) const = default;
};

struct swap_settings {
    swap_policy running = swap_policy::keep;
    proof_policy require = proof_policy::conforms;
    bool operator==(const swap_settings&) const = default;
};

struct reload_settings {
    bool watch = false;
    bool operator==(const reload_settings&) const = default;
};

struct log_settings {
    std::optional<severity> console = severity::error;  ///< none: off
    std::string file;                                   ///< absolute; empty: off
    severity level = severity::info;                    ///< of the file and of syslog
    std::uint64_t max_size = 10 * 1024 * 1024;          ///< bytes
    std::uint64_t keep = 5;                             ///< rotated files
    bool required = false;                              ///< without its file nothing is run
    bool syslog = false;
    bool lines = false;
    log_full_policy when_full = log_full_policy::pause;
    bool operator==(const log_settings&) const = default;
};

struct report_settings {
    std::string file;  ///< absolute; empty: off
    report_policy on = report_policy::always;
    bool operator==(const report_settings&) const = default;
};

struct tail_settings {
    std::string file;  ///< absolute, with placeholders; empty: off
    bool operator==(const tail_settings&) const = default;
};

struct why_settings {
    std::string rules;  ///< absolute, a file or a directory; empty: off
    bool hint = false;
    bool operator==(const why_settings&) const = default;
};

struct settings {
    /// False: fd2 steps aside. `fd2 run` executes the command in its own place, and a program that
    /// embeds fd2 lets its children inherit its stderr.
    bool enabled = true;
    feature_settings features;
    transport_kind transport = transport_kind::sync;
    backend_settings backends;
    std::vector<capability> require;
    std::vector<capability> require_unless_ssh = usually_required_unless_ssh();
    fallback_settings fallback;
    plugin_settings plugins;
    std::map<std::string, option_map, std::less<>> options;  ///< by backend, then by option
    capture_settings capture;
    finish_settings finish;
    forward_settings forward;
    surface_policy surface = surface_policy::on_loss;
    log_settings log;
    report_settings report;
    tail_settings tail;
    why_settings why;
    control_settings control;
    swap_settings swap;
    reload_settings reload;
    bool operator==(const settings&) const = default;
};

/// The backends that fd2 ships; always known, whether or not their plugin is installed.
inline constexpr std::string_view shipped_backends[] = {"pipe", "pty", "socketpair", "tcpshim",
                                                        "tokio-like-async"};

}  // namespace fd2::settings
