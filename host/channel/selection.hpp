// Which backend carries a channel, and why not an earlier one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "channel/backend_pool.hpp"
#include "channel/channel.hpp"
#include "settings/settings.hpp"

namespace fd2::channel {

/// One choice that was not taken.
struct attempt {
    std::string backend;
    failure why;
};

/// What the caller wants of a channel.
struct open_request {
    std::vector<std::string> backends;  ///< in order; ids or absolute paths
    bool named_by_caller = false;       ///< absolute paths are trusted as the caller's
    bool inherit = true;                ///< without a backend: go on without a channel
    /// What a backend must be able to do besides settings::require; `require-unless-ssh` asks it.
    std::vector<settings::capability> unless_ssh = {};
    /// The order and `unless_ssh` are the built-in ones. Then nobody asked for a backend that lacks
    /// `unless_ssh`, and where another one is opened the attempts do not list it.
    bool all_built_in = false;
};

/// What came of it. `opened` is null where the child is to inherit our own stderr.
struct selected {
    std::unique_ptr<channel> opened;
    std::vector<attempt> attempts;
};

/// Takes the first of `want.backends` that meets `config.require` and `want.unless_ssh`, is
/// configured rightly, opens and starts. A wrong option stops the search (CONFIG): the operator
/// must see it. So does the end of the list unless `want.inherit`. `attempts`, if given, is filled
/// on failure as well.
result<selected> open_channel(backend_pool& pool, const settings::settings& config,
                              const open_request& want, channel_setup setup,
                              std::vector<attempt>* attempts = nullptr);

/// The backend called `name`, to which running channels are to be handed over: as it is installed
/// now, with the options that `config` has for it. UNSUPPORTED if it does not meet
/// `config.require`.
result<shared_backend> backend_to_move_to(backend_pool& pool, const settings::settings& config,
                                          const std::string& name,
                                          trust_source source = trust_source::verified);

/// What is wrong with the options that are configured for this backend, by the table that its
/// plugin publishes; loads it, opens nothing. What cannot be loaded has no table: that is not a
/// mistake in the options.
std::vector<settings::diagnostic> check_configured(backend_pool& pool,
                                                   const settings::settings& config,
                                                   const std::string& backend);

}  // namespace fd2::channel
