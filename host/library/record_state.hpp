// What stands behind a record.
#pragma once

#include <fd2/snapshot.hpp>

#include <memory>
#include <string>
#include <vector>

#include "capture/capture.hpp"
#include "channel/selection.hpp"
#include "transport/forwarding.hpp"

namespace fd2 {

/// The capture of one child's stderr and where it came from. Without a capture the child inherited
/// our stderr.
class record_state {
  public:
    std::shared_ptr<capture::capture> bytes;
    std::shared_ptr<transport::forwarding> forwards;
    std::string backend = "inherit";
    std::string medium;
    bool settles = false;
    channel::fallback_trail trail;

    fd2::snapshot look() const;
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
