#include "base/base64.hpp"

#include <string>
#include <utility>

#include "support/catch.hpp"

using namespace fd2;

TEST_CASE("base64 is RFC 4648's, both ways") {
    const std::pair<std::string_view, std::string_view> known[] = {
        {"", ""},        {"f", "Zg=="},          {"fo", "Zm8="},
        {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}, {"\xFF\xEF\xBE", "/+++"}};
    for (const auto& [bytes, text] : known) {
        std::string out;
        append_base64(out, bytes);
        CHECK(out == text);
        CHECK(decode_base64(text) == bytes);
    }
    std::string all, text;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    append_base64(text, all);
    CHECK(decode_base64(text) == all);
}

TEST_CASE("what is not base64 is not decoded") {
    for (const char* const bad : {"Z", "Zg=", "Z===", "Zg==Zg==", "Z=g=", "Zg!=", "Zm9v\n"}) {
        CAPTURE(bad);
        CHECK_FALSE(decode_base64(bad));
    }
}
