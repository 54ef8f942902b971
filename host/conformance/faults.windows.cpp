// Faults are not injected here, so it does not matter whose work a thread does.
#include "conformance/faults.hpp"

namespace fd2::conformance {

host_code::host_code() noexcept : before_(false) {
    (void)before_;
}

host_code::~host_code() = default;

}  // namespace fd2::conformance
