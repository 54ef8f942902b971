#include "cli/conform.hpp"

#include <charconv>
#include <limits>
#include <utility>

#include "base/text_list.hpp"
#include "settings/origin.hpp"

namespace fd2::cli {

namespace {

constexpr const char* conform_footer =
    R"(PLUGIN is the id of an installed backend or a file, followed by ? and options for its channels,
each as in a configuration file: pipe, 'pipe?capacity=1MiB', './mine.so?threads=2&medium=tcp'.

Profiles: core (the contract), handover (fd2.handover/1), performance (its failures are warnings),
all (everything, with full sizes and numbers of rounds).

A waiver file has lines "ID YYYY-MM-DD REASON": the check may fail until the end of that day.

Exit status: 0 if every backend conforms, 1 if one does not, 2 if nothing was checked or fd2 conform
itself failed.

Examples:
  fd2 conform ./mine.so
  fd2 conform --profile all --html report.html pipe socketpair ./mine.so
  fd2 conform --include '^B' ./mine.so        the checks of group B
  fd2 conform --explain K04                   what it proves, and how
  fd2 conform --debug K04 ./mine.so           that check alone, in this process)";

CLI::Option* add(CLI::App& app, const char* name, const char* argument, auto& into,
                 const char* help) {
    return app.add_option(name, into, help)->type_name(argument)->take_last();
}

/// A whole number, in decimal.
CLI::Validator number(std::uint64_t from, std::uint64_t to) {
    const auto wrong = [from, to](std::string& text) {
        std::uint64_t value = 0;
        const char* const end = text.data() + text.size();
        const auto [stop, failed] = std::from_chars(text.data(), end, value);
        const bool good = failed == std::errc() && stop == end && value >= from && value <= to;
        return good ? std::string()
                    : settings::display(text) + " is not a number from " + std::to_string(from) +
                          " to " + std::to_string(to);
    };
    return CLI::Validator(wrong, "");
}

CLI::Validator one_of(std::vector<std::string> words) {
    const auto wrong = [words = std::move(words)](std::string& text) {
        return std::find(words.begin(), words.end(), text) != words.end()
                   ? std::string()
                   : settings::display(text) + " is not a valid choice; write one of " +
                         join(words, ", ");
    };
    return CLI::Validator(wrong, "");
}

}  // namespace

void add_conform(CLI::App& conform, conform_options& given) {
    conform.footer(conform_footer);
    conform.add_option("plugin", given.plugins, "Installed backends or files")->type_name("PLUGIN");
    conform.add_flag("--list", given.list, "List the checks");
    add(conform, "--explain", "ID", given.explain, "Print what a check proves, and how");
    add(conform, "--profile", "NAME", given.profile, "core, handover, performance or all")
        ->check(one_of({"core", "handover", "performance", "all"}));
    add(conform, "--include", "REGEX", given.include, "Only checks whose id matches");
    add(conform, "--exclude", "REGEX", given.exclude, "No checks whose id matches");
    add(conform, "-j,--jobs", "N", given.jobs, "Run this many checks at a time")
        ->check(number(1, 256));
    add(conform, "--repeat", "N", given.repeat, "Run each check N times; the worst verdict counts")
        ->check(number(1, 1000000));
    add(conform, "--seed", "N", given.seed, "Seed for everything random")
        ->check(number(0, std::numeric_limits<std::uint64_t>::max()));
    add(conform, "--limit", "S", given.limit, "Seconds after which a check counts as hung")
        ->check(number(1, 86400));
    add(conform, "--waivers", "FILE", given.waivers,
        "Failures that are allowed until a given date");
    add(conform, "--debug", "ID", given.debug, "Run one check in this process, for a debugger");
    conform.add_flag("--json", given.json, "Print JSON");
    conform.add_flag("--junit", given.junit, "Print JUnit XML");
    conform.add_flag("--tap", given.tap, "Print TAP");
    add(conform, "--html", "FILE", given.html, "Also write a page that shows every check");
    add(conform, "--color", "WHEN", given.colour, "auto, always or never")
        ->check(one_of({"auto", "always", "never"}));
    conform.add_flag("--trial", given.trial,
                     "Only try the plugins as fd2 run does before it loads them");
    conform.add_flag("--no-record", given.keep_none,
                     "Do not record the verdict for fd2 plugins and require");
    conform.add_flag("-v,--verbose", given.verbose, "Also say why checks were skipped");
}

}  // namespace fd2::cli
