// What is known of plugin files: the verdict of `fd2 conform`, so that a claim that was refuted
// once is not believed again, and what their trial came to (channel/trial.hpp), so that each is
// tried once. One small file for each content and kind: a passed trial says nothing about
// conformance.
//
// Users have theirs below $XDG_STATE_HOME (~/.local/state); root's are for everybody, in
// /var/lib/fd2. A verdict is found by the SHA-256 of the plugin's content: it goes with a copy, and
// another build has none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace fd2::channel {

struct recorded_verdict {
    bool conforms = false;
    std::uint64_t refuted = 0;        ///< FD2_CAP_* that the plugin claims and does not keep
    std::vector<std::string> failed;  ///< ids of the checks
    std::string checked_by;           ///< the version of fd2
    std::string time;                 ///< "2026-11-29T08:30:00Z"
};

struct recorded_trial {
    bool passed = false;
    std::string why;         ///< it did not: "crashed (SIGSEGV) in init", one line
    std::string checked_by;  ///< the version of fd2
    std::string time;        ///< "2026-11-29T08:30:00Z"
};

/// SHA-256 of a file's content in hexadecimal; its position does not matter and is left alone.
result<std::string> content_hash(int fd);

/// The user's verdict, otherwise the system's; none where there is none, where it cannot be read or
/// where others could have written it. The user's is not looked at with raised privileges.
std::optional<recorded_verdict> find_verdict(const std::string& hash);

std::optional<recorded_trial> find_trial(const std::string& hash);

/// Replaces what is known; returns the file that was written: in $XDG_STATE_HOME if that is set,
/// otherwise the system's if we are root, otherwise below the home directory. Nobody else may write
/// what it makes, whatever the umask. [any thread]
result<std::string> record_verdict(const std::string& hash, const recorded_verdict& found);
result<std::string> record_trial(const std::string& hash, const recorded_trial& found);

/// The present time as a record has it.
std::string time_of_record();

}  // namespace fd2::channel
