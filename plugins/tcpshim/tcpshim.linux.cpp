// The `tcpshim` backend: a TCP connection over loopback, as a platform without socketpair needs.
#include <cstdlib>
#include <new>

#include "media/tcp_medium.linux.hpp"

namespace {

struct tcpshim_backend {
    using medium = fd2::plugin::tcp_medium<tcpshim_backend>;
    static constexpr const char* id = "tcpshim";
    static constexpr const char* version = FD2_BACKEND_VERSION;
    static constexpr const char* vendor = "fd2";
    static constexpr const char* description =
        "TCP connection over 127.0.0.1, read by a thread or the host's loop";
    static constexpr const char* thread_name = "fd2-tcpshim";
    static constexpr std::uint64_t caps = medium::caps;
    static constexpr fd2_option_spec options[] = {medium::settle};

    static fd2::plugin::tcp_questions& questions(const fd2_instance& instance) noexcept {
        return *static_cast<fd2::plugin::tcp_questions*>(instance.own);
    }
    static std::int32_t begin(fd2_instance& instance, fd2_error* error) {
        void* memory = malloc(sizeof(fd2::plugin::tcp_questions));
        if (memory == nullptr) return fd2_fail(error, FD2_E_RESOURCE, ENOMEM, "init", "instance");
        instance.own = new (memory) fd2::plugin::tcp_questions;
        return FD2_OK;
    }
    static void end(fd2_instance& instance) noexcept {
        questions(instance).~tcp_questions();
        free(instance.own);
    }
    static std::int32_t describe(fd2_instance& instance, const fd2_carry& carry,
                                 const fd2_options* given, fd2_drain_spec& spec, fd2_error* error) {
        return medium::describe(instance, static_cast<int>(carry.read), given, spec, error);
    }
    static std::int32_t make(fd2_instance& instance, const fd2_options* given, fd2_drain_spec& spec,
                             fd2_error* error) {
        return medium::make(instance, given, spec, error);
    }
};

}  // namespace

FD2_BACKEND(tcpshim_backend)
