#include "logging/text.hpp"

#include "unit/logging/support.hpp"

using namespace logging_test;

namespace {

std::string quoted(std::string_view text, bool* valid = nullptr) {
    std::string out;
    const bool was_valid = append_json_string(out, text);
    if (valid) *valid = was_valid;
    return out;
}

std::string time_of(std::int64_t realtime_ns) {
    std::string out;
    append_time(out, realtime_ns);
    return out;
}

}  // namespace

TEST_CASE("valid UTF-8 survives JSON, with control characters escaped") {
    std::string all;
    for (char32_t code = 0; code < 0x250; ++code) {
        if (code < 0x80) {
            all += static_cast<char>(code);
        } else {
            all += static_cast<char>(0xC0U | code >> 6U);
            all += static_cast<char>(0x80U | (code & 0x3FU));
        }
    }
    all += "\xE2\x82\xAC \xF0\x9F\x98\x80 \xEF\xBF\xBF \xF4\x8F\xBF\xBF";
    bool valid = false;
    const std::string out = quoted(all, &valid);
    CHECK(valid);
    CHECK(json::parse(out).get<std::string>() == all);
    for (const char c : out) CHECK((static_cast<unsigned char>(c) >= 0x20 && c != 0x7F));
    CHECK(out.find("\xC2\x9B") == out.npos);  // CSI in C1 steers terminals too
}

TEST_CASE("each maximal invalid sequence becomes one replacement character") {
    const auto lossy = [](std::string_view text) {
        bool valid = true;
        const auto out = json::parse(quoted(text, &valid)).get<std::string>();
        CHECK_FALSE(valid);
        return out;
    };
    const std::string r = "\xEF\xBF\xBD";
    CHECK(lossy("a\xFFz") == "a" + r + "z");
    CHECK(lossy("\xE2\x82z") == r + "z");               // cut short: one
    CHECK(lossy("\xF0\x9F\x98") == r);                  // cut at the end: one
    CHECK(lossy("\xC0\xAF") == r + r);                  // overlong
    CHECK(lossy("\xE0\x80\x80") == r + r + r);          // overlong
    CHECK(lossy("\xED\xA0\x80") == r + r + r);          // a surrogate
    CHECK(lossy("\xF4\x90\x80\x80") == r + r + r + r);  // beyond U+10FFFF
    CHECK(lossy("\x80\xBF") == r + r);                  // without a lead
    CHECK(lossy("\xF8\x88\x80\x80\x80").size() == 15);  // five bytes never were characters
    CHECK(lossy("\xF0\x8F\x80\x80") == r + r + r + r);  // overlong
}

TEST_CASE("base64 is RFC 4648's") {
    const auto encoded = [](std::string_view text) {
        std::string out;
        append_base64(out, text);
        return out;
    };
    CHECK(encoded("").empty());
    CHECK(encoded("f") == "Zg==");
    CHECK(encoded("fo") == "Zm8=");
    CHECK(encoded("foo") == "Zm9v");
    CHECK(encoded("foobar") == "Zm9vYmFy");
    CHECK(encoded("\xFF\xEF\xBE") == "/+++");
}

TEST_CASE("times are UTC with microseconds, leap days and years before 1970 included") {
    CHECK(time_of(0) == "1970-01-01T00:00:00.000000Z");
    CHECK(time_of(1709251199'123456789) == "2024-02-29T23:59:59.123456Z");
    CHECK(time_of(4102444800'000001999) == "2100-01-01T00:00:00.000001Z");
    CHECK(time_of(-1) == "1969-12-31T23:59:59.999999Z");
}
