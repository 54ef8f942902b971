// A backend's whole life, once through: an instance and three channels, each driven to another end,
// with a pause and a hand-over. Something may fail meanwhile, once.
#pragma once

#include <functional>
#include <string>

#include "conformance/subject.hpp"

namespace fd2::conformance {

/// What has failed.
struct fault {
    int sys_errno = 0;   ///< 0: nothing yet
    bool asked = false;  ///< a call that asks what a descriptor is: it was not recognised
    bool set = false;    ///< a call that sets how one behaves: it may still block its reader
};

/// Lives it. `failed` tells what has failed so far. What was not as the
/// contract says, one line each; empty is good. [inside host_code]
std::string live(const variant& v, const std::function<fault()>& failed);

}  // namespace fd2::conformance
