#include "process/inheritance.hpp"

// There are no signals. Whether Ctrl-C is ignored is inherited, and we leave it as it is.

namespace fd2::process {

result<inherited_state> inherited_state::capture() {
    return inherited_state{};
}

void inherited_state::let_end() noexcept {}

status inherited_state::restore_mask() const {
    return {};
}

status inherited_state::restore_dispositions() const {
    return {};
}

status take_default_sigchld() {
    return {};
}

}  // namespace fd2::process
