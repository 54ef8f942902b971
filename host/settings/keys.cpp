#include "settings/keys.hpp"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <utility>

#include "settings/names.hpp"
#include "settings/nearest.hpp"
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

/// Whose word a directory is, is set by the layer that assigns it.
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
    key<FD2_AT(features.ssh_socketpair_stderr)>(
        "features.ssh-socketpair-stderr", key_type::boolean,
        "Whether the async transport carries stderr through a backend; on by default on Linux. "
        "While it is off, a child of the async transport inherits fd2's own stderr and nothing is "
        "captured; the sync transport is not affected."),
    choice<FD2_AT(transport)>("transport", transport_names,
                              "The transport that `fd2 run` uses: sync or async."),
    key<FD2_AT(backends.sync)>(
        "backends.sync", key_type::backends,
        "The backends that the sync transport tries, in this order. The first that meets `require` "
        "and can be opened is used. A backend is a name, or the absolute path of a plugin."),
    key<FD2_AT(backends.async)>("backends.async", key_type::backends,
                                "The same for the async transport, while the feature is on."),
    key<FD2_AT(require)>(
        "require", key_type::capabilities,
        "What a backend must be able to do to be chosen: event-loop, pollable, wake, "
        "keeps-writers, "
        "reopenable (the child may open /dev/stderr), compact, atomic, tty, handover.",
        0, 0, capability_names),
    key<FD2_AT(fallback.inherit)>(
        "fallback.inherit", key_type::boolean,
        "When no backend can be had: true lets the child write to fd2's own stderr (nothing is "
        "captured), false makes it an error before the child starts."),
    key<FD2_AT(plugins.path)>(
        "plugins.path", key_type::directories,
        "Directories that are searched for plugins before the built-in one; absolute. Owner and "
        "mode of a directory named in a file are checked before anything is loaded from it."),
    key<FD2_AT(capture.tail)>("capture.tail", key_type::size,
                              "How much of the newest stderr is kept, exactly. Memory grows on "
                              "demand.",
                              1, GiB),
    key<FD2_AT(capture.max_line)>(
        "capture.max-line", key_type::size,
        "A line longer than this reaches subscribers and the log in marked pieces.", 16, 64 * MiB),
    key<FD2_AT(finish.linger)>(
        "finish.linger", key_type::duration,
        "After the child's exit, while somebody else still holds its stderr: go on until nothing "
        "came for this long.",
        0, 60 * second),
    key<FD2_AT(finish.linger_max)>(
        "finish.linger-max", key_type::duration,
        "The same, at most this long after the exit, however much still comes.", 0, 600 * second),
    choice<FD2_AT(finish.writers_remain)>(
        "finish.writers-remain", writers_names,
        "What then: leave stops reading; follow goes on in the background, for programs that embed "
        "fd2 only."),
    choice<FD2_AT(forward.mode)>(
        "forward.mode", forward_names,
        "How the child's stderr reaches our own: raw (every byte as it comes), lines (whole lines "
        "with `forward.prefix`), lossy (raw, with invalid UTF-8 replaced), off."),
    key<FD2_AT(forward.prefix)>("forward.prefix", key_type::text,
                                "What stands before each line when `forward.mode` is lines.", 0,
                                256),
    choice<FD2_AT(forward.when_blocked)>(
        "forward.when-blocked", blocked_names,
        "When nobody reads our stderr: wait (the child waits too), drop (and count), or auto: wait "
        "on a terminal; elsewhere fill `forward.buffer`, then wait, and drop after "
        "`forward.stall`."),
    key<FD2_AT(forward.buffer)>("forward.buffer", key_type::size,
                                "The most that waits in memory to be written to our stderr.",
                                4 * KiB, GiB),
    key<FD2_AT(forward.stall)>(
        "forward.stall", key_type::duration,
        "How long a reader of our stderr may make no progress before auto drops.", 0,
        3600 * second),
    choice<FD2_AT(surface)>(
        "surface", surface_names,
        "When the tail is printed after a child has failed: on-loss (only if not all of it was "
        "forwarded), always, never."),
    choice<FD2_AT(log.console)>(
        "log.console", threshold_names,
        "The least severity of fd2's own messages on the console: trace, debug, info, warning, "
        "error, or off."),
    key<FD2_AT(log.file)>("log.file", key_type::file,
                          "The log file, JSON lines: an absolute path, or off."),
    choice<FD2_AT(log.level)>("log.level", severity_names,
                              "The least severity in the log file and in syslog."),
    key<FD2_AT(log.max_size)>("log.max-size", key_type::size,
                              "The log file is rotated before it grows beyond this.", 64 * KiB,
                              1024 * GiB),
    key<FD2_AT(log.keep)>("log.keep", key_type::integer,
                          "How many rotated log files are kept beside the current one.", 0, 1000),
    key<FD2_AT(log.syslog)>("log.syslog", key_type::boolean, "Whether syslog gets the log too."),
    key<FD2_AT(log.lines)>("log.lines", key_type::boolean,
                           "Whether the lines of the child's stderr go into the log file."),
    choice<FD2_AT(log.when_full)>(
        "log.when-full", log_full_names,
        "When lines come faster than the log file takes them: pause (the child waits) or drop (and "
        "count)."),
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
    std::string out;
    for (const std::string& item : items_of(v)) {
        if (!out.empty()) out += key.type == key_type::directories ? ':' : ',';
        out += item;
    }
    return out;
}

const std::vector<std::string>& items_of(const value& v) {
    return std::get<std::vector<std::string>>(v);
}

std::string example_of(const key_info& key) {
    switch (key.type) {
        case key_type::boolean:
            return "true or false";
        case key_type::text:
            return "\"remote: \"";
        case key_type::file:
            return "/var/log/fd2.log, or off";
        case key_type::capabilities:
            return "[wake, reopenable]";
        case key_type::directories:
            return "[/usr/local/lib/fd2]";
        case key_type::backends:
            return "[socketpair, pipe]";
        case key_type::integer:
        case key_type::size:
        case key_type::duration:
        case key_type::choice:
            break;
    }
    return text_of(key, key.get(settings{}));
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
            return join(key.choices);
        case key_type::capabilities:
            return "a list of " + join(key.choices);
        case key_type::text:
            return "at most " + format_size(key.maximum) + " on one line";
        case key_type::file:
            return "an absolute path, or off";
        case key_type::backends:
            return "a list of backends";
        case key_type::directories:
            return "a list of absolute paths";
    }
    return {};
}

}  // namespace fd2::settings
