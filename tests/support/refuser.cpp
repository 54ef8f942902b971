// A backend that refuses every channel with one code, and says so through the host each time it is
// asked. FD2_REFUSER_ID and FD2_REFUSER_CODE make it one of many.

#include "fd2/plugin.hpp"

namespace {

struct refuser {
    static constexpr const char* id = FD2_REFUSER_ID;
    static constexpr const char* version = "1.0.0";
    static constexpr const char* vendor = "tests";
    static constexpr const char* description = "refuses";
    static constexpr const char* thread_name = "refuser";
    static constexpr std::uint64_t caps = FD2_CAP_WAKE | FD2_CAP_TTY;
    static constexpr fd2_option_spec options[] = {
        {sizeof(fd2_option_spec), FD2_OPTION_BOOL, "unused", "nothing", nullptr, nullptr, 0, 0, 1}};

    static std::int32_t describe(fd2_instance&, const fd2_carry&, const fd2_options*,
                                 fd2_drain_spec&, fd2_error* error) {
        return fd2_fail(error, FD2_REFUSER_CODE, 0, "refused", "adopt");
    }
    static std::int32_t make(fd2_instance& instance, const fd2_options*, fd2_drain_spec&,
                             fd2_error* error) {
        fd2::plugin::say(instance.host, FD2_LOG_INFO, "asked");
        return fd2_fail(error, FD2_REFUSER_CODE, 0, "refused", "open");
    }
};

}  // namespace

FD2_BACKEND(refuser)
