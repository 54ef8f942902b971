#include "logging/stop_signal.hpp"

namespace fd2::logging {

// Nothing that a log is written to there says that it would block.
status stop_signal::prepare() {
    return {};
}

void stop_signal::set() noexcept {}

bool stop_signal::wait_writable(int, bool, int) const noexcept {
    return false;
}

void name_this_thread(const char*) noexcept {}

}  // namespace fd2::logging
