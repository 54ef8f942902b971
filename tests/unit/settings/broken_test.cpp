// broken/NAME.yaml holds mistakes, broken/NAME.expected the exact words that fd2 has for them.
//
// `test_settings '[.approve]'` rewrites the expected files; read the difference before you keep it.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support.hpp"
#include "support/catch.hpp"

namespace {

std::vector<std::filesystem::path> broken_files() {
    std::vector<std::filesystem::path> out;
    for (const auto& entry : std::filesystem::directory_iterator(FD2_BROKEN_DIR)) {
        if (entry.path().extension() == ".yaml") out.push_back(entry.path());
    }
    std::sort(out.begin(), out.end());
    return out;
}

std::string words_for(const std::filesystem::path& file) {
    const auto got = fd2::settings::load_file(file.string());
    return test::said(got.diagnostics, FD2_BROKEN_DIR);
}

std::filesystem::path expected_for(std::filesystem::path file) {
    return file.replace_extension(".expected");
}

}  // namespace

TEST_CASE("every broken file is refused with the place, the key and the way out") {
    const auto files = broken_files();
    REQUIRE(files.size() >= 40);
    for (const auto& file : files) {
        INFO(file.filename().string());
        CHECK_FALSE(fd2::settings::load_file(file.string()).ok());
        CHECK(words_for(file) == test::read(expected_for(file).string()));
    }
}

TEST_CASE("every expected file belongs to a broken one") {
    for (const auto& entry : std::filesystem::directory_iterator(FD2_BROKEN_DIR)) {
        auto file = entry.path();
        CHECK(std::filesystem::exists(file.replace_extension(".yaml")));
    }
}

TEST_CASE("expected words are written down", "[.approve]") {
    for (const auto& file : broken_files()) {
        std::ofstream(expected_for(file), std::ios::binary) << words_for(file);
    }
    SUCCEED();
}
