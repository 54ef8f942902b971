#include "cli/usage.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "settings/nearest.hpp"

namespace fd2::cli {
namespace {

/// "fd2", "fd2 config", "fd2 config show".
std::string called(const CLI::App& app) {
    const CLI::App* above = app.get_parent();
    return above ? called(*above) + " " + app.get_name() : "fd2";
}

/// What stands before a message: nothing for fd2 itself, "config show: " for a command.
std::string place(const CLI::App& app) {
    if (!app.get_parent()) return {};
    return called(app).substr(std::string_view("fd2 ").size()) + ": ";
}

std::string see(const CLI::App& app) {
    return "see '" + called(app) + " --help'";
}

std::vector<std::string> options_of(const CLI::App& app) {
    std::vector<std::string> out;
    for (const CLI::Option* one : app.get_options()) {
        for (const std::string& name : one->get_lnames()) out.push_back("--" + name);
    }
    return out;
}

std::vector<std::string> commands_of(const CLI::App& app) {
    std::vector<std::string> out;
    for (const CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; })) {
        out.push_back(one->get_name());
    }
    return out;
}

/// The innermost command that was named.
const CLI::App& innermost(const CLI::App& app) {
    const auto named = app.get_subcommands();
    return named.empty() ? app : innermost(*named.front());
}

/// The command that was left with a word that it does not know; null if none was.
const CLI::App* puzzled(const CLI::App& app) {
    if (!app.remaining().empty()) return &app;
    const auto named = app.get_subcommands();
    return named.empty() ? nullptr : puzzled(*named.front());
}

}  // namespace

std::string unknown_word(const CLI::App& app, const std::string& word) {
    const bool option = word.starts_with('-');
    const std::string shown = option ? word.substr(0, word.find('=')) : word;
    const std::vector<std::string> known = option ? options_of(app) : commands_of(app);
    std::string out = place(app);
    out += option ? "unknown option '" : known.empty() ? "unexpected word '" : "unknown command '";
    out += shown + "'";
    const std::vector<std::string_view> candidates(known.begin(), known.end());
    if (const auto meant = settings::nearest(shown, candidates)) {
        out.append("; did you mean '").append(*meant).append("'?");
    }
    return out + "\n" + see(app);
}

std::string usage_mistake(const CLI::App& app, const CLI::ParseError& why) {
    // A command that is missing may be one that is misspelt.
    const auto code = static_cast<CLI::ExitCodes>(why.get_exit_code());
    if (code == CLI::ExitCodes::ExtrasError || code == CLI::ExitCodes::RequiredError) {
        if (const CLI::App* const at = puzzled(app)) {
            return unknown_word(*at, at->remaining().front());
        }
    }
    const CLI::App& at = innermost(app);
    return place(at) + why.what() + "\n" + see(at);
}

}  // namespace fd2::cli
