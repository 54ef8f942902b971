#include "settings/quantity.hpp"

#include <cctype>
#include <charconv>
#include <limits>
#include <span>
#include <vector>

#include "base/text_list.hpp"
#include "settings/origin.hpp"

namespace fd2::settings {
namespace {

struct unit {
    std::string_view name;
    std::int64_t factor;
};

// Ascending, so that formatting takes the last that divides.
constexpr unit size_units[] = {{"B", 1},
                               {"KiB", 1024},
                               {"MiB", 1024 * 1024},
                               {"GiB", 1024 * 1024 * 1024},
                               {"TiB", 1024LL * 1024 * 1024 * 1024}};
constexpr unit duration_units[] = {{"ns", nanosecond}, {"us", microsecond},  {"ms", millisecond},
                                   {"s", second},      {"min", 60 * second}, {"h", 3600 * second}};

/// What people write instead of a unit, in lower case. An empty `meant` is ambiguous.
struct habit {
    std::string_view written;
    std::string_view meant;
};
constexpr habit size_habits[] = {{"b", "B"},     {"byte", "B"},  {"bytes", "B"}, {"k", "KiB"},
                                 {"kb", "KiB"},  {"kib", "KiB"}, {"m", "MiB"},   {"mb", "MiB"},
                                 {"mib", "MiB"}, {"g", "GiB"},   {"gb", "GiB"},  {"gib", "GiB"},
                                 {"t", "TiB"},   {"tb", "TiB"},  {"tib", "TiB"}};
constexpr habit duration_habits[] = {
    {"ns", "ns"},      {"nsec", "ns"},    {"us", "us"},    {"usec", "us"},     {"\u00b5s", "us"},
    {"\u03bcs", "us"}, {"ms", "ms"},      {"msec", "ms"},  {"millis", "ms"},   {"s", "s"},
    {"sec", "s"},      {"secs", "s"},     {"second", "s"}, {"seconds", "s"},   {"min", "min"},
    {"mins", "min"},   {"minute", "min"}, {"m", ""},       {"minutes", "min"}, {"h", "h"},
    {"hr", "h"},       {"hour", "h"},     {"hours", "h"}};

std::string format(std::int64_t value, std::span<const unit> units) {
    const unit* best = &units[0];
    for (const unit& one : units) {
        if (value != 0 && value % one.factor == 0) best = &one;
    }
    return std::to_string(value / best->factor).append(best->name);
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

std::string list_of(std::span<const unit> units) {
    std::vector<std::string_view> names;
    for (const unit& one : units) names.push_back(one.name);
    return "the units are " + join(names, ", ");
}

/// `noun` is "a size" or "a duration", `example` a value that is right.
converted<std::int64_t> parse(std::string_view text, std::span<const unit> units,
                              std::span<const habit> habits, std::string_view noun,
                              std::string_view example) {
    const std::string shown = display(text);
    const std::string such_as = "write a whole number and a unit, such as " + std::string(example);
    const auto wrong = [&](std::string_view what, std::string advice) {
        return converted<std::int64_t>{{}, {shown + std::string(what), std::move(advice)}};
    };
    const char* const end = text.data() + text.size();
    if (text.size() > 1 && text[0] == '-' && text[1] >= '0' && text[1] <= '9') {
        return wrong(" is negative", such_as);
    }
    std::uint64_t number = 0;
    const auto [stop, failed] = std::from_chars(text.data(), end, number);
    if (failed == std::errc::invalid_argument) {
        return wrong(" is not " + std::string(noun), such_as);
    }
    constexpr auto largest = std::numeric_limits<std::int64_t>::max();
    if (failed == std::errc::result_out_of_range || number > std::uint64_t{largest}) {
        return wrong(" is too large", such_as);
    }
    const auto count = static_cast<std::int64_t>(number);
    std::string_view rest(stop, static_cast<std::size_t>(end - stop));

    for (const unit& one : units) {
        if (rest != one.name) continue;
        if (count > largest / one.factor) {
            return wrong(" is too large", such_as);
        }
        return {count * one.factor};
    }

    const bool bytes = units.data() == size_units;
    if (rest.empty()) {
        // A large count of bytes was meant as bytes; a small one may be meant in either.
        const std::string digits = std::to_string(count);
        const std::string meant = !bytes                        ? digits + "ms"
                                  : count >= 1024 || count == 0 ? format(count, units)
                                                                : digits + "B or " + digits + "KiB";
        return wrong(" has no unit", "write " + meant);
    }
    if (rest.front() == '.' || rest.front() == ',') {
        return wrong(" is not a whole number",
                     "use a smaller unit, such as " + std::string(example));
    }
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    const std::string tried = lower(rest);
    for (const habit& one : habits) {
        if (tried != one.written) continue;
        const std::string digits = std::to_string(count);
        if (one.meant.empty()) {
            return wrong(" is ambiguous", "write " + digits + "min or " + digits + "ms");
        }
        return wrong(" has an unknown unit", "write " + digits + std::string(one.meant));
    }
    return wrong(" has an unknown unit", list_of(units));
}

}  // namespace

converted<std::int64_t> parse_size(std::string_view text) {
    return parse(text, size_units, size_habits, "a size", "64KiB");
}

converted<std::int64_t> parse_duration(std::string_view text) {
    return parse(text, duration_units, duration_habits, "a duration", "50ms");
}

std::string format_size(std::int64_t bytes) {
    return format(bytes, size_units);
}

std::string format_duration(nanoseconds_t length) {
    if (length == 0) return "0s";
    return format(length, duration_units);
}

}  // namespace fd2::settings
