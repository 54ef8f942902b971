// A time of day as people write it.
#pragma once

#include <chrono>
#include <cstdint>

namespace fd2 {

struct utc_time {
    int year, month, day, hour, minute, second;
};

/// `wall`: nanoseconds since 1970.
inline utc_time utc_of(std::int64_t wall) noexcept {
    namespace chrono = std::chrono;
    const chrono::sys_time<chrono::nanoseconds> moment{chrono::nanoseconds(wall)};
    const auto day = chrono::floor<chrono::days>(moment);
    const chrono::year_month_day date(day);
    const chrono::hh_mm_ss time(chrono::floor<chrono::seconds>(moment - day));
    return {static_cast<int>(date.year()),
            static_cast<int>(static_cast<unsigned>(date.month())),
            static_cast<int>(static_cast<unsigned>(date.day())),
            static_cast<int>(time.hours().count()),
            static_cast<int>(time.minutes().count()),
            static_cast<int>(time.seconds().count())};
}

}  // namespace fd2
