#include "settings/remarks.hpp"

#include <algorithm>

namespace fd2::settings {
namespace {

constexpr const char* flag = "features.ssh-socketpair-stderr";

bool a_rule_sets(const loaded& config, std::string_view key) {
    return std::any_of(config.rules.begin(), config.rules.end(), [&](const rule_result& rule) {
        return std::any_of(rule.sets.begin(), rule.sets.end(),
                           [&](const auto& set) { return set.first == key; });
    });
}

}  // namespace

std::optional<diagnostic> remark_on_switch(const loaded& config) {
    if (config.values.enabled) return std::nullopt;
    const bool some = config.rule() == nullptr && a_rule_sets(config, "enabled");
    return diagnostic{
        severity::warning, config.origin_of("enabled"), "enabled",
        std::string("fd2 is disabled: commands run as without it") +
            (some ? ", except where a rule enables it" : ""),
        some ? "`fd2 config explain -- COMMAND` says for which" : "remove this to enable it"};
}

std::optional<diagnostic> remark_on_flag(const loaded& config) {
    const origin& at = config.origin_of(flag);
    if (at.layer == source::built_in || a_rule_sets(config, "transport")) return std::nullopt;
    const std::string transport = std::string(name_of(config.values.transport)) + " (" +
                                  config.origin_of("transport").text() + ")";
    if (config.values.transport == transport_kind::sync) {
        return diagnostic{severity::warning, at, flag,
                          "has no effect on fd2 run, because transport is " + transport,
                          "it counts with transport: async, and in programs that embed fd2"};
    }
    if (config.values.features.ssh_socketpair_stderr) return std::nullopt;
    return diagnostic{severity::warning, at, flag,
                      "off, and so nothing is captured, because transport is " + transport,
                      "set it to true, or set transport: sync"};
}

}  // namespace fd2::settings
