#include "library/stopping.hpp"

#include <algorithm>

#include "process/spawn.hpp"

namespace fd2 {

namespace {

nanoseconds_t length_of(const stop_action& step) noexcept {
    const auto count = std::max<std::chrono::milliseconds::rep>(step.timeout.count(), 0);
    if (count == 0 && step.action == stop::kill) return never;
    return count > never / millisecond ? never : count * millisecond;
}

int signal_of(stop action) noexcept {
    switch (action) {
        case stop::terminate:
            return process::asked_to_end;
        case stop::kill:
            return process::killed;
        case stop::noop:
        case stop::wait:
            break;
    }
    return 0;
}

}  // namespace

bool stopping::is_zero(const stop_actions& what) noexcept {
    return what.first.action == stop::noop && what.second.action == stop::noop &&
           what.third.action == stop::noop;
}

int stopping::next(nanoseconds_t present) noexcept {
    while (at_ < actions_.size()) {
        const stop_action& action = actions_[at_++];
        if (action.action == stop::noop) continue;
        until_ = after(present, length_of(action));
        return signal_of(action.action);
    }
    over_ = true;
    until_ = never;
    return 0;
}

}  // namespace fd2
