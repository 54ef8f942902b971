// No trial on Windows yet: nothing there asks for one.
#include "conformance/trial.hpp"

namespace fd2::conformance {

channel::trial_outcome try_plugin(int, const std::string&, nanoseconds_t, int) {
    channel::trial_outcome out;
    out.why = {errc::unsupported, 0, "plugins are not tried on Windows"};
    return out;
}

std::vector<finding> live_once(int, const std::string&) {
    return {};
}

}  // namespace fd2::conformance
