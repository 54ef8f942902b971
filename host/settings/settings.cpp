#include "settings/settings.hpp"

#include "settings/names.hpp"

namespace fd2::settings {

std::string_view name_of(transport_kind v) noexcept {
    return spelled(transport_names, v);
}
std::string_view name_of(capability v) noexcept {
    return spelled(capability_names, v);
}
std::string_view name_of(terminal_policy v) noexcept {
    return spelled(terminal_names, v);
}
std::string_view name_of(writers_policy v) noexcept {
    return spelled(writers_names, v);
}
std::string_view name_of(forward_mode v) noexcept {
    return spelled(forward_names, v);
}
std::string_view name_of(blocked_policy v) noexcept {
    return spelled(blocked_names, v);
}
std::string_view name_of(surface_policy v) noexcept {
    return spelled(surface_names, v);
}
std::string_view name_of(proof_policy v) noexcept {
    return spelled(proof_names, v);
}
std::string_view name_of(swap_policy v) noexcept {
    return spelled(swap_names, v);
}
std::string_view name_of(log_full_policy v) noexcept {
    return spelled(log_full_names, v);
}
std::string_view name_of(report_policy v) noexcept {
    return spelled(report_names, v);
}
std::string_view name_of(trial_policy v) noexcept {
    return spelled(trial_names, v);
}

}  // namespace fd2::settings
