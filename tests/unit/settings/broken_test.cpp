// The cases of broken_cases.txt: files with mistakes, and the exact words that fd2 has for them.
#include <fstream>
#include <string>

#include "support.hpp"
#include "support/catch.hpp"

namespace {

const std::string table = FD2_TABLES_DIR "/broken_cases.txt";

}  // namespace

TEST_CASE("every broken file is refused with the place, the key and the way out") {
    const scratch files;
    const auto cases = test::read_cases(table);
    REQUIRE(cases.size() >= 40);
    for (const auto& one : cases) {
        DYNAMIC_SECTION(one.name) {
            const auto got = fd2::settings::load_file(files.write(one.name + ".yaml", one.file));
            CHECK_FALSE(got.ok());
            CHECK(test::said(got.diagnostics, files.path()) == one.expected);
        }
    }
}

TEST_CASE("expected words are written down", "[.approve]") {
    const scratch files;
    std::string text = test::read(table);
    text.erase(text.find("\n=== "));
    for (const auto& one : test::read_cases(table)) {
        const auto got = fd2::settings::load_file(files.write(one.name + ".yaml", one.file));
        text += one.source + ">>>\n" + test::said(got.diagnostics, files.path());
    }
    std::ofstream(table, std::ios::binary) << text;
    SUCCEED();
}
