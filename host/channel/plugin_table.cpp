#include "channel/plugin_table.hpp"

#include <algorithm>
#include <iterator>

#include "settings/quantity.hpp"

namespace fd2::channel {
namespace {

using settings::capability;
using settings::option_type;

/// The one place where the settings' capabilities meet the bits of the contract.
constexpr struct {
    capability name;
    std::uint64_t bit;
} capabilities[] = {
    {capability::event_loop, FD2_CAP_EVENT_LOOP},
    {capability::pollable, FD2_CAP_POLLABLE},
    {capability::wake, FD2_CAP_WAKE},
    {capability::keeps_writers, FD2_CAP_KEEPS_WRITERS},
    {capability::reopenable, FD2_CAP_REOPENABLE},
    {capability::compact, FD2_CAP_COMPACT},
    {capability::atomic, FD2_CAP_ATOMIC},
    {capability::tty, FD2_CAP_TTY},
    {capability::handover, FD2_CAP_HANDOVER},
};
static_assert(
    [] {
        std::size_t i = 0;
        for (const auto& one : capabilities) {
            if (static_cast<std::size_t>(one.name) != i++) return false;
        }
        return i == static_cast<std::size_t>(capability::handover) + 1;
    }(),
    "each capability of the settings has its entry, in order");

constexpr struct {
    option_type type;
    std::uint32_t number;
    const char* name;
} option_types[] = {
    {option_type::boolean, FD2_OPTION_BOOL, "bool"},
    {option_type::integer, FD2_OPTION_INT, "integer"},
    {option_type::bytes, FD2_OPTION_BYTES, "size"},
    {option_type::duration, FD2_OPTION_DURATION, "duration"},
    {option_type::choice, FD2_OPTION_ENUM, "word"},
};

/// The entry of an FD2_OPTION_*; one that is not known is taken for a plain number.
const auto& type_of(std::uint32_t number) noexcept {
    for (const auto& one : option_types) {
        if (one.number == number) return one;
    }
    return option_types[1];
}

/// Calls `each(spec)`. A plugin may have been built with a longer fd2_option_spec than ours, so the
/// table says how far apart the entries are.
template <class Each>
void for_each_option(const fd2_backend& table, Each each) {
    const auto* base = reinterpret_cast<const unsigned char*>(table.options);
    for (std::uint32_t i = 0; i < table.option_count; ++i) {
        each(
            *reinterpret_cast<const fd2_option_spec*>(base + std::size_t{i} * table.option_stride));
    }
}

std::string spelled_default(const fd2_option_spec& spec) {
    const std::int64_t n = spec.default_number;
    switch (type_of(spec.type).type) {
        case option_type::boolean:
            return n != 0 ? "true" : "false";
        case option_type::bytes:
            return settings::format_size(n);
        case option_type::duration:
            return settings::format_duration(n);
        case option_type::choice:
            return spec.default_text ? spec.default_text : "";
        case option_type::integer:
            break;
    }
    return std::to_string(n);
}

/// The FD2_OPTION_* of a type.
std::uint32_t contract_type(option_type type) noexcept {
    for (const auto& one : option_types) {
        if (one.type == type) return one.number;
    }
    return FD2_OPTION_INT;
}

}  // namespace

std::uint64_t bits_of(const std::vector<capability>& wanted) noexcept {
    std::uint64_t bits = 0;
    for (const capability one : wanted) bits |= capabilities[static_cast<std::size_t>(one)].bit;
    return bits;
}

std::vector<std::string> capability_names(std::uint64_t bits) {
    std::vector<std::string> names;
    for (const auto& [name, bit] : capabilities) {
        if ((bits & bit) != 0) names.emplace_back(settings::name_of(name));
    }
    return names;
}

std::uint64_t capabilities_named(const std::vector<std::string>& names) {
    std::uint64_t bits = 0;
    for (const auto& [name, bit] : capabilities) {
        if (std::count(names.begin(), names.end(), settings::name_of(name)) != 0) bits |= bit;
    }
    return bits;
}

std::string_view medium_name(std::uint32_t medium) noexcept {
    switch (medium) {
        case FD2_MEDIUM_PIPE:
            return "pipe";
        case FD2_MEDIUM_SOCKETPAIR:
            return "socketpair";
        case FD2_MEDIUM_TCP:
            return "tcp";
        case FD2_MEDIUM_PTY:
            return "pty";
        default:
            return "unknown";
    }
}

std::vector<settings::option_rule> rules_of(const fd2_backend& table) {
    std::vector<settings::option_rule> rules;
    for_each_option(table, [&](const fd2_option_spec& spec) {
        settings::option_rule rule;
        rule.name = spec.name;
        rule.type = type_of(spec.type).type;
        rule.minimum = spec.minimum;
        rule.maximum = spec.maximum;
        std::string_view words = spec.values ? spec.values : "";
        while (!words.empty()) {
            const std::size_t bar = words.find('|');
            rule.choices.emplace_back(words.substr(0, bar));
            words.remove_prefix(bar == words.npos ? words.size() : bar + 1);
        }
        rules.push_back(std::move(rule));
    });
    return rules;
}

result<std::unique_ptr<option_table>> option_table::make(const fd2_backend& publishes,
                                                         std::string_view id,
                                                         const settings::option_map& given) {
    auto out = std::make_unique<option_table>();
    std::vector<settings::diagnostic> wrong;
    out->values = settings::check_options(id, given, rules_of(publishes), wrong);
    if (!wrong.empty()) return settings::as_failure(wrong);
    for (const auto& value : out->values) {
        out->items.push_back({sizeof(fd2_option), contract_type(value.type), value.name.c_str(),
                              value.text.empty() ? nullptr : value.text.c_str(), value.number});
    }
    out->table = {sizeof(fd2_options), static_cast<std::uint32_t>(out->items.size()),
                  sizeof(fd2_option), 0, out->items.data()};
    return out;
}

std::vector<described_option> describe_options(const fd2_backend& table) {
    std::vector<described_option> out;
    for_each_option(table, [&](const fd2_option_spec& spec) {
        const auto& type = type_of(spec.type);
        const bool words = type.type == option_type::choice && spec.values;
        out.push_back({spec.name, words ? spec.values : type.name, spelled_default(spec),
                       spec.help ? spec.help : ""});
    });
    return out;
}

}  // namespace fd2::channel
