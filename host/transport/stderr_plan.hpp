// What the settings want of a connection's stderr, by transport and flag.
#pragma once

#include <string>

#include "channel/selection.hpp"
#include "settings/settings.hpp"

namespace fd2::transport {

struct stderr_plan {
    bool carried = true;      ///< false: the child inherits our stderr, by choice
    std::string why_inherit;  ///< then: for people
    channel::wish want;       ///< otherwise: what to select from
};

/// `callers_word`: the caller named the backends in this very call. Then the flag has no say, and
/// there is no falling back to inherit.
stderr_plan plan_stderr(const settings::settings& with, settings::transport_kind transport,
                        bool callers_word);

}  // namespace fd2::transport
