// A backend that refuses every channel with one code, and says so through the host each time it is
// asked. FD2_REFUSER_ID and FD2_REFUSER_CODE make it one of many; FD2_REFUSER_AT says when it
// refuses: REFUSE_INIT, REFUSE_OPEN or REFUSE_START.
#include <fcntl.h>
#include <unistd.h>

#include "fd2/plugin.hpp"

#define REFUSE_INIT 1
#define REFUSE_OPEN 2
#define REFUSE_START 3
#ifndef FD2_REFUSER_AT
#define FD2_REFUSER_AT REFUSE_OPEN
#endif

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

    static std::int32_t asked(fd2_instance& instance, const char* what, fd2_error* error) {
        fd2::plugin::say(instance.host, FD2_LOG_INFO, "asked");
        return fd2_fail(error, FD2_REFUSER_CODE, 0, "refused", what);
    }
    static std::int32_t begin(fd2_instance& instance, fd2_error* error) {
        return FD2_REFUSER_AT == REFUSE_INIT ? asked(instance, "init", error) : FD2_OK;
    }
    static void end(fd2_instance&) noexcept {}

    static std::int32_t describe(fd2_instance&, const fd2_carry&, const fd2_options*,
                                 fd2_drain_spec&, fd2_error* error) {
        return fd2_fail(error, FD2_REFUSER_CODE, 0, "refused", "adopt");
    }
    static std::int32_t make(fd2_instance& instance, const fd2_options*, fd2_drain_spec& spec,
                             fd2_error* error) {
        if (FD2_REFUSER_AT == REFUSE_OPEN) return asked(instance, "open", error);
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0) return fd2_fail(error, FD2_E_RESOURCE, errno, "pipe2", "");
        spec.read_end = ends[0];
        spec.child_end = ends[1];
        return FD2_OK;
    }
    static std::int32_t start(fd2_channel* channel, fd2_error* error) {
        return asked(*channel->instance, "start", error);
    }
};

}  // namespace

FD2_BACKEND(refuser)
