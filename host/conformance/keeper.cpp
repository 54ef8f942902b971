#include "conformance/keeper.hpp"

#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/signal_set.hpp"

namespace fd2::conformance {

namespace {

constexpr std::size_t shown_output = 4096;
#ifdef FD2_SANITIZED
constexpr bool output_counts = false;
#else
constexpr bool output_counts = true;
#endif

/// The newest record that begins with the nonce: what a plugin wrote before it does not count.
bool find_report(const std::string& text, const std::string& nonce, report& out) {
    const std::string mark = "\nfd2-report " + nonce + " ";
    const auto at = text.rfind(mark);
    if (at == text.npos) return false;
    const auto line = text.find('\n', at + mark.size());
    if (line == text.npos) return false;
    const auto size = std::strtoull(text.c_str() + at + mark.size(), nullptr, 10);
    return text.size() - line - 1 >= size &&
           deserialize(std::string_view(text).substr(line + 1, size), out);
}

}  // namespace

kept_check::kept_check(std::string check, nanoseconds_t limit, std::string nonce)
    : id_(std::move(check)), nonce_(std::move(nonce)), limit_(limit), begin_(now()) {}

verdict kept_check::judge(ended seen, description* plugin) const {
    verdict out;
    out.id = id_;
    out.seconds = static_cast<double>(now() - begin_) / double{second};
    out.output = std::move(seen.output);
    if (out.output.size() > shown_output) {
        out.output.erase(0, out.output.size() - shown_output);
    }
    if (seen.how == ended::unknown) {
        out.what = status::crash;
        out.reason = "the process that watches over the check has gone";
        return out;
    }
    out.threads = std::move(seen.threads);
    out.left = std::move(seen.left);
    const int value = seen.value;
    report told;
    out.began = find_report(seen.answer, nonce_, told);
    const bool answered = out.began && told.over;
    out.findings = told.findings;
    out.left_out = told.left_out;
    out.notes = told.notes;
    if (plugin != nullptr) *plugin = told.plugin;
    if (seen.how == ended::not_started) {
        out.what = status::crash;
        out.reason = text_of(system_failure("fork", "", value));
    } else if (seen.how == ended::late) {
        out.what = status::hang;
        out.reason = "no answer within " + std::to_string(limit_ / second) + " s";
    } else if (seen.how == ended::by_signal) {
        out.what = status::crash;
        out.signal = value;
        out.reason = "crashed (" + signal_name(value) + ")";
    } else if (!seen.crash.empty()) {
        out.what = status::crash;
        out.code = value;
        out.reason = "crashed (" + seen.crash + ")";
    } else if (value != 0 || !answered) {
        out.what = status::crash;
        out.code = value;
        out.reason = "its process ended with status " + std::to_string(value) +
                     (answered ? "" : " before the check was over");
    } else if (!out.findings.empty()) {
        out.what = status::fail;
    } else if (!told.skipped.empty()) {
        out.what = status::skip;
        out.reason = told.skipped;
    } else if (told.judged == 0) {
        out.what = status::fail;
        out.findings.push_back({"the check judges something", "nothing was judged", "", {}});
    } else if (!out.left.empty()) {
        out.what = status::fail;
        out.findings.push_back({"no process is left behind (X12)", out.left.front(), "", {}});
    } else if (!out.output.empty() && output_counts) {
        out.what = status::fail;
        out.findings.push_back(
            {"nothing is printed to stdout or stderr (X12)", out.output, "", {}});
    }
    return out;
}

}  // namespace fd2::conformance
