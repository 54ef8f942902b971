// The methods of the interface org.fd2.control, and those that every Varlink service has.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "control/controlled.hpp"
#include "control/peer.hpp"

namespace fd2::control {

/// The interface description, as org.varlink.service has it.
std::string_view interface_description() noexcept;

/// Answers one message of a peer's. `reply` is called once, perhaps later and from another thread,
/// with what is to be sent to the peer: nothing, where the call wants no answer. A call
/// that follows lines sets the peer's feed, whose lines `follow_up` turns into messages. `ring` is
/// that feed's. False: the message is none, and the peer is to be disconnected.
bool serve_message(peer& from, std::string_view message, controlled& host,
                   const std::function<void()>& ring, std::function<void(std::string)> reply);

/// The next reply of a call that follows; empty if nothing has come. `over`: it is the last one.
std::string follow_up(peer& to, bool& over);

}  // namespace fd2::control
