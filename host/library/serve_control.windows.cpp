#include "library/serve_control.hpp"

namespace fd2 {

result<std::shared_ptr<void>> serve_control(host_state&) {
    return failure{errc::unsupported, 0, "not on Windows"};
}

}  // namespace fd2
