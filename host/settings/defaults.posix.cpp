#include "settings/defaults.hpp"

namespace fd2::settings {

const bool async_captures = FD2_ASYNC_CAPTURES;

std::vector<std::string> usual_sync_backends() {
    return {"socketpair", "pipe"};
}

std::vector<std::string> usual_async_backends() {
    return {"tokio-like-async", "socketpair", "pipe"};
}

}  // namespace fd2::settings
