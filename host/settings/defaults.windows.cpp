#include "settings/defaults.hpp"

#include "settings/settings.hpp"

namespace fd2::settings {

const bool async_captures = false;

std::vector<std::string> usual_sync_backends() {
    return {"tcpshim", "pipe"};
}

std::vector<std::string> usual_async_backends() {
    return {"tokio-like-async", "tcpshim", "pipe"};
}

// Nothing is called /dev/stderr here.
std::vector<capability> usually_required_unless_ssh() {
    return {};
}

}  // namespace fd2::settings
