// The `tcpshim` backend on Windows: a TCP connection over loopback, in place of a socket pair.
#include "media/tcp_medium.windows.hpp"

namespace {

struct tcpshim_backend {
    using medium = fd2::plugin::tcp_medium;
    static constexpr const char* id = "tcpshim";
    static constexpr const char* version = FD2_BACKEND_VERSION;
    static constexpr const char* vendor = "fd2";
    static constexpr const char* description =
        "TCP connection over 127.0.0.1, read by a thread or the host's loop";
    static constexpr const char* thread_name = "fd2-tcpshim";
    static constexpr std::uint64_t caps = medium::caps;
    static constexpr fd2_option_spec options[] = {medium::settle};

    static std::int32_t make(fd2_instance&, const fd2_options* given, fd2_drain_spec& spec,
                             fd2_error* error) {
        return medium::make(given, spec, error);
    }
};

}  // namespace

FD2_BACKEND(tcpshim_backend)
