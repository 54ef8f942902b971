#include "settings/backend_options.hpp"

#include <algorithm>
#include <utility>

#include "settings/nearest.hpp"
#include "settings/values.hpp"

namespace fd2::settings {
namespace {

std::vector<std::string_view> views(const std::vector<std::string>& words) {
    return {words.begin(), words.end()};
}

converted<std::int64_t> to_number(const option_rule& rule, const scalar& written) {
    switch (rule.type) {
        case option_type::boolean: {
            auto got = to_bool(written);
            if (!got.value) return {{}, std::move(got.wrong)};
            return {*got.value ? 1 : 0};
        }
        case option_type::integer:
            return to_integer(written, rule.minimum, rule.maximum);
        case option_type::bytes:
            return to_size(written, rule.minimum, rule.maximum);
        case option_type::duration:
            return to_duration(written, rule.minimum, rule.maximum);
        case option_type::choice:
            return to_choice(written, views(rule.choices));
    }
    return {};
}

}  // namespace

std::vector<checked_option> check_options(std::string_view backend, const option_map& given,
                                          std::span<const option_rule> rules,
                                          std::vector<diagnostic>& found) {
    std::vector<checked_option> out;
    for (const auto& [name, raw] : given) {
        const std::string path = "options." + std::string(backend) + '.' + name;
        const auto rule = std::find_if(rules.begin(), rules.end(),
                                       [&, &key = name](const auto& r) { return r.name == key; });
        if (rule == rules.end()) {
            std::vector<std::string_view> names;
            for (const option_rule& one : rules) names.push_back(one.name);
            found.push_back({severity::error, raw.at, path, "the backend has no such option",
                             suggest(name, names)});
            continue;
        }
        // A word in quotes can be nothing but text; every other guess was written plain.
        const bool in_quotes =
            raw.guess == scalar_guess::text && guess(raw.text, false) != scalar_guess::text;
        auto got = to_number(*rule, {raw.text, in_quotes, raw.at});
        if (!got.value) {
            found.push_back({severity::error, raw.at, path, std::move(got.wrong.message),
                             std::move(got.wrong.advice)});
            continue;
        }
        checked_option one{name, rule->type, *got.value, {}};
        if (rule->type == option_type::choice) {
            one.text = rule->choices[static_cast<std::size_t>(one.number)];
            one.number = 0;
        }
        out.push_back(std::move(one));
    }
    return out;
}

}  // namespace fd2::settings
