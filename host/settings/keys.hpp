// The one table of keys. Parsing, environment variables, `config show`, the JSON Schema,
// config/fd2.yaml and the reference all walk it; a new key is a member of `settings` and one entry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "settings/settings.hpp"

namespace fd2::settings {

enum class key_type : std::uint8_t {
    boolean,
    integer,       ///< minimum to maximum
    size,          ///< bytes, minimum to maximum
    duration,      ///< nanoseconds, minimum to maximum
    choice,        ///< one of `choices`
    text,          ///< one line, at most `maximum` bytes
    file,          ///< an absolute path, or `off` (empty); `choices`: its placeholders
    backends,      ///< a list of backends, not empty
    capabilities,  ///< a list out of `choices`
    directories    ///< a list of absolute paths; separated by ':' in a variable (Windows: ';')
};

/// More items than there are backends, capabilities and sensible directories; bounds the work that
/// a list can cause.
inline constexpr std::size_t longest_list = 64;

/// A value on its way in or out: boolean; integer, bytes, nanoseconds or the index of a choice;
/// text; list.
using value = std::variant<bool, std::int64_t, std::string, std::vector<std::string>>;

struct key_info {
    std::string_view name;  ///< the path: "capture.tail"
    key_type type;
    std::int64_t minimum = 0;
    std::int64_t maximum = 0;
    std::span<const std::string_view> choices;
    std::string_view help;  ///< one to three sentences
    value (*get)(const settings&);
    void (*set)(settings&, const value&);  ///< `value` has the alternative that `type` asks for

    constexpr bool is_list() const noexcept { return type >= key_type::backends; }
};

std::span<const key_info> keys() noexcept;

/// The entry of that name, or null.
const key_info* find_key(std::string_view name) noexcept;

/// The entry that an unknown name probably means: the nearest one, or else the one that has it as
/// its last part ("tail": capture.tail, also as FD2_TAIL's "TAIL"). Null if nothing is near.
const key_info* nearest_key(std::string_view written);

/// Its place in keys().
std::size_t index_of(const key_info& key) noexcept;

/// "FD2_CAPTURE_TAIL"; FD2_PLUGIN_PATH for plugins.path.
std::string variable_of(const key_info& key);

/// A scalar as a configuration file spells it: "64KiB", "true", "on-loss". Lists: see items_of.
std::string text_of(const key_info& key, const value& v);

/// The items of a list as they are spelled.
const std::vector<std::string>& items_of(const value& v);
const std::vector<std::string>& items_of(value&&) = delete;  // would dangle

/// The advice for a key without a usable value: "write a value such as 64KiB". The example is the
/// default, or a better one if the default says little.
std::string how_to_write(const key_info& key);

/// "1B to 1GiB", "trace, debug, ... or off", ...; empty if there is nothing to say.
std::string range_of(const key_info& key);

}  // namespace fd2::settings
