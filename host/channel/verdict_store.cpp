#include "channel/verdict_store.hpp"

#include <fcntl.h>
#include <sha2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>
#include <sstream>

#include "base/files.hpp"
#include "base/plain_text.hpp"
#include "base/text_list.hpp"
#include "base/trust.hpp"
#include "base/unique_fd.hpp"
#include "channel/plugin_table.hpp"

namespace fd2::channel {

namespace {

constexpr const char* system_store = "/var/lib/fd2/verdicts";
constexpr const char* first_line = "fd2-verdict 1";
constexpr const char* first_line_of_trial = "fd2-trial 1";
constexpr const char* trial_suffix = ".trial";

std::string environment(const char* name) {
    const char* const value = ::getenv(name);
    // A relative directory is none (XDG base directory specification).
    return value != nullptr && *value == '/' ? value : "";
}

/// Empty: unknown.
std::string users_store() {
    if (has_raised_privileges()) return {};
    if (const std::string state = environment("XDG_STATE_HOME"); !state.empty()) {
        return state + "/fd2/verdicts";
    }
    const std::string home = environment("HOME");
    return home.empty() ? home : home + "/.local/state/fd2/verdicts";
}

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
    if (directory.empty()) return std::nullopt;
    const auto file = real_path(directory + "/" + name);
    struct stat about {};
    if (!file || ::lstat(file->c_str(), &about) != 0 || !S_ISREG(about.st_mode) ||
        distrust_of(*file, about) || distrust_above(*file)) {
        return std::nullopt;
    }
    std::ifstream in(*file);
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

/// Makes the directory and those above it. Not by the umask, which belongs to the whole process.
status make_directories(const std::string& path) {
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        const std::string part = path.substr(0, slash);
        if (::mkdir(part.c_str(), 0700) == 0) {
            if (::chmod(part.c_str(), 0755) != 0) return system_failure("chmod", part, errno);
        } else if (errno != EEXIST && (slash == path.npos || ::access(part.c_str(), F_OK) != 0)) {
            return system_failure("verdict: create directory", part, errno);
        }
        if (slash == path.npos) return {};
    }
}

result<std::string> write_record(const std::string& name, const std::string& text) {
    const bool for_all = ::geteuid() == 0 && environment("XDG_STATE_HOME").empty();
    const std::string directory = for_all ? system_store : users_store();
    if (directory.empty()) {
        return advise({errc::config, ENOENT, "verdict: no directory: HOME is not set"}, "set HOME");
    }
    if (auto good = make_directories(directory); !good) return std::move(good).error();
    // Beside, then renamed: it is there whole or not at all.
    const std::string file = directory + "/" + name;
    std::string beside = file + ".XXXXXX";
    const unique_fd out(::mkostemp(beside.data(), O_CLOEXEC));
    if (!out) return system_failure("verdict: create", beside, errno);
    const bool good =
        ::write(out.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        ::fchmod(out.get(), 0644) == 0 && ::rename(beside.c_str(), file.c_str()) == 0;
    if (good) return file;
    const int why = errno;
    ::unlink(beside.c_str());
    return system_failure("verdict: write", file, why);
}

}  // namespace

result<std::string> content_hash(int fd) {
    SHA2_CTX state;
    ::SHA256Init(&state);
    // Not on the stack, of which a caller may have little.
    constexpr std::size_t size = 65536;
    const auto chunk = std::make_unique_for_overwrite<std::uint8_t[]>(size);
    for (off_t at = 0;;) {
        const ssize_t n = ::pread(fd, chunk.get(), size, at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return system_failure("read", "the plugin's content", errno);
        if (n == 0) break;
        ::SHA256Update(&state, chunk.get(), static_cast<std::size_t>(n));
        at += n;
    }
    std::array<char, SHA256_DIGEST_STRING_LENGTH> text{};
    ::SHA256End(&state, text.data());
    return std::string(text.data());
}

std::optional<recorded_verdict> find_verdict(const std::string& hash) {
    if (auto found = read_from(users_store(), hash, parse)) return found;
    return read_from(system_store, hash, parse);
}

std::optional<recorded_trial> find_trial(const std::string& hash) {
    if (auto found = read_from(users_store(), hash + trial_suffix, parse_trial)) return found;
    return read_from(system_store, hash + trial_suffix, parse_trial);
}

result<std::string> record_verdict(const std::string& hash, const recorded_verdict& found) {
    return write_record(hash, text_of_verdict(found));
}

result<std::string> record_trial(const std::string& hash, const recorded_trial& found) {
    return write_record(hash + trial_suffix, text_of_trial(found));
}

std::string time_of_record() {
    const std::time_t present = std::time(nullptr);
    std::tm utc{};
    char text[32];
    std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", ::gmtime_r(&present, &utc));
    return text;
}

}  // namespace fd2::channel
