// Channels that share a loop.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

CHECK_CASE(K11, must, "T6", "a channel that floods does not starve another of the same loop",
           "bounds by bytes what the flood delivers before the other's line comes") {
    const auto& each = tested();
    NEEDS(each->claims(FD2_CAP_EVENT_LOOP), "does not claim EVENT_LOOP");
    // All on one loop, where the number of loops is an option.
    std::vector<fd2_option> options;
    for (std::uint32_t i = 0; i < each->table().option_count; ++i) {
        const auto& spec = each->table().options[i];
        if (std::strcmp(spec.name, "threads") == 0) {
            options.push_back({sizeof(fd2_option), spec.type, spec.name, nullptr, 1});
        }
    }
    // Everything happens on the loop's thread: each delivery writes as much again, so that the
    // object is never found empty, and now and then a line to the other channel. How much the
    // flood delivers until that line comes is what the other one has to wait for.
    recorder flooded;
    recorder quiet;
    flooded.keeps = false;
    fd2::unique_fd flooded_end;
    fd2::unique_fd quiet_end;
    std::atomic<bool> floods{false};
    constexpr std::uint64_t first_size = 30000;
    std::uint64_t written = first_size;
    std::uint64_t asked_at = 0;
    std::uint64_t longest = 0;
    bool asked = false;
    flooded.on_bytes = [&](const std::uint8_t*, std::uint32_t size) {
        if (!floods) return FD2_CONTINUE;
        if (write_pattern(flooded_end.get(), written, size, size)) written += size;
        if (!asked && written - asked_at > 10 * first_size) {
            asked = write_all(quiet_end.get(), "line\n", 5);
            asked_at = written;
        }
        return FD2_CONTINUE;
    };
    quiet.on_bytes = [&](const std::uint8_t*, std::uint32_t) {
        longest = std::max(longest, written - asked_at);
        asked = false;
        return FD2_CONTINUE;
    };
    const auto first = started({each, way::thread}, flooded, options);
    const auto second = started({each, way::thread}, quiet, options);
    flooded_end = first->take_child_end();
    quiet_end = second->take_child_end();
    floods = true;
    REQUIRE(write_pattern(flooded_end.get(), 0, first_size, first_size));
    CHECK(quiet.wait_bytes(100 * 5));
    floods = false;
    first->wind_up(FD2_FINISH_NOW, flooded);
    second->wind_up(FD2_FINISH_NOW, quiet);
    CHECK(longest <= 1 << 20);
}
