// The implementation of a record.
#pragma once

#include <fd2/snapshot.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "capture/capture.hpp"
#include "channel/selection.hpp"
#include "run/forwarding.hpp"

namespace fd2 {

/// The capture of one child's stderr and where it came from. Without a capture the child inherited
/// our stderr.
class record_state {
  public:
    std::shared_ptr<capture::capture> bytes;
    std::shared_ptr<runs::forwarding> forwards;
    std::optional<channel::channel_view> carried;  ///< none: the child inherited our stderr
    std::string medium;
    bool settles = false;
    std::vector<channel::attempt> attempts;

    /// The id of the backend that has the channel now.
    std::string backend() const { return carried ? carried->plugin()->id : "inherit"; }
    fd2::snapshot take_snapshot() const;
    std::string output() const;
    forward::counters forwarded() const;
};

class record_access {
  public:
    static stderr_record make(std::shared_ptr<const record_state> state) {
        stderr_record out;
        out.state_ = std::move(state);
        return out;
    }
};

}  // namespace fd2
