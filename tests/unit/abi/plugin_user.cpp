// The C++ face, compiled by every compiler and standard that is promised. Nothing here is run.
#include "fd2/plugin.hpp"

namespace {
struct test_backend {
    static constexpr const char* id = "test";
    static constexpr const char* version = "0.0.0";
    static constexpr const char* vendor = "fd2";
    static constexpr const char* description = "compiled, never run";
    static constexpr const char* thread_name = "fd2-test";
    static constexpr std::uint64_t caps = FD2_CAP_WAKE;
    static constexpr fd2_option_spec options[] = {
        {sizeof(fd2_option_spec), FD2_OPTION_ENUM, "mode", "one of two", "a|b", "a", 0, 0, 0}};

    static std::int32_t make(fd2_instance& instance, const fd2_options* given, fd2_drain_spec&,
                             fd2_error* error) {
        fd2::plugin::say(instance.host, FD2_LOG_INFO, fd2_option_text(given, "mode", "a"));
        return fd2_fail(error, FD2_E_UNSUPPORTED, 0, "open", "");
    }
    static std::int32_t describe(fd2_instance&, const fd2_carry&, const fd2_options*,
                                 fd2_drain_spec&, fd2_error* error) {
        return fd2_fail(error, FD2_E_UNSUPPORTED, 0, "adopt", "");
    }
    static std::int32_t begin(fd2_instance&, fd2_error*) { return FD2_OK; }
    static void end(fd2_instance&) noexcept {}
    static std::int32_t start(fd2_channel* channel, fd2_error* error) {
        static constexpr fd2_drain_loop loop = {nullptr};
        return fd2_drain_start_on(channel, &loop, nullptr, error);
    }
};

/// What may be left out is.
struct least_backend {
    static constexpr const char* id = "least";
    static constexpr const char* version = "0.0.0";
    static constexpr const char* vendor = "fd2";
    static constexpr const char* description = "compiled, never run";
    static constexpr const char* thread_name = "fd2-least";
    static constexpr std::uint64_t caps = FD2_CAP_WAKE;
    static std::int32_t make(fd2_instance&, const fd2_options*, fd2_drain_spec&, fd2_error* error) {
        return fd2_fail(error, FD2_E_UNSUPPORTED, 0, "open", "");
    }
};
static_assert(fd2::plugin::glue<least_backend>::table.option_count == 0);
static_assert(fd2::plugin::glue<least_backend>::table.options == nullptr);
}  // namespace

FD2_BACKEND(test_backend)
