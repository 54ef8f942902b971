#include "conformance/words.hpp"

#include <regex>

namespace fd2::conformance {

namespace {

template <std::size_t Size>
std::string word_of(const char* const (&words)[Size], std::int32_t value) {
    const auto at = static_cast<std::size_t>(value);
    return value >= 0 && at < Size && words[at][0] != 0 ? words[at] : std::to_string(value);
}

}  // namespace

std::string code_word(std::int32_t code) {
    static constexpr const char* words[] = {
        "OK",     "UNSUPPORTED", "RESOURCE", "DENIED",         "TIMEDOUT",
        "CONFIG", "INVALID",     "STATE",    "WOULD_DEADLOCK", "INTERNAL"};
    return word_of(words, code);
}

std::string ready_word(std::int32_t answer) {
    static constexpr const char* words[] = {"", "AGAIN", "WAIT", "LATER", "PAUSED", "ENDED"};
    return answer < 0 ? "-" + code_word(-answer) : word_of(words, answer);
}

std::string end_word(std::int32_t reason) {
    static constexpr const char* words[] = {"", "EOF", "DRAINED", "STOPPED", "ERROR"};
    return word_of(words, reason);
}

std::string with_words(std::string_view expected, const std::string& seen) {
    const auto at = expected.find("FD2_");
    if (at == expected.npos) return seen;
    const std::string_view constant = expected.substr(at);
    const auto word = constant.starts_with("FD2_END_") ? end_word
                      : constant.starts_with("FD2_READY_") || (at != 0 && expected[at - 1] == '-')
                          ? ready_word
                      : constant.starts_with("FD2_E_") || constant.starts_with("FD2_OK") ? code_word
                                                                                         : nullptr;
    static const std::regex comparison(R"((-?\d{1,3}) ([=!]=) (-?\d{1,3}))");
    std::smatch found;
    if (word == nullptr || !std::regex_match(seen, found, comparison)) return seen;
    return word(std::stoi(found[1])) + " " + found[2].str() + " " + word(std::stoi(found[3]));
}

}  // namespace fd2::conformance
