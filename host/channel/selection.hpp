// Which backend carries a channel, and why not an earlier one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "channel/channel.hpp"
#include "settings/settings.hpp"

namespace fd2::channel {

/// One choice that was not taken.
struct trail_entry {
    std::string backend;
    failure why;
};
using fallback_trail = std::vector<trail_entry>;

/// What the caller wants of a channel.
struct wish {
    std::vector<std::string> backends;  ///< in order; ids or absolute paths
    bool callers_word = false;          ///< absolute paths are the caller's, not a file's
    bool inherit = true;                ///< without a backend: go on without a channel
};

/// What came of it. `opened` is null where the child is to inherit our own stderr.
struct selected {
    std::unique_ptr<channel> opened;
    fallback_trail trail;
};

/// Takes the first of `want.backends` that meets `with.require`, is configured rightly, opens and
/// starts. A wrong option stops the search (CONFIG): the operator must see it. So does the end of
/// the list unless `want.inherit`. `trail`, if given, is filled on failure as well.
result<selected> open_channel(backend_pool& pool, const settings::settings& with, const wish& want,
                              channel_setup setup, fallback_trail* trail = nullptr);

/// Whether what is configured for this backend is right by the table that its plugin publishes;
/// loads it, opens nothing. What cannot be loaded has no table: that is no mistake of the options.
status check_configured(backend_pool& pool, const settings::settings& with,
                        const std::string& backend);

/// "reopenable, wake": the capabilities in `bits`, in the order of the contract.
std::vector<std::string> capability_names(std::uint64_t bits);

/// "pipe", "socketpair", "tcp", "pty" or "unknown".
std::string_view medium_name(std::uint32_t medium) noexcept;

}  // namespace fd2::channel
