#include "base/failure.hpp"

#include "base/system_code.hpp"

namespace fd2 {

std::string_view name_of(errc code) noexcept {
    switch (code) {
        case errc::ok:
            return "ok";
        case errc::unsupported:
            return "unsupported";
        case errc::resource:
            return "resource";
        case errc::denied:
            return "denied";
        case errc::timedout:
            return "timedout";
        case errc::config:
            return "config";
        case errc::invalid:
            return "invalid";
        case errc::state:
            return "state";
        case errc::would_deadlock:
            return "would-deadlock";
        case errc::internal:
            return "internal";
    }
    return "unknown";
}

failure system_failure(std::string_view operation, std::string_view object, int sys_errno) {
    std::string text(operation);
    text += ": ";
    if (!object.empty()) {
        text += object;
        text += ": ";
    }
    text += reason_of(sys_errno);
    text += " (" + errno_name(sys_errno) + ")";
    return {classify(sys_errno), sys_errno, std::move(text), operation.size(), object.size(), {}};
}

std::string text_of(const failure& why) {
    return why.advice.empty() ? why.message : why.message + "; " + why.advice;
}

}  // namespace fd2
