// Errors: filled on failure and on nothing else.
#include <cstring>

#include "base/utf8.hpp"
#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

namespace {

/// An error that shows whether it was written to.
struct marked_error {
    struct {
        fd2_error error;
        unsigned char beyond[64];
    } memory;

    explicit marked_error(std::uint32_t size) {
        std::memset(static_cast<void*>(&memory), 0x5a, sizeof(memory));
        memory.error.struct_size = size;
    }
    fd2_error* get() { return &memory.error; }
    /// Nothing from there on has changed.
    bool untouched_from(std::size_t offset) const {
        const auto* at = reinterpret_cast<const unsigned char*>(&memory);
        for (std::size_t i = offset; i < sizeof(memory); ++i) {
            if (at[i] != 0x5a) return false;
        }
        return true;
    }
    bool untouched() const { return untouched_from(sizeof(std::uint32_t)); }
};

/// One call that can fail, told where its error goes.
using failing_call = std::function<std::int32_t(fd2_error*)>;

void check_success(const char* name, const failing_call& call) {
    INFO(name);
    marked_error error(sizeof(fd2_error));
    REQUIRE(call(error.get()) == FD2_OK);
    CHECK(error.untouched());
}

void check_failure(const char* name, std::int32_t wanted, const failing_call& call) {
    INFO(name);
    marked_error filled(sizeof(fd2_error) + 32);  // of a newer host
    CHECK(call(filled.get()) == wanted);
    const fd2_error& error = filled.memory.error;
    CHECK(error.code == wanted);
    CHECK((error.flags & ~FD2_ERROR_TRANSIENT) == 0);
    const std::size_t length = ::strnlen(error.message, sizeof(error.message));
    CHECK(length > 0);
    CHECK(length < sizeof(error.message));
    const std::string text(error.message, length);
    CHECK(text.find('\n') == text.npos);
    std::string_view rest = text;
    bool valid = true;
    while (!rest.empty()) {
        const auto step = fd2::decode_utf8(rest);
        valid = valid && step.valid;
        rest.remove_prefix(std::max<std::size_t>(step.size, 1));
    }
    CHECK(valid);
    CHECK(filled.untouched_from(sizeof(fd2_error)));
    CHECK(call(nullptr) == wanted);
    for (const std::size_t size : {sizeof(std::uint32_t), offsetof(fd2_error, message)}) {
        marked_error shorter(static_cast<std::uint32_t>(size));
        CHECK(call(shorter.get()) == wanted);
        CHECK(shorter.untouched());
    }
}

}  // namespace

CHECK_CASE(E01, must, "E2", "a call that succeeds does not touch the error",
           "gives each call that can fail an error that is full of marks") {
    const auto v = each_variant();
    INFO(v);
    const auto& table = v.tested->table();
    const fd2_host host{sizeof(fd2_host), 0, nullptr, nullptr, nullptr};
    fd2_instance* instance = nullptr;
    check_success("init", [&](fd2_error* error) { return table.init(&host, &instance, error); });
    recorder into;
    const fd2_sink sink = into.sink();
    fd2_channel* channel = nullptr;
    check_success("open", [&](fd2_error* error) {
        return table.open(instance, nullptr, &sink, &channel, error);
    });
    fd2_native end = FD2_NATIVE_NONE;
    check_success("take_child_end", [&](fd2_error* error) {
        return v.tested->ops().take_child_end(channel, &end, error);
    });
    const fd2::unique_fd writer(static_cast<int>(end));
    const auto begin = [&](fd2_error* error) {
        fd2_native watched = FD2_NATIVE_NONE;
        return v.driven == way::thread
                   ? v.tested->ops().start(channel, error)
                   : v.tested->pollable()->attach_poll(channel, &watched, error);
    };
    check_success(v.driven == way::thread ? "start" : "attach_poll", begin);
    if (v.tested->handover() != nullptr) {
        fd2_carry carry{};
        carry.struct_size = sizeof(carry);
        check_success("release", [&](fd2_error* error) {
            return v.tested->handover()->release(channel, &carry, error);
        });
        REQUIRE(v.tested->ops().close(channel) == FD2_OK);
        check_success("adopt", [&](fd2_error* error) {
            return v.tested->handover()->adopt(instance, nullptr, &carry, &sink, &channel, error);
        });
        check_success("start after adopt", begin);
    }
    CHECK(v.tested->ops().finish(channel, FD2_FINISH_NOW) == FD2_OK);
    CHECK(v.tested->ops().join(channel, hang()) == FD2_OK);
    CHECK(v.tested->ops().close(channel) == FD2_OK);
    CHECK(table.deinit(instance) == FD2_OK);
}

CHECK_CASE(E02, must, "E2 S3 S2",
           "a call that fails fills the error, whole and readable, and takes NULL for one",
           "makes each call that can fail do so: with a larger error, none, and shorter ones, "
           "which stay as they are") {
    const auto v = each_variant();
    INFO(v);
    const auto& table = v.tested->table();
    const auto& ops = v.tested->ops();
    recorder into;
    const fd2_sink sink = into.sink();
    fd2_instance* instance = nullptr;
    fd2_channel* none = nullptr;
    fd2_native end = FD2_NATIVE_NONE;
    check_failure("init without a host", FD2_E_INVALID,
                  [&](fd2_error* error) { return table.init(nullptr, &instance, error); });
    check_failure("open without a sink", FD2_E_INVALID, [&](fd2_error* error) {
        return table.open(v.tested->instance(), nullptr, nullptr, &none, error);
    });
    const fd2_option unknown{sizeof(fd2_option), FD2_OPTION_INT, "no-such-option", nullptr, 1};
    const fd2_options given{sizeof(fd2_options), 1, sizeof(fd2_option), 0, &unknown};
    check_failure("open with an unknown option", FD2_E_CONFIG, [&](fd2_error* error) {
        return table.open(v.tested->instance(), &given, &sink, &none, error);
    });
    driver channel(v, into);
    REQUIRE(channel.code() == FD2_OK);
    check_failure("take_child_end without a channel", FD2_E_INVALID,
                  [&](fd2_error* error) { return ops.take_child_end(nullptr, &end, error); });
    check_failure("start without a channel", FD2_E_INVALID,
                  [&](fd2_error* error) { return ops.start(nullptr, error); });
    auto writer = channel.take_child_end();
    REQUIRE(channel.start() == FD2_OK);
    check_failure("take_child_end once more", FD2_E_STATE,
                  [&](fd2_error* error) { return ops.take_child_end(channel.raw(), &end, error); });
    check_failure("start once more", FD2_E_STATE,
                  [&](fd2_error* error) { return ops.start(channel.raw(), error); });
    if (v.tested->pollable() != nullptr) {
        check_failure("attach_poll once more", FD2_E_STATE, [&](fd2_error* error) {
            return v.tested->pollable()->attach_poll(channel.raw(), &end, error);
        });
    }
    if (v.tested->handover() != nullptr) {
        fd2_carry carry{};
        check_failure("release without a carry", FD2_E_INVALID, [&](fd2_error* error) {
            return v.tested->handover()->release(channel.raw(), nullptr, error);
        });
        check_failure("adopt without a carry", FD2_E_INVALID, [&](fd2_error* error) {
            return v.tested->handover()->adopt(v.tested->instance(), nullptr, nullptr, &sink, &none,
                                               error);
        });
        channel.wind_up(FD2_FINISH_NOW, into);
        recorder unused;
        driver fresh(v, unused);
        REQUIRE(fresh.code() == FD2_OK);
        carry.struct_size = sizeof(carry);
        check_failure("release before start", FD2_E_STATE, [&](fd2_error* error) {
            return v.tested->handover()->release(fresh.raw(), &carry, error);
        });
    }
}
