#include "logging/format.hpp"

#include "unit/logging/support.hpp"

using namespace logging_test;

namespace {

std::string time_of(std::int64_t realtime_ns) {
    std::string out;
    append_time(out, realtime_ns);
    return out;
}

}  // namespace

TEST_CASE("times are UTC with microseconds, leap days and years before 1970 included") {
    CHECK(time_of(0) == "1970-01-01T00:00:00.000000Z");
    CHECK(time_of(1709251199'123456789) == "2024-02-29T23:59:59.123456Z");
    CHECK(time_of(4102444800'000001999) == "2100-01-01T00:00:00.000001Z");
    CHECK(time_of(-1) == "1969-12-31T23:59:59.999999Z");
}
