#include <fd2/exit_status.hpp>

#include "base/failure.hpp"
#include "base/signal_set.hpp"

namespace fd2 {

std::string text_of(exit_status status) {
    switch (status.how()) {
        case exit_status::kind::exited:
            return "status " + std::to_string(status.code());
        case exit_status::kind::signalled:
            return "signal " + signal_name(status.signal());
        case exit_status::kind::lost:
            break;
    }
    return "unknown status (" + errno_name(status.lost_errno()) + ")";
}

int shell_code(exit_status status) noexcept {
    switch (status.how()) {
        case exit_status::kind::exited:
            return status.code();
        case exit_status::kind::signalled:
            return 128 + status.signal();
        case exit_status::kind::lost:
            break;
    }
    return 125;
}

int reference_code(exit_status status) noexcept {
    switch (status.how()) {
        case exit_status::kind::exited:
            return status.code();
        case exit_status::kind::signalled:
            return status.core() ? 15 : 16;
        case exit_status::kind::lost:
            break;
    }
    return 21;
}

}  // namespace fd2
