#include <array>

#include "cli/environment.hpp"
#include "cli/hosts.hpp"

// What looks into running hosts needs their control sockets, which there are none of here.

namespace fd2::cli {

namespace {

constexpr std::array<const char*, 5> absent{"ps", "top", "tail", "swap", "reload"};

}  // namespace

void add_host_commands(CLI::App& app, host_options&) {
    for (const char* const name : absent) {
        app.add_subcommand(name, "(not on Windows)")->prefix_command();
    }
}

int run_host_command(const CLI::App& app, const host_options&, const output_options&,
                     std::ostream&) {
    for (const char* const name : absent) {
        if (!app.got_subcommand(name)) continue;
        complain(std::string(name) + ": not on Windows");
        return usage_error;
    }
    return -1;
}

}  // namespace fd2::cli
