#include "settings/defaults.hpp"

#include "settings/settings.hpp"

namespace fd2::settings {

const bool async_captures = FD2_ASYNC_CAPTURES;

std::vector<std::string> usual_sync_backends() {
    return {"socketpair", "pipe"};
}

std::vector<std::string> usual_async_backends() {
    return {"tokio-like-async", "socketpair", "pipe"};
}

std::vector<capability> usually_required_unless_ssh() {
    return {capability::reopenable};
}

}  // namespace fd2::settings
