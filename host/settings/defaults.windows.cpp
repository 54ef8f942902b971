#include "settings/defaults.hpp"

namespace fd2::settings {

const bool async_captures = false;

std::vector<std::string> usual_sync_backends() {
    return {"tcpshim", "pipe"};
}

std::vector<std::string> usual_async_backends() {
    return {"tokio-like-async", "tcpshim", "pipe"};
}

}  // namespace fd2::settings
