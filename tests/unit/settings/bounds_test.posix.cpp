// Hostile files: bounded time (the hang detector is CTest's) and bounded memory.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "settings/read_file.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace fd2::settings;

namespace {

struct cost {
    std::string first;  ///< the first diagnostic
    long grown_kib;     ///< peak memory of the load
};

/// Loads in a child of its own, which is measured.
cost load_apart(const std::string& path) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        rusage before{}, after{};
        ::getrusage(RUSAGE_SELF, &before);
        const loaded got = load_file(path);
        ::getrusage(RUSAGE_SELF, &after);
        const std::string words = std::to_string(after.ru_maxrss - before.ru_maxrss) + ' ' +
                                  (got.diagnostics.empty() ? "" : got.diagnostics[0].text());
        const bool sent =
            ::write(ends[1], words.data(), words.size()) == static_cast<ssize_t>(words.size());
        ::_exit(sent ? 0 : 1);
    }
    ::close(ends[1]);
    std::string words;
    char buffer[4096];
    for (ssize_t got; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
        words.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(ends[0]);
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    INFO(words);
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) == 0);
    const auto space = words.find(' ');
    return {words.substr(space + 1), std::stol(words.substr(0, space))};
}

/// Far above what 64 KiB of text can need, sanitizers included; far below what a bomb would take.
constexpr long enough_kib = 64 * 1024;

std::string repeat(const std::string& piece, std::size_t bytes) {
    std::string out;
    while (out.size() + piece.size() <= bytes) out += piece;
    return out;
}

}  // namespace

TEST_CASE("an anchor bomb does not go off") {
    std::string bomb = "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int level = 1; level < 30; ++level) {
        const std::string below = "*l" + std::to_string(level - 1);
        bomb += "l" + std::to_string(level) + ": &l" + std::to_string(level) + " [" + below;
        for (int i = 0; i < 9; ++i) bomb += ", " + below;
        bomb += "]\n";
    }
    const scratch home;
    const std::string file = home.write("bomb.yaml", bomb);
    const auto got = load_apart(file);
    CHECK(got.first ==
          file +
              ":1:5: error: l0: anchors are not supported; write the value out where it is needed");
    CHECK(got.grown_kib < enough_kib);
}

TEST_CASE("ten thousand levels of nesting do not reach the end of the stack") {
    const scratch home;
    const std::string open(10'000, '['), braces = repeat("{a: ", 40'000),
                                         dashes = repeat("- ", 20'000),
                                         questions = repeat("? ", 20'000);
    std::string stairs;
    for (std::size_t i = 0; i < 350; ++i) stairs += std::string(i, ' ') + "a:\n";
    for (const std::string& text : {open, open + std::string(10'000, ']'), braces, dashes,
                                    questions, stairs, repeat("[{", 20'000), repeat("!a ", 20'000),
                                    repeat("&a ", 20'000), repeat("a: ", 20'000)}) {
        INFO(text.substr(0, 20));
        const auto got = load_apart(home.write("deep.yaml", text));
        CHECK(got.first.find("error: ") != std::string::npos);
        CHECK(got.grown_kib < enough_kib);
    }
}

TEST_CASE("a file of 100 MB is refused after its first 64 KiB") {
    const scratch home;
    const std::string file = home.write("huge.yaml", "transport: sync\n");
    REQUIRE(::truncate(file.c_str(), 100'000'000) == 0);
    const auto got = load_apart(file);
    CHECK(got.first == file +
                           ": error: is larger than 64KiB; a configuration file is a few lines; is "
                           "this the right file?");
    CHECK(got.grown_kib < enough_kib);
}

TEST_CASE("the limit is exact") {
    const scratch home;
    const std::string line = "transport: async\n#";
    const std::string full = line + std::string(largest_file - line.size(), 'x');
    CHECK(load_file(home.write("full.yaml", full)).ok());
    CHECK_FALSE(load_file(home.write("over.yaml", full + 'x')).ok());
}

TEST_CASE("a file that does not tell its size is read up to the limit") {
    const std::string endless = "/proc/kallsyms";
    if (::access(endless.c_str(), R_OK) != 0) {
        WARN("skipped: no " << endless);
        return;
    }
    const auto got = load_apart(endless);
    CHECK(got.first.find("is larger than 64KiB") != std::string::npos);
    CHECK(got.grown_kib < enough_kib);
}

TEST_CASE("whatever fills a file, the work is bounded") {
    const scratch home;
    for (const std::string piece :
         {"[",    "{",      "]",     "- ",     "? ",  ": ",      "a: ",    "[a: ", "{a: ", "[\n",
          "#",    "\n",     "---\n", "\"a\" ", "'",   "\"\\",    "k: v\n", "*a ",  "%A\n", " \n",
          "|\n ", "x\n y ", "<<: ",  "~: ",    "a,b", "a: [b, ", "...\n",  ",",    "&",    "!"}) {
        INFO(piece);
        for (const std::string before : {"", "a: ["}) {
            const loaded got = load_file(
                home.write("fill.yaml", before + repeat(piece, largest_file - before.size())));
            CHECK(got.diagnostics.size() <= report::limit + 1);
        }
    }
    // On one line, each place is a column to be counted: that must not cost a line each time.
    CHECK(load_file(home.write("line.yaml", "require: [" + repeat("x,", largest_file - 11) + "]"))
              .diagnostics[0]
              .message == "the list has 32762 items");
    // Ten thousand different keys, each with its own mistake.
    std::string keys;
    for (int i = 0; keys.size() + 16 < largest_file; ++i) keys += "k" + std::to_string(i) + ": v\n";
    CHECK(load_file(home.write("keys.yaml", keys)).diagnostics.size() == report::limit + 1);
}
