#include "run/stderr_plan.hpp"

#include <algorithm>

namespace fd2::runs {

void prefer_terminal(stderr_plan& plan) {
    auto& list = plan.want.backends;
    if (std::find(list.begin(), list.end(), terminal_backend) == list.end()) {
        list.insert(list.begin(), std::string(terminal_backend));
    }
}

stderr_plan plan_stderr(const settings::settings& config, settings::transport_kind transport,
                        bool named_by_caller) {
    stderr_plan out;
    if (!config.enabled) {
        out.captures = false;
        out.why_inherit = "fd2 is disabled (enabled: false)";
        return out;
    }
    const bool async = transport == settings::transport_kind::async;
    if (async && !config.features.ssh_socketpair_stderr && !named_by_caller) {
        out.captures = false;
        out.why_inherit = "transport async with features.ssh-socketpair-stderr off";
        return out;
    }
    const settings::backend_settings built_in;
    const auto& list = async ? config.backends.async : config.backends.sync;
    out.want.backends = list;
    const auto& required = config.require;
    if (list == (async ? built_in.async : built_in.sync) &&
        std::find(required.begin(), required.end(), settings::capability::tty) != required.end()) {
        prefer_terminal(out);
    }
    out.want.named_by_caller = named_by_caller;
    out.want.inherit = config.fallback.inherit && !named_by_caller;
    return out;
}

}  // namespace fd2::runs
