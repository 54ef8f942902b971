// What the C++ face adds to the drain kit.
#include <fd2/plugin.hpp>
#include <stdexcept>

#include "support/catch.hpp"

namespace {

enum class beginning { good, fails, throws };

template <beginning How>
struct test_backend {
    static constexpr const char* id = "test";
    static constexpr const char* version = "0.0.0";
    static constexpr const char* vendor = "fd2";
    static constexpr const char* description = "begins, or does not";
    static constexpr const char* thread_name = "fd2-test";
    static constexpr std::uint64_t caps = FD2_CAP_WAKE;
    static constexpr fd2_option_spec options[] = {
        {sizeof(fd2_option_spec), FD2_OPTION_BOOL, "unused", "nothing", nullptr, nullptr, 0, 0, 1}};
    static inline int ended = 0;

    static std::int32_t make(fd2_instance&, const fd2_options*, fd2_drain_spec&, fd2_error* error) {
        return fd2_fail(error, FD2_E_UNSUPPORTED, 0, "open", "");
    }
    static std::int32_t describe(fd2_instance&, const fd2_carry&, const fd2_options*,
                                 fd2_drain_spec&, fd2_error* error) {
        return fd2_fail(error, FD2_E_UNSUPPORTED, 0, "adopt", "");
    }
    static std::int32_t begin(fd2_instance&, fd2_error* error) {
        if (How == beginning::throws) throw std::runtime_error("begin");
        return How == beginning::good ? FD2_OK : fd2_fail(error, FD2_E_DENIED, 0, "init", "begin");
    }
    static void end(fd2_instance&) noexcept { ++ended; }
};

constexpr fd2_host host{sizeof(fd2_host), 0, nullptr, nullptr, nullptr};

template <beginning How>
std::int32_t failed_init() {
    using face = fd2::plugin::glue<test_backend<How>>;
    int nobody = 0;
    auto* const mark = reinterpret_cast<fd2_instance*>(&nobody);
    fd2_instance* instance = mark;
    fd2_error error{};
    error.struct_size = sizeof(error);
    const std::int32_t code = face::init(&host, &instance, &error);
    CHECK(error.code == code);
    CHECK(instance == mark);  // nothing was made, so there is nothing to take down
    CHECK(test_backend<How>::ended == 0);
    return code;
}

}  // namespace

TEST_CASE("an instance whose begin fails or throws was never there") {
    CHECK(failed_init<beginning::fails>() == FD2_E_DENIED);
    CHECK(failed_init<beginning::throws>() == FD2_E_INTERNAL);

    using face = fd2::plugin::glue<test_backend<beginning::good>>;
    CHECK(face::init(&host, nullptr, nullptr) == FD2_E_INVALID);
    CHECK(face::init(nullptr, nullptr, nullptr) == FD2_E_INVALID);
    fd2_instance* instance = nullptr;
    REQUIRE(face::init(&host, &instance, nullptr) == FD2_OK);
    REQUIRE(instance != nullptr);
    CHECK(face::deinit(instance) == FD2_OK);
    CHECK(test_backend<beginning::good>::ended == 1);
}
