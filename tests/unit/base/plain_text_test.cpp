#include "base/plain_text.hpp"

#include "support/catch.hpp"

namespace {

std::string plain(std::string_view text) {
    std::string out;
    fd2::append_plain(out, text);
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
