// Rules of configuration files: settings for some commands only. What a rule may say, and the order
// in which rules are tried, is in docs/rules.md.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "settings/origin.hpp"

namespace fd2::settings {

/// A run as rules see it. `user` and `machine` are asked only if a rule needs them: they may cost
/// system calls.
struct run_facts {
    std::string command;              ///< the last part of argv[0]
    std::optional<std::string> host;  ///< the remote host, as ssh's command line names it
    std::optional<std::string> link;  ///< the name that fd2 was called by, if it is not its own
    bool terminal = false;            ///< our stderr is one
    std::function<std::string()> user;
    std::function<std::string()> machine;  ///< what tells this machine from others
};

/// What a rollout says, and what came of it.
struct rollout_result {
    std::uint32_t percent = 0;  ///< in hundredths
    std::string salt;
    std::vector<std::string> by;          ///< "host", "user", "command", "machine"
    std::optional<std::uint32_t> bucket;  ///< in hundredths; none: not asked, or a part is missing
};

/// A rule, and what became of it.
struct rule_result {
    enum class outcome : std::uint8_t {
        applies,
        differs,   ///< `why` says in what
        shadowed,  ///< an earlier one applies
        unasked    ///< without a command none is tried
    };
    std::string name;  ///< empty if it has none
    origin at;
    outcome result = outcome::unasked;
    std::string why;
    std::optional<rollout_result> rollout;
    std::vector<std::pair<std::string, origin>> sets;  ///< keys ("capture.tail") and their places

    /// `rule "web" (/etc/fd2/fd2.yaml:3:5)`, or without the name.
    std::string text() const;
};

/// Whether one of the globs of fnmatch(3) matches `text` and none of those behind a `!` does. As in
/// ssh_config(5), a list of negated ones alone matches nothing.
bool matches_patterns(const std::vector<std::string>& patterns, std::string_view text);

}  // namespace fd2::settings
