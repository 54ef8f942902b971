#include "channel/verdict_store.hpp"

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "base/clock.hpp"
#include "base/plain_text.hpp"
#include "base/text_list.hpp"
#include "base/utc.hpp"
#include "channel/plugin_table.hpp"
#include "channel/verdict_files.hpp"

namespace fd2::channel {

namespace {

constexpr const char* first_line = "fd2-verdict 1";
constexpr const char* first_line_of_trial = "fd2-trial 1";
constexpr const char* trial_suffix = ".trial";

/// "key words..." lines; what is unknown is left for later versions.
std::optional<recorded_verdict> parse(std::istream& in) {
    std::string line;
    if (!std::getline(in, line) || line != first_line) return std::nullopt;
    recorded_verdict out;
    bool judged = false;
    while (std::getline(in, line)) {
        std::istringstream words(line);
        std::string key, word;
        words >> key;
        while (words >> word) {
            if (key == "conforms") {
                judged = true;
                out.conforms = word == "yes";
            } else if (key == "refuted") {
                out.refuted |= capabilities_named({word});
            } else if (key == "failed") {
                out.failed.push_back(word);
            } else if (key == "by") {
                out.checked_by = word;
            } else if (key == "time") {
                out.time = word;
            }
        }
    }
    if (!judged) return std::nullopt;
    return out;
}

/// The same, but for the reason, which is the rest of its line.
std::optional<recorded_trial> parse_trial(std::istream& in) {
    std::string line;
    if (!std::getline(in, line) || line != first_line_of_trial) return std::nullopt;
    recorded_trial out;
    bool judged = false;
    while (std::getline(in, line)) {
        const auto blank = std::min(line.find(' '), line.size());
        const std::string key = line.substr(0, blank);
        const std::string rest = line.substr(std::min(blank + 1, line.size()));
        if (key == "passed" && (rest == "yes" || rest == "no")) {
            judged = true;
            out.passed = rest == "yes";
        } else if (key == "why") {
            out.why = rest;
        } else if (key == "by") {
            out.checked_by = rest;
        } else if (key == "time") {
            out.time = rest;
        }
    }
    if (!judged) return std::nullopt;
    return out;
}

/// What `parse` makes of the file `name` there.
template <class Record>
std::optional<Record> read_from(const std::string& directory, const std::string& name,
                                std::optional<Record> (*parse)(std::istream&)) {
    const auto text = read_record(directory, name);
    if (!text) return std::nullopt;
    std::istringstream in(*text);
    return parse(in);
}

std::string text_of_verdict(const recorded_verdict& found) {
    std::string out = std::string(first_line) + "\nconforms " + (found.conforms ? "yes" : "no");
    out += "\nrefuted " + join(capability_names(found.refuted), " ");
    out += "\nfailed " + join(found.failed, " ");
    return out + "\nby " + found.checked_by + "\ntime " + found.time + "\n";
}

std::string text_of_trial(const recorded_trial& found) {
    return std::string(first_line_of_trial) + "\npassed " + (found.passed ? "yes" : "no") +
           "\nwhy " + blank_controls(found.why) + "\nby " + found.checked_by + "\ntime " +
           found.time + "\n";
}

}  // namespace

std::optional<recorded_verdict> find_verdict(const std::string& hash) {
    if (auto found = read_from(users_store(), hash, parse)) return found;
    return read_from(system_store(), hash, parse);
}

std::optional<recorded_trial> find_trial(const std::string& hash) {
    if (auto found = read_from(users_store(), hash + trial_suffix, parse_trial)) return found;
    return read_from(system_store(), hash + trial_suffix, parse_trial);
}

result<std::string> record_verdict(const std::string& hash, const recorded_verdict& found) {
    return write_record(hash, text_of_verdict(found));
}

result<std::string> record_trial(const std::string& hash, const recorded_trial& found) {
    return write_record(hash + trial_suffix, text_of_trial(found));
}

std::string time_of_record() {
    const utc_time at = utc_of(wall_clock());
    char text[80];
    std::snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ", at.year, at.month, at.day,
                  at.hour, at.minute, at.second);
    return text;
}

}  // namespace fd2::channel
