// One check in this process, which has been made for it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fd2::conformance {

struct worker_task {
    std::string check;                ///< its id, "describe" or "trial"
    std::string file;                 ///< of the plugin
    std::string options;              ///< of every channel: "name=value&name=value"
    std::vector<std::string> beside;  ///< "FILE?OPTIONS": others to hand channels over to
    std::uint64_t seed = 1;
    bool full = false;
    int image = -1;     ///< "trial": a descriptor of what is loaded; `file` is for people
    int answer = -1;    ///< where the report goes; -1: nowhere, Catch2 prints to stdout
    std::string nonce;  ///< begins the report: what a plugin writes there is none
};

/// Loads the plugin and runs the check. The exit status: 0, it ran and was reported. What it saw is
/// in the report.
int run_worker(const worker_task& task);

/// A task as one argument of a command line, and back. False: it is none.
std::string serialize(const worker_task& from);
bool deserialize(std::string_view text, worker_task& out);

/// The file of the plugin that this process checks. Group S reads it, and does not map it.
const std::string& tested_file();

/// Runs the part `name` of a check (HELPER) in a process of its own, with the same plugin; its exit
/// code, or 1000 + the signal's number.
int run_alone(const char* name);

}  // namespace fd2::conformance
