#include "cli/screen.hpp"

#include "support/catch.hpp"

using namespace fd2::cli;

namespace {

std::string wrapped(std::string_view text, std::size_t width, std::size_t column = 0,
                    std::size_t indent = 0) {
    std::string out;
    append_wrapped(out, text, width, column, indent);
    return out;
}

}  // namespace

TEST_CASE("a paragraph is broken between words, and only there") {
    CHECK(wrapped("one two three", 7) == "one two\nthree");
    CHECK(wrapped("one two three", 100) == "one two three");
    CHECK(wrapped("one two three", 0) == "one two three");
    CHECK(wrapped("a-word-longer-than-that b", 5) == "a-word-longer-than-that\nb");
    CHECK(wrapped("b a-word-longer-than-that", 5) == "b\na-word-longer-than-that");
    CHECK(wrapped("", 5).empty());
    CHECK(wrapped("two  blanks", 100) == "two  blanks");
}

TEST_CASE("the first line goes on where the text before it ends, the others are indented") {
    CHECK(wrapped("one two three", 9, 4, 2) == "one\n  two\n  three");
    CHECK(wrapped("one two three", 9, 4, 2).find("  two") != std::string::npos);
    CHECK(wrapped("one two", 7, 3, 3) == "one\n   two");
}

TEST_CASE("what is counted is columns, not bytes") {
    CHECK(columns_of("\xc3\xbc\xc3\xbc") == 2);
    CHECK(columns_of("\033[31mred\033[0m") == 3);
    CHECK(columns_of("\033[") == 0);
    CHECK(wrapped("\xc3\xbc\xc3\xbc \xc3\xbc", 4) == "\xc3\xbc\xc3\xbc \xc3\xbc");
}

TEST_CASE("colours are painted where there are some") {
    CHECK(screen{80, false}.paint(ink::red, "x") == "x");
    CHECK(screen{80, true}.paint(ink::red, "x") == "\033[31mx\033[0m");
    CHECK(screen{80, true}.paint(ink::plain, "x") == "x");
    CHECK(parse_when("always") == when::always);
    CHECK_FALSE(parse_when("Always"));
}
