#include "settings/keys.hpp"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <utility>

#include "base/text_list.hpp"
#include "settings/names.hpp"
#include "settings/nearest.hpp"
#include "settings/places.hpp"
#include "settings/quantity.hpp"

namespace fd2::settings {
namespace {

// ---- between the members of `settings` and a `value` --------------------------------------------

template <class T>
value encode(const T& member) {
    if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::string> ||
                  std::is_same_v<T, std::vector<std::string>>) {
        return member;
    } else if constexpr (std::is_same_v<T, std::optional<severity>>) {
        return static_cast<std::int64_t>(member ? static_cast<std::size_t>(*member)
                                                : threshold_names.size() - 1);
    } else {
        return static_cast<std::int64_t>(member);
    }
}

value encode(const std::vector<capability>& member) {
    std::vector<std::string> out;
    for (const capability one : member) out.emplace_back(name_of(one));
    return out;
}

value encode(const std::vector<plugin_directory>& member) {
    std::vector<std::string> out;
    for (const plugin_directory& one : member) out.push_back(one.path);
    return out;
}

template <class T>
void decode(const value& v, T& member) {
    if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::string> ||
                  std::is_same_v<T, std::vector<std::string>>) {
        member = std::get<T>(v);
    } else if constexpr (std::is_same_v<T, std::optional<severity>>) {
        const auto index = static_cast<std::size_t>(std::get<std::int64_t>(v));
        member.reset();
        if (index < severity_names.size()) member = static_cast<severity>(index);
    } else {
        member = static_cast<T>(std::get<std::int64_t>(v));
    }
}

void decode(const value& v, std::vector<capability>& member) {
    member.clear();
    for (const std::string& name : std::get<std::vector<std::string>>(v)) {
        const auto found = std::find(capability_names.begin(), capability_names.end(), name);
        if (found == capability_names.end()) continue;
        member.push_back(static_cast<capability>(found - capability_names.begin()));
    }
}

/// `from_caller` is set later, by the layer that assigns the list.
void decode(const value& v, std::vector<plugin_directory>& member) {
    member.clear();
    for (const std::string& path : std::get<std::vector<std::string>>(v)) {
        member.push_back({path, false});
    }
}

template <auto Member>
constexpr key_info key(std::string_view name, key_type type, std::string_view help,
                       std::int64_t minimum = 0, std::int64_t maximum = 0,
                       std::span<const std::string_view> choices = {}) {
    return {name,
            type,
            minimum,
            maximum,
            choices,
            help,
            [](const settings& s) { return encode(Member(s)); },
            [](settings& s, const value& v) { decode(v, Member(s)); }};
}

template <auto Member>
constexpr key_info choice(std::string_view name, std::span<const std::string_view> choices,
                          std::string_view help) {
    return key<Member>(name, key_type::choice, help, 0, 0, choices);
}

#define FD2_AT(member)     \
    [](auto& s) -> auto& { \
        return s.member;   \
    }

constexpr std::int64_t KiB = 1024;
constexpr std::int64_t MiB = 1024 * KiB;
constexpr std::int64_t GiB = 1024 * MiB;

constexpr key_info table[] = {
    key<FD2_AT(enabled)>(
        "enabled", key_type::boolean,
        "If false, fd2 steps aside: `fd2 run` and links execute the command in place of "
        "themselves, and nothing is captured. `FD2_DISABLE=1` does the same."),
    key<FD2_AT(features.ssh_socketpair_stderr)>(
        "features.ssh-socketpair-stderr", key_type::boolean,
        "Whether the async transport captures stderr through a backend; on by default on Linux. If "
        "off, the async transport lets the command write to fd2's own stderr, and nothing is "
        "captured; "
        "the sync transport is not affected."),
    choice<FD2_AT(transport)>("transport", transport_names,
                              "The transport that `fd2 run` uses: sync or async."),
    key<FD2_AT(backends.sync)>(
        "backends.sync", key_type::backends,
        "The backends that the sync transport tries, in this order. The first that meets `require` "
        "and can be opened is used. A backend is a name, or the absolute path of a plugin."),
    key<FD2_AT(backends.async)>("backends.async", key_type::backends,
                                "The same for the async transport, if "
                                "`features.ssh-socketpair-stderr` is on."),
    key<FD2_AT(require)>("require", key_type::capabilities,
                         "Capabilities that a backend must have to be chosen: event-loop, "
                         "pollable, wake, keeps-writers, reopenable (the command may open "
                         "/dev/stderr), compact, atomic, tty, handover.",
                         0, 0, capability_names),
    key<FD2_AT(require_unless_ssh)>(
        "require-unless-ssh", key_type::capabilities,
        "As `require`, but for a command of `fd2 run` other than ssh, which may open /dev/stderr. "
        "Ignored if `require` is set or the caller names backends.",
        0, 0, capability_names),
    key<FD2_AT(fallback.inherit)>(
        "fallback.inherit", key_type::boolean,
        "If no backend is usable: true lets the command write to fd2's own stderr (nothing is "
        "captured), false makes it an error before the command starts."),
    key<FD2_AT(plugins.path)>(
        "plugins.path", key_type::directories,
        "Directories to search for plugins before the built-in one. Owner and mode of a directory "
        "named in a file are checked before anything is loaded from it."),
    choice<FD2_AT(plugins.trial)>(
        "plugins.trial", trial_names,
        "Whether a plugin is tried in a process of its own before it is loaded, once for each "
        "version of the file: auto (unless it came with this copy of fd2 and only root may write "
        "it), always, never. One that crashes or hangs there is not used."),
    key<FD2_AT(capture.tail)>(
        "capture.tail", key_type::size,
        "Exactly how many of the last bytes of stderr are kept. Memory grows on demand.", 1, GiB),
    key<FD2_AT(capture.max_line)>("capture.max-line", key_type::size,
                                  "A longer line reaches subscribers and the log in marked pieces.",
                                  16, 64 * MiB),
    choice<FD2_AT(capture.on_terminal)>(
        "capture.on-terminal", terminal_names,
        "Whether `fd2 run` captures if its stderr is a terminal: when-asked (if something reads or "
        "changes stderr: a report, a tail, a log of lines, --explain, a backend named by the "
        "caller, a `forward.mode` other than raw), always, never. Without a capture the command "
        "writes directly to the terminal."),
    key<FD2_AT(finish.linger)>("finish.linger", key_type::duration,
                               "After the command's exit, while another process still holds its "
                               "stderr: keep reading until nothing has come for this long.",
                               0, 60 * second),
    key<FD2_AT(finish.linger_max)>(
        "finish.linger-max", key_type::duration,
        "The limit on `finish.linger`: stop this long after the exit, however much still comes.", 0,
        600 * second),
    choice<FD2_AT(finish.writers_remain)>(
        "finish.writers-remain", writers_names,
        "What happens if another process still holds the command's stderr after that: leave stops "
        "reading; follow returns the status and keeps reading in the background until end of "
        "file; auto follows an ssh that goes to the background (-f, -o "
        "ForkAfterAuthentication=yes) and leaves everything else."),
    choice<FD2_AT(forward.mode)>(
        "forward.mode", forward_names,
        "How the command's stderr is written to fd2's own: raw (every byte as it comes), lines "
        "(whole lines with `forward.prefix`), lossy (raw, with invalid UTF-8 replaced), off."),
    key<FD2_AT(forward.prefix)>("forward.prefix", key_type::text,
                                "Text before each line if `forward.mode` is lines.", 0, 256),
    choice<FD2_AT(forward.when_blocked)>(
        "forward.when-blocked", blocked_names,
        "If nothing reads fd2's stderr: wait (the command waits too), drop (and count), or auto: "
        "wait on a terminal; elsewhere fill `forward.buffer`, then wait, and drop after "
        "`forward.stall`."),
    key<FD2_AT(forward.buffer)>(
        "forward.buffer", key_type::size,
        "The most data kept in memory until it can be written to fd2's stderr.", 4 * KiB, GiB),
    key<FD2_AT(forward.stall)>(
        "forward.stall", key_type::duration,
        "How long a reader of fd2's stderr may make no progress before auto drops and, after the "
        "command's exit, before any policy gives up.",
        0, 3600 * second),
    choice<FD2_AT(surface)>("surface", surface_names,
                            "When the tail is printed after a command has failed: on-loss (only if "
                            "not all of it was forwarded), always, never."),
    choice<FD2_AT(log.console)>("log.console", threshold_names,
                                "The lowest severity of fd2's own messages on the console: trace, "
                                "debug, info, warning, error, or off."),
    key<FD2_AT(log.file)>("log.file", key_type::file,
                          "The log file, JSON lines: an absolute path, or off."),
    choice<FD2_AT(log.level)>("log.level", severity_names,
                              "The lowest severity in the log file and in syslog."),
    key<FD2_AT(log.max_size)>("log.max-size", key_type::size,
                              "The log file is rotated before it grows beyond this.", 64 * KiB,
                              1024 * GiB),
    key<FD2_AT(log.keep)>("log.keep", key_type::integer,
                          "How many rotated log files are kept besides the current one.", 0, 1000),
    key<FD2_AT(log.required)>("log.required", key_type::boolean,
                              "If the log file cannot be opened: true, nothing is run; false, an "
                              "error is printed and the run continues without it."),
    key<FD2_AT(log.syslog)>("log.syslog", key_type::boolean,
                            "Whether the log also goes to syslog."),
    key<FD2_AT(log.lines)>("log.lines", key_type::boolean,
                           "Whether the lines of the command's stderr go into the log file."),
    choice<FD2_AT(log.when_full)>("log.when-full", log_full_names,
                                  "If lines come faster than the log file takes them: pause (the "
                                  "command waits) or drop (and count)."),
    key<FD2_AT(report.file)>(
        "report.file", key_type::file,
        "A file to which each run adds its report, a line of JSON as `--stats` writes it: an "
        "absolute path, or off. It is created with mode 0600. `fd2 report` summarises it."),
    choice<FD2_AT(report.on)>(
        "report.on", report_names,
        "Which runs are reported there: always, failure (the command failed or was killed, a "
        "backend could not be used, or reading stderr failed), or loss (bytes or lines are missing "
        "somewhere)."),
    key<FD2_AT(tail.file)>(
        "tail.file", key_type::file,
        "A file for the tail of each run, as `--tail-out` writes it: an absolute path, or off. %p "
        "stands for fd2's pid, %c for the command's name, %h for the remote host, %t for the start "
        "time, %% for a percent sign. It replaces an earlier file of that name.",
        0, 0, placeholder_names),
    key<FD2_AT(why.rules)>(
        "why.rules", key_type::file,
        "Rules of your own about why commands fail, which come before those of fd2: a YAML file, "
        "or a directory of *.yaml files; an absolute path, or off. `fd2 why --rules` prints those "
        "in force."),
    key<FD2_AT(why.hint)>(
        "why.hint", key_type::boolean,
        "Whether `fd2 run` adds a line to its stderr after a command that failed: what the cause "
        "seems to be, and what to do."),
    key<FD2_AT(control.enabled)>(
        "control.enabled", key_type::boolean,
        "Whether a run that lasts longer than 200 ms has a control socket, for `fd2 ps`, `fd2 "
        "tail`, `fd2 swap` and `fd2 reload`. Only its own user and root may connect."),
    choice<FD2_AT(swap.running)>(
        "swap.running", swap_names,
        "What a reload does to running children when the backend that they would get now is "
        "another one: keep leaves them where they are; hand-over moves them, without losing a "
        "byte, where the new backend can take their kernel object."),
    choice<FD2_AT(swap.require)>(
        "swap.require", proof_names,
        "What is required of a plugin that did not come with this copy of fd2 before a running "
        "command moves to it: conforms (`fd2 conform` has found that it conforms), or trial (it "
        "has passed a trial in a process of its own, as before a start)."),
    key<FD2_AT(reload.watch)>(
        "reload.watch", key_type::boolean,
        "Whether running hosts reload when a configuration file or a plugin changes (`fd2 reload` "
        "does it on request)."),
};

#undef FD2_AT

}  // namespace

std::span<const key_info> keys() noexcept {
    return table;
}

const key_info* find_key(std::string_view name) noexcept {
    const auto found = std::find_if(std::begin(table), std::end(table),
                                    [&](const key_info& one) { return one.name == name; });
    return found == std::end(table) ? nullptr : &*found;
}

const key_info* nearest_key(std::string_view written) {
    std::vector<std::string_view> names;
    std::vector<std::string_view> last_parts;
    for (const key_info& key : keys()) {
        names.push_back(key.name);
        last_parts.push_back(key.name.substr(key.name.rfind('.') + 1));
    }
    for (const auto& candidates : {names, last_parts}) {
        const auto meant = nearest(written, candidates);
        if (!meant) continue;
        const auto at = std::find(candidates.begin(), candidates.end(), *meant);
        return &keys()[static_cast<std::size_t>(at - candidates.begin())];
    }
    return nullptr;
}

std::size_t index_of(const key_info& key) noexcept {
    return static_cast<std::size_t>(&key - table);
}

std::string variable_of(const key_info& key) {
    if (key.type == key_type::directories) return "FD2_PLUGIN_PATH";
    std::string out = "FD2_";
    for (const char c : key.name) {
        if (c == '.' || c == '-') {
            out += '_';
        } else {
            out += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
        }
    }
    return out;
}

std::string text_of(const key_info& key, const value& v) {
    switch (key.type) {
        case key_type::boolean:
            return std::get<bool>(v) ? "true" : "false";
        case key_type::integer:
            return std::to_string(std::get<std::int64_t>(v));
        case key_type::size:
            return format_size(std::get<std::int64_t>(v));
        case key_type::duration:
            return format_duration(std::get<std::int64_t>(v));
        case key_type::choice:
            return std::string(key.choices[static_cast<std::size_t>(std::get<std::int64_t>(v))]);
        case key_type::text:
            return std::get<std::string>(v);
        case key_type::file: {
            const auto& path = std::get<std::string>(v);
            return path.empty() ? "off" : path;
        }
        case key_type::backends:
        case key_type::capabilities:
        case key_type::directories:
            break;
    }
    return join(items_of(v),
                std::string(1, key.type == key_type::directories ? between_directories : ','));
}

const std::vector<std::string>& items_of(const value& v) {
    return std::get<std::vector<std::string>>(v);
}

std::string how_to_write(const key_info& key) {
    switch (key.type) {
        case key_type::boolean:
            return "write true or false";
        case key_type::text:
            return "write a value such as \"remote: \"";
        case key_type::file:
            return "write a path such as " +
                   std::string(key.choices.empty() ? "/var/log/fd2.log"
                                                   : "/var/tmp/ssh-%t-%p.err") +
                   ", or off";
        case key_type::capabilities:
            return "write a list such as [wake, reopenable]";
        case key_type::directories:
            return "write a list such as [/usr/local/lib/fd2]";
        case key_type::backends:
            return "write a list such as [socketpair, pipe]";
        case key_type::integer:
        case key_type::size:
        case key_type::duration:
        case key_type::choice:
            break;
    }
    return "write a value such as " + text_of(key, key.get(settings{}));
}

std::string range_of(const key_info& key) {
    switch (key.type) {
        case key_type::boolean:
            return "true or false";
        case key_type::integer:
            return std::to_string(key.minimum) + " to " + std::to_string(key.maximum);
        case key_type::size:
            return format_size(key.minimum) + " to " + format_size(key.maximum);
        case key_type::duration:
            return format_duration(key.minimum) + " to " + format_duration(key.maximum);
        case key_type::choice:
            return join(key.choices, ", ");
        case key_type::capabilities:
            return "a list of " + join(key.choices, ", ");
        case key_type::text:
            return "at most " + format_size(key.maximum) + " on one line";
        case key_type::file:
            return key.choices.empty()
                       ? "an absolute path, or off"
                       : "an absolute path with " + join(key.choices, ", ") + ", or off";
        case key_type::backends:
            return "a list of backends";
        case key_type::directories:
            return "a list of absolute paths";
    }
    return {};
}

}  // namespace fd2::settings
