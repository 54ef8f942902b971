#include "transport/stderr_plan.hpp"

namespace fd2::transport {

stderr_plan plan_stderr(const settings::settings& with, settings::transport_kind transport,
                        bool callers_word) {
    stderr_plan out;
    const bool async = transport == settings::transport_kind::async;
    if (async && !with.features.ssh_socketpair_stderr && !callers_word) {
        out.carried = false;
        out.why_inherit = "transport async with features.ssh-socketpair-stderr off";
        return out;
    }
    out.want.backends = async ? with.backends.async : with.backends.sync;
    out.want.callers_word = callers_word;
    out.want.inherit = with.fallback.inherit && !callers_word;
    return out;
}

}  // namespace fd2::transport
