#include <fd2/exit_status.hpp>

#include <array>
#include <cstdio>

#include "base/failure.hpp"
#include "base/signal_set.hpp"

namespace fd2 {

namespace {

/// Windows has 32 bits, and gives those above 0x80000000 a meaning by which they are known:
/// 0xC0000005 is an access violation.
std::string in_hexadecimal(int code) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "0x%08X", static_cast<unsigned>(code));
    return text.data();
}

}  // namespace

std::string text_of(exit_status status) {
    switch (status.how()) {
        case exit_status::kind::exited:
            if (status.code() < 0) return "status " + in_hexadecimal(status.code());
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
