// What came of a check.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace fd2::conformance {

using json = nlohmann::ordered_json;  // keys stay in the order in which they are written

enum class status {
    pass,
    fail,    ///< the check saw something that the contract forbids
    crash,   ///< its process ended before it had answered
    hang,    ///< it did not answer in time
    skip,    ///< nothing to judge; `reason` says why
    warn,    ///< failed, crashed or hung, and the check is no `must`
    waived,  ///< likewise, and a waiver names it
};
std::string_view name_of(status what) noexcept;
/// It stands against the backend.
constexpr bool is_bad(status what) noexcept {
    return what == status::fail || what == status::crash || what == status::hang;
}

/// One assertion that did not hold.
struct finding {
    std::string expected;              ///< as the check is written: "into.reason() == FD2_END_EOF"
    std::string seen;                  ///< with values: "4 == 1"
    std::string where;                 ///< file:line of the check
    std::vector<std::string> context;  ///< what it was about: "pipe, polled"
};

/// What a plugin says of itself.
struct description {
    std::string id;
    std::string version;
    std::string vendor;
    std::string text;
    std::string medium;
    std::vector<std::string> capabilities;
};

/// What a check's process reports.
struct report {
    std::vector<finding> findings;
    std::vector<std::string> notes;
    std::size_t left_out = 0;  ///< findings beyond the first ones
    std::string skipped;       ///< why nothing was judged
    unsigned judged = 0;       ///< assertions, those that held included
    bool over = false;         ///< false: what was found so far
    description plugin;        ///< of "describe" only
};

struct verdict {
    std::string id;  ///< of the check
    status what = status::pass;
    std::string reason;  ///< of a crash, a hang, a skip, a waiver: "crashed (SIGSEGV)"
    std::vector<finding> findings;
    std::size_t left_out = 0;  ///< findings beyond these
    std::vector<std::string> notes;
    std::vector<std::string> threads;  ///< of a hang: what its threads were doing
    std::vector<std::string> left;     ///< processes that it left behind; they were killed
    std::string output;                ///< the end of what its process wrote to stdout and stderr
    double seconds = 0;
    bool began = false;  ///< its process has reported something
    int signal = 0;      ///< of a crash: what ended its process; 0: it left by itself, with
    int code = 0;        ///< this exit status
};

void to_json(json& out, const finding& from);
void to_json(json& out, const verdict& from);
void to_json(json& out, const description& from);

/// A report as a check's process writes it, and back. False: damaged.
std::string serialize(const report& from);
bool deserialize(std::string_view text, report& out);

}  // namespace fd2::conformance
