#include "base/signal_mask.hpp"

namespace fd2 {

signals_blocked::signals_blocked() noexcept : before_{} {}
signals_blocked::signals_blocked(int) noexcept : before_{} {}
signals_blocked::~signals_blocked() = default;
sigpipe_blocked::sigpipe_blocked() noexcept = default;
void swallow_signal(int) noexcept {}
void swallow_sigpipe() noexcept {}

}  // namespace fd2
