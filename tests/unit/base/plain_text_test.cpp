#include "base/plain_text.hpp"

#include <nlohmann/json.hpp>

#include "support/catch.hpp"

using fd2::plain;
using nlohmann::json;

namespace {

std::string quoted(std::string_view text, bool* valid = nullptr) {
    std::string out;
    const bool was_valid = fd2::append_json_string(out, text);
    if (valid) *valid = was_valid;
    return out;
}

}  // namespace

TEST_CASE("nothing in a message for people moves a cursor") {
    CHECK(plain("caf\xC3\xA9 \xE2\x82\xAC") == "caf\xC3\xA9 \xE2\x82\xAC");
    CHECK(plain("a\nb\tc\rd") == "a\\nb\\tc\\rd");
    CHECK(plain("\x1B[2J\x7F") == "\\x1b[2J\\x7f");
    CHECK(plain("\xC2\x9B") == "\\xc2\\x9b");
    CHECK(plain("\xFFx\xE2\x82") == "\\xffx\\xe2\\x82");
    CHECK(plain(std::string_view("\0", 1)) == "\\x00");
}

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

TEST_CASE("JSON of a library gets its last controls escaped, and stays what it was") {
    std::string text = json({{"k", "a\x7F\xC2\x9B\xC3\xA9\n\xC2\x80"}}).dump();
    const json before = json::parse(text);
    fd2::escape_controls(text);
    CHECK(text == "{\"k\":\"a\\u007f\\u009b\xC3\xA9\\n\\u0080\"}");
    CHECK(json::parse(text) == before);
    std::string harmless = "{\"k\":\"\xC3\xA9\"}";
    fd2::escape_controls(harmless);
    CHECK(harmless == "{\"k\":\"\xC3\xA9\"}");
}

TEST_CASE("control characters become blanks where one line is wanted") {
    CHECK(fd2::blank_controls(std::string_view("a\0b\n\x7F\xC3\xA9", 7)) == "a b  \xC3\xA9");
}
