// How a check is written. It runs in a process of its own, with one plugin loaded, and judges with
// Catch2's CHECK and REQUIRE.
//
//   CHECK_CASE(F14, must, "L9",
//              "the child's end blocks, as a child expects of its stderr",
//              "reads its flags before and after start") {
//       const auto v = each_variant();
//       INFO(v);
//       ...
//   }
#pragma once

#include <cstdint>
#include <string>

#include "conformance/catalogue.hpp"

// Debian 12 ships version 2, later systems version 3.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

// Catch2 expands macros in what it says was expected: "join(…) == 0". A report is for people who
// know the contract, so it says FD2_OK, as the check does.
#undef CHECK
#undef CHECK_FALSE
#undef REQUIRE
#define EXPECTING(text, name, how, ...)                                        \
    do {                                                                       \
        const ::fd2::conformance::expectation expecting(text);                 \
        INTERNAL_CATCH_TEST(name, Catch::ResultDisposition::how, __VA_ARGS__); \
    } while (false)
#define CHECK(...) EXPECTING(#__VA_ARGS__, "CHECK", ContinueOnFailure, __VA_ARGS__)
/// In words, where the condition alone would tell an author little.
#define CHECK_SAYS(text, ...) EXPECTING(text, "CHECK", ContinueOnFailure, __VA_ARGS__)
#define REQUIRE(...) EXPECTING(#__VA_ARGS__, "REQUIRE", Normal, __VA_ARGS__)
#define CHECK_FALSE(...) EXPECTING("not " #__VA_ARGS__, "CHECK", ContinueOnFailure, !(__VA_ARGS__))

#define CHECK_CASE(id, grade, rules, title, how)                                                \
    namespace {                                                                                 \
    const ::fd2::conformance::registered registered_##id{#id, ::fd2::conformance::level::grade, \
                                                         rules, title, how};                    \
    }                                                                                           \
    TEST_CASE(#id)

/// A part of a check that runs alone in another process; see run_alone.
#define HELPER(name) TEST_CASE("helper: " name, "[.]")

/// Ends the check: it has nothing to judge in this backend, however it is driven. What was asserted
/// before does not count.
#define SKIP_CHECK(reason)                     \
    do {                                       \
        ::fd2::conformance::note_skip(reason); \
        return;                                \
    } while (false)
#define NEEDS(condition, reason)              \
    do {                                      \
        if (!(condition)) SKIP_CHECK(reason); \
    } while (false)

/// Judges what a function of a check has compared: `wrong` says what was not as `expected`, a
/// sentence, or is empty.
#define JUDGE(expected, wrong)                                     \
    do {                                                           \
        const ::fd2::conformance::expectation expecting(expected); \
        const std::string judged(wrong);                           \
        if (judged.empty()) {                                      \
            SUCCEED();                                             \
        } else {                                                   \
            FAIL_CHECK(judged);                                    \
        }                                                          \
    } while (false)

namespace fd2::conformance {

/// What the assertion that is being judged by this thread says, as it is written.
class expectation {
  public:
    explicit expectation(const char* text) noexcept : outer_(current) { current = text; }
    ~expectation() { current = outer_; }
    expectation(const expectation&) = delete;
    expectation& operator=(const expectation&) = delete;

    static inline thread_local const char* current = nullptr;

  private:
    const char* outer_;
};

/// For the report of the check that runs: why it judged nothing; something worth knowing that is
/// no failure, once.
void note_skip(const std::string& reason);
void note(const std::string& text);
/// The backend has an ability that it does not claim: "REOPENABLE".
void note_unclaimed(const std::string& claim);

/// What the check is about to do: if its process does not come back from it, the report says so.
void about_to(const std::string& what);

/// What --seed says: everything that a check chooses by chance comes from it.
std::uint64_t seed();

/// `count` (bytes, rounds, channels) with --profile all; otherwise the sixteenth part of it, which
/// is enough to see what is usually wrong.
std::uint64_t scaled(std::uint64_t count);

}  // namespace fd2::conformance
