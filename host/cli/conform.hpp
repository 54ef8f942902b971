// fd2 conform: its options, and how it reaches the program that holds the checks.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/environment.hpp"

namespace fd2::cli {

struct conform_options {
    std::vector<std::string> plugins;  ///< "ID", "FILE", with "?name=value&name=value" behind
    std::string include;               ///< regular expressions over ids
    std::string exclude;
    std::string profile = "core";
    std::string explain;
    std::string debug;
    std::string waivers;
    std::string html;
    std::string colour = "auto";
    unsigned jobs = 0;  ///< 0: one for each processor
    unsigned repeat = 1;
    unsigned limit = 120;  ///< seconds
    std::uint64_t seed = 1;
    bool list = false;
    bool json = false;
    bool junit = false;
    bool tap = false;
    bool verbose = false;
    bool trial = false;
    bool keep_none = false;  ///< --no-record
};

/// Options, help and examples of `fd2 conform`.
void add_conform(CLI::App& conform, conform_options& given);

/// Where fd2-conform may lie, for the fd2 that this is.
std::vector<std::string> conform_programs();

/// Becomes fd2-conform, with `argv` behind the word `conform`; returns only where that is not
/// installed, with the exit status 2. It finds installed backends where this fd2 does.
int become_conform(int argc, char** argv);

}  // namespace fd2::cli
