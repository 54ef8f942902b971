#include "channel/trial.hpp"

#include <cerrno>
#include <sstream>

#include "base/plain_text.hpp"

namespace fd2::channel {

namespace {
constexpr const char* first_word = "fd2-trial";
constexpr int last_kind = static_cast<int>(trial_outcome::kind::untried);
}  // namespace

std::string line_of(const trial_outcome& outcome) {
    std::ostringstream out;
    out << first_word << ' ' << static_cast<int>(outcome.what) << ' '
        << static_cast<int>(outcome.why.code) << ' ' << outcome.why.sys_errno << ' '
        << (outcome.tried_by.empty() ? "-" : outcome.tried_by) << ' '
        << blank_controls(text_of(outcome.why));
    return out.str();
}

std::optional<trial_outcome> outcome_of(std::string_view line) {
    std::istringstream in{std::string(line)};
    std::string word;
    int what = -1;
    int code = 0;
    trial_outcome out;
    if (!(in >> word >> what >> code >> out.why.sys_errno >> out.tried_by) || word != first_word ||
        what < 0 || what > last_kind || code < static_cast<int>(errc::unsupported) ||
        code > static_cast<int>(errc::internal)) {
        return std::nullopt;
    }
    out.what = static_cast<trial_outcome::kind>(what);
    out.why.code = static_cast<errc>(code);
    std::getline(in >> std::ws, out.why.message);
    return out;
}

}  // namespace fd2::channel
