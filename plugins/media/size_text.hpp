// A size in a message, written as in a configuration file.
#pragma once

#include <cstdint>
#include <cstdio>

namespace fd2::plugin {

/// "1GiB", "64KiB", "212992B".
struct size_text {
    char text[32];

    explicit size_text(std::int64_t bytes) noexcept {
        static constexpr const char* units[] = {"B", "KiB", "MiB", "GiB"};
        unsigned unit = 0;
        for (; bytes != 0 && bytes % 1024 == 0 && unit < 3; ++unit) bytes /= 1024;
        (void)snprintf(text, sizeof(text), "%lld%s", static_cast<long long>(bytes), units[unit]);
    }
};

}  // namespace fd2::plugin
