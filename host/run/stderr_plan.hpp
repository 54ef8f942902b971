// What is to be done with a connection's stderr, by the settings, the transport and the flag.
#pragma once

#include <string>
#include <string_view>

#include "channel/selection.hpp"
#include "settings/settings.hpp"

namespace fd2::runs {

struct stderr_plan {
    bool captures = true;        ///< false: the child inherits our stderr, by choice
    std::string why_inherit;     ///< if not: the reason, for messages
    channel::open_request want;  ///< if so: what to select from
};

/// The shipped backend whose stderr is a terminal. It is in no built-in list: it holds little, and
/// commands print more to a terminal than a record needs.
inline constexpr std::string_view terminal_backend = "pty";

/// It is tried first.
void prefer_terminal(stderr_plan& plan);

/// Nothing is captured while `enabled` is false, whatever was named.
///
/// A built-in list is preceded by the terminal where a terminal is required.
///
/// `named_by_caller`: the caller named the backends in this very call. Then the flag does not
/// count, and there is no falling back to inherit.
stderr_plan plan_stderr(const settings::settings& config, settings::transport_kind transport,
                        bool named_by_caller);

}  // namespace fd2::runs
