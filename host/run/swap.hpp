// Moves a running channel to the first backend that takes it.
#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "channel/channel.hpp"
#include "channel/selection.hpp"
#include "settings/settings.hpp"

namespace fd2::runs {

/// A backend of the list, or why it cannot be used.
struct candidate {
    std::string name;
    result<channel::shared_backend> backend;
};

/// Those backends as they are installed now: plugins whose files have changed are loaded anew.
std::vector<candidate> candidates(channel::backend_pool& pool, const settings::settings& config,
                                  const std::vector<std::string>& names,
                                  channel::trust_source source = channel::trust_source::verified);

/// Tries them in order, not beyond the entry of the present backend. `done` is called once (see
/// channel_view::hand_over): a failure says why none has taken the channel, which stays where it
/// was. One that has the channel already, in the version that is installed, ends the search:
/// errc::state.
void swap_channel(const channel::channel_view& moved, std::vector<candidate> to,
                  std::function<void(channel::hand_over_result)> done);

}  // namespace fd2::runs
