// What a host's children are doing, and moving their stderr to another backend while they run.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace fd2 {

/// One child that runs now, or whose stderr is still read. A copy of one instant.
struct running_child {
    std::uint64_t channel = 0;  ///< the channel's number; 0: nothing is captured
    pid_t pid = 0;
    std::vector<std::string> command;
    std::string backend = "inherit";
    std::string plugin;            ///< the file of the backend; empty without a capture
    std::uint64_t generation = 0;  ///< which version of that file in this process, from 1
    std::string state;             ///< "running", "lingering", "following" or "finishing"
    std::uint64_t bytes = 0;       ///< captured so far
    std::uint64_t lines = 0;
    std::uint64_t moves = 0;  ///< hand-overs so far
    std::chrono::nanoseconds age{};
};

/// Which children are to move, and where to.
struct swap_request {
    std::uint64_t channel = 0;  ///< 0: all
    /// A backend's name, or the absolute path of a plugin, which the caller vouches for. Empty: the
    /// first of the configured list that takes the channel, as it is installed now.
    std::string backend;
    bool back = false;  ///< to the backend that each was moved from last
};

/// What became of one channel.
struct swap_result {
    std::uint64_t channel = 0;
    std::string from;
    std::string to;                    ///< empty: it stayed
    std::string reason;                ///< why it stayed; empty if it moved
    std::uint64_t generation = 0;      ///< of the backend that it has now
    std::chrono::nanoseconds pause{};  ///< for how long nobody read
};

/// One key that a reload has changed.
struct changed_key {
    std::string key;     ///< "capture.tail"
    std::string before;  ///< as a file spells it
    std::string after;
    bool applied = false;  ///< false: it counts for children that are started from now on
};

struct reload_result {
    std::vector<changed_key> changes;
    /// Why nothing changed: the mistakes, with file, line and column. Empty: the reload succeeded.
    std::vector<std::string> problems;
    std::vector<swap_result> swapped;  ///< with swap.running: hand-over
};

}  // namespace fd2
