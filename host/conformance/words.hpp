// Constants of the contract as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fd2::conformance {

/// "STATE", "OK"; a number that is no code stays one.
std::string code_word(std::int32_t code);
/// What on_ready returned: "WAIT", or "-STATE".
std::string ready_word(std::int32_t answer);
/// Why a channel ended: "EOF".
std::string end_word(std::int32_t reason);

/// What an assertion saw, "7 == 6", with words in the place of the numbers, "STATE == INVALID",
/// where `expected` compares with constants of the contract.
std::string with_words(std::string_view expected, const std::string& seen);

}  // namespace fd2::conformance
