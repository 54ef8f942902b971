// fd2-conform, the program behind `fd2 conform`. A program of its own, because it holds all checks,
// Catch2 and RapidCheck, and `fd2 run` is to start fast.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>
#include <sstream>
#include <thread>

#include "base/files.hpp"
#include "base/plain_text.hpp"
#include "channel/loader.hpp"
#include "channel/plugin_files.hpp"
#include "channel/plugin_table.hpp"
#include "channel/verdict_store.hpp"
#include "cli/conform.hpp"
#include "cli/conform_system.hpp"
#include "cli/screen.hpp"
#include "cli/system.hpp"
#include "conformance/report.hpp"
#include "conformance/run.hpp"
#include "conformance/trial.hpp"
#include "conformance/worker.hpp"
#include "settings/origin.hpp"
#include "settings/places.hpp"

namespace {

using namespace fd2::cli;
namespace conformance = fd2::conformance;
using conformance::status;

constexpr int does_not_conform = 1;
constexpr int failed = 2;

void complain_of(const std::string& text) {
    std::cerr << "fd2: conform: " << fd2::plain(text) << '\n';
}

bool in_profile(const conformance::check& checked, const std::string& profile) {
    if (profile == "all") return true;
    const char letter = checked.id[0];
    if (profile == "handover") return letter == 'X';
    if (profile == "performance") return letter == 'P';
    return letter != 'X' && letter != 'P';
}

/// The expression of `option`; null after an error.
std::optional<std::regex> compile(const char* option, const std::string& text) {
    try {
        return std::regex(text);
    } catch (const std::regex_error& why) {
        complain_of(std::string(option) + ": " + fd2::settings::display(text) +
                    " is not a regular expression: " + why.what());
        return std::nullopt;
    }
}

/// The checks that are asked for; null after an error.
std::optional<std::vector<const conformance::check*>> chosen(const conform_options& given) {
    const auto include = compile("--include", given.include);
    const auto exclude = include ? compile("--exclude", given.exclude) : std::nullopt;
    if (!exclude) return std::nullopt;
    std::vector<const conformance::check*> out;
    for (const auto& check : conformance::checks()) {
        // Named checks are run whatever the profile is.
        if (given.include.empty() && !in_profile(check, given.profile)) continue;
        if (!std::regex_search(check.id, *include)) continue;
        if (!given.exclude.empty() && std::regex_search(check.id, *exclude)) continue;
        out.push_back(&check);
    }
    return out;
}

void print_list(const std::vector<const conformance::check*>& wanted, const screen& on) {
    for (const auto* check : wanted) {
        std::string text =
            check->id + std::string(check->id.size() < 5 ? 5 - check->id.size() : 1, ' ');
        text += std::string(name_of(check->grade));
        text.resize(std::max<std::size_t>(text.size() + 2, 13), ' ');
        append_wrapped(text, check->title, on.width, columns_of(text), 13);
        std::cout << text << '\n';
    }
}

/// Null after an error.
const conformance::check* find_named(const std::string& id) {
    const auto* check = conformance::find_check(id);
    if (check == nullptr) {
        complain_of("no check '" + id + "'; fd2 conform --list --profile all lists them");
    }
    return check;
}

/// As docs/abi.md has it.
std::string_view text_of_rule(std::string_view id) {
    static constexpr std::pair<std::string_view, std::string_view> rules[] = {
#include "rules.inc"
    };
    for (const auto& [name, text] : rules) {
        if (name == id) return text;
    }
    return "";
}

int explain(const std::string& id, const screen& on) {
    const auto* check = find_named(id);
    if (check == nullptr) return failed;
    std::string text = on.paint(ink::bold, check->id) + "  ";
    append_wrapped(text, check->title, on.width, check->id.size() + 2, check->id.size() + 2);
    text += "\n  level  " + std::string(name_of(check->grade)) + "\n  how    ";
    append_wrapped(text, check->how, on.width, 9, 9);
    text += "\n  rules  of docs/abi.md";
    for (const auto& id_of_rule : check->rules) {
        text += "\n    " + id_of_rule +
                std::string(5 - std::min<std::size_t>(id_of_rule.size(), 4), ' ');
        append_wrapped(text, text_of_rule(id_of_rule), on.width, 9, 9);
    }
    std::cout << text << '\n';
    return 0;
}

/// Waivers that are in force. Null after an error.
std::optional<std::map<std::string, conformance::waiver>> read_waivers(const std::string& path) {
    std::map<std::string, conformance::waiver> out;
    const auto cannot_read = [&] {
        complain_of(text_of(fd2::system_failure("--waivers: read", path, errno)));
        return std::nullopt;
    };
    std::ifstream file(fd2::path_of(path));
    if (!file) return cannot_read();
    char today[16];
    const std::time_t time = std::time(nullptr);
    std::strftime(today, sizeof(today), "%Y-%m-%d", std::gmtime(&time));
    static const std::regex form(R"(\s*([A-Z]\d+)\s+(\d{4}-\d\d-\d\d)\s+(\S.*))");
    static const std::regex nothing(R"(\s*(#.*)?)");
    int number = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        std::smatch found;
        if (std::regex_match(line, nothing)) continue;
        if (!std::regex_match(line, found, form) ||
            conformance::find_check(found[1].str()) == nullptr) {
            complain_of(path + ":" + std::to_string(number) +
                        ": not a waiver; expected: ID YYYY-MM-DD REASON");
            return std::nullopt;
        }
        if (found[2].str() < today) {
            complain_of(path + ":" + std::to_string(number) + ": the waiver of " + found[1].str() +
                        " has expired and is ignored");
            continue;
        }
        out[found[1].str()] = {found[3].str(), found[2].str()};
    }
    if (file.bad()) return cannot_read();
    return out;
}

/// Where installed backends lie, as `fd2 conform` found out; see conform.cpp.
std::vector<fd2::channel::directory> directories() {
    std::vector<fd2::channel::directory> out;
    std::istringstream all(fd2::environment_variable("FD2_PLUGIN_PATH").value_or(""));
    for (std::string each; std::getline(all, each, fd2::settings::between_directories);) {
        if (!each.empty()) {
            out.push_back({fd2::absolute(each), fd2::channel::trust_source::caller});
        }
    }
    return out;
}

struct subject {
    std::string file;
    std::string options;
};

std::optional<subject> find_plugin(const std::string& given,
                                   const std::vector<fd2::channel::found>& installed) {
    const auto mark = given.find('?');
    subject out{given.substr(0, mark), mark == given.npos ? "" : given.substr(mark + 1)};
    if (!fd2::path_of(out.file).has_parent_path()) {
        for (const auto& each : installed) {
            if (each.id == out.file) return subject{each.file, out.options};
        }
        if (!fd2::is_there(out.file)) {
            complain_of("no backend '" + out.file +
                        "' is installed; fd2 plugins lists them. A file needs a path: ./" +
                        out.file + std::string(fd2::channel::plugin_suffix));
            return std::nullopt;
        }
    }
    out.file = fd2::absolute(out.file);
    if (!fd2::is_there(out.file)) {
        complain_of("no such file: " + out.file);
        return std::nullopt;
    }
    return out;
}

ink ink_of(status what) {
    if (is_bad(what)) return ink::red;
    if (what == status::warn || what == status::waived) return ink::yellow;
    return what == status::pass ? ink::green : ink::dim;
}

/// One line that is written over, on a terminal.
class progress_line {
  public:
    explicit progress_line(std::string name)
        : name_(std::move(name)), width_(width_of(STDERR_FILENO)) {}
    ~progress_line() { clear(); }
    progress_line(const progress_line&) = delete;
    progress_line& operator=(const progress_line&) = delete;

    void show(const conformance::verdict& newest, std::size_t over, std::size_t all) {
        bad_ += is_bad(newest.what);
        if (width_ == 0) {
            // In a file or a pipe a line for each failure, so that a run that is cut short tells
            // something.
            if (!is_bad(newest.what)) return;
            std::cerr << fd2::plain(name_) << ": " << newest.id << ": " << name_of(newest.what)
                      << " (" << over << " of " << all << " checks done)\n"
                      << std::flush;
            return;
        }
        std::string text = name_ + ": " + std::to_string(over) + " of " + std::to_string(all) +
                           " checks, " + std::to_string(bad_) + " failed; last: " + newest.id;
        if (text.size() >= width_) text.resize(width_ - 1);
        std::cerr << '\r' << text << "\033[K" << std::flush;
        shown_ = true;
    }

  private:
    void clear() {
        if (shown_) std::cerr << "\r\033[K" << std::flush;
    }

    std::string name_;
    std::size_t width_;
    std::size_t bad_ = 0;
    bool shown_ = false;
};

void print_indented(const std::string& head, const std::string& text, const screen& on) {
    std::string out = "    " + head;
    append_wrapped(out, fd2::plain(text), on.width, columns_of(out), 4 + head.size());
    std::cout << out << '\n';
}

void print_verdict(const conformance::outcome& in, const conformance::verdict& verdict,
                   const screen& on) {
    const auto* known = conformance::find_check(verdict.id);
    std::string word(name_of(verdict.what));
    std::transform(word.begin(), word.end(), word.begin(),
                   [](char c) { return static_cast<char>(std::toupper(c)); });
    std::string head =
        on.paint(ink_of(verdict.what), word) + " " + on.paint(ink::bold, verdict.id) + " ";
    append_wrapped(head, known != nullptr ? known->title : "", on.width, columns_of(head), 4);
    std::cout << head << '\n';
    if (!verdict.reason.empty()) print_indented("reason    ", verdict.reason, on);
    std::size_t shown = 0;
    for (const auto& each : verdict.findings) {
        if (++shown > 3) {
            print_indented(
                "",
                std::to_string(verdict.findings.size() + verdict.left_out - 3) + " more: --json",
                on);
            break;
        }
        print_indented("expected  ", each.expected, on);
        if (!each.seen.empty()) print_indented("seen      ", each.seen, on);
        std::string about;
        for (const auto& words : each.context) about += (about.empty() ? "" : ", ") + words;
        if (!about.empty()) print_indented("with      ", about, on);
    }
    for (const auto& each : verdict.threads) print_indented("thread    ", each, on);
    for (const auto& each : verdict.left) print_indented("left      ", "process " + each, on);
    if (!verdict.output.empty() && is_bad(verdict.what)) {
        print_indented(
            "printed   ",
            verdict.output.substr(verdict.output.size() > 400 ? verdict.output.size() - 400 : 0),
            on);
    }
    if (known != nullptr && !known->rules.empty()) {
        std::string rules;
        for (const auto& rule : known->rules) rules += (rules.empty() ? "" : " ") + rule;
        print_indented("rules     ", rules + " of docs/abi.md", on);
    }
    if (known != nullptr) {
        print_indented("again     ", conformance::command_for(in, verdict), on);
    }
    std::cout << '\n';
}

void print_groups(const conformance::outcome& outcome, const screen& on) {
    std::size_t width = 0;
    for (const auto& each : conformance::groups()) width = std::max(width, each.title.size() + 3);
    std::string title = "group";
    title.resize(width, ' ');
    std::cout << title << "   pass  fail  warn  skip\n";
    for (const auto& each : conformance::groups()) {
        std::size_t pass = 0, bad = 0, warned = 0, skipped = 0;
        for (const auto& seen : outcome.verdicts) {
            if (seen.id[0] != each.letter) continue;
            pass += seen.what == status::pass;
            bad += is_bad(seen.what);
            warned += seen.what == status::warn || seen.what == status::waived;
            skipped += seen.what == status::skip;
        }
        if (pass + bad + warned + skipped == 0) continue;
        char counts[64];
        std::snprintf(counts, sizeof(counts), "  %5zu %5zu %5zu %5zu", pass, bad, warned, skipped);
        std::string name = std::string(1, each.letter) + "  " + std::string(each.title);
        name.resize(width, ' ');
        std::cout << on.paint(bad != 0      ? ink::red
                              : warned != 0 ? ink::yellow
                                            : ink::plain,
                              name + counts)
                  << '\n';
    }
}

void print_outcome(const conformance::outcome& outcome, const conform_options& given,
                   const screen& on) {
    std::string head =
        on.paint(ink::bold, outcome.backend.id.empty() ? outcome.plugin : outcome.backend.id);
    if (!outcome.backend.version.empty()) head += " " + fd2::plain(outcome.backend.version);
    if (!outcome.options.empty()) head += " with " + fd2::plain(outcome.options);
    std::cout << head << "  (" << fd2::plain(outcome.plugin) << ")\n\n";
    for (const auto& each : outcome.verdicts) {
        if (is_bad(each.what)) print_verdict(outcome, each, on);
    }
    for (const auto& each : outcome.verdicts) {
        if (each.what == status::warn || each.what == status::waived)
            print_verdict(outcome, each, on);
    }
    bool any = false;
    for (const auto& each : outcome.verdicts) {
        for (const auto& text : each.notes) {
            print_indented(each.id + "  ", text, on);
            any = true;
        }
        if (given.verbose && each.what == status::skip) {
            print_indented(each.id + "  ", "skipped: " + each.reason, on);
            any = true;
        }
    }
    if (any) std::cout << '\n';
    print_groups(outcome, on);
    const auto bad =
        outcome.count(status::fail) + outcome.count(status::crash) + outcome.count(status::hang);
    std::string last = outcome.conforms() ? "conforms" : "does not conform";
    if (outcome.unfinished != 0) {
        last = "interrupted, " + std::to_string(outcome.unfinished) + " unfinished";
    }
    last += ": " + std::to_string(outcome.count(status::pass)) + " passed, " + std::to_string(bad) +
            " failed";
    const auto more = [&](status what, const char* word) {
        if (outcome.count(what) != 0)
            last += ", " + std::to_string(outcome.count(what)) + " " + word;
    };
    more(status::warn, "warned");
    more(status::waived, "waived");
    more(status::skip, "skipped");
    char time[32];
    std::snprintf(time, sizeof(time), " in %.1f s", outcome.seconds);
    std::cout << on.paint(outcome.conforms() ? ink::green : ink::red, last + time) << '\n';
}

/// Whether a run of these checks says whether a backend conforms.
bool is_whole(const conform_options& given, const subject& tried) {
    return (given.profile == "core" || given.profile == "all") && given.include.empty() &&
           given.exclude.empty() && given.waivers.empty() && tried.options.empty();
}

fd2::result<std::string> hash_of(const std::string& path) {
    const auto file = fd2::open_to_read(path);
    if (!file) return file.error();
    return fd2::channel::content_hash(file->get());
}

/// Records what was found, for `fd2 plugins` and `require`; `checked` is what was checked. A
/// failure is a warning.
void record(const conformance::outcome& in, const conform_options& given,
            const fd2::result<std::string>& checked) {
    auto done = hash_of(in.plugin);
    if (done && checked && *done != *checked) {
        complain_of("the verdict is not recorded: " + in.plugin + " was replaced meanwhile");
        return;
    }
    if (done) {
        fd2::channel::recorded_verdict found;
        found.conforms = in.conforms();
        found.refuted = fd2::channel::capabilities_named(in.refuted());
        found.failed = in.failed();
        // The profile core does not check hand-over: what was found out about it stands.
        if (const auto earlier = fd2::channel::find_verdict(*done);
            earlier && given.profile == "core") {
            found.refuted |= earlier->refuted & FD2_CAP_HANDOVER;
            for (const std::string& id : earlier->failed) {
                if (id.front() != 'X') continue;
                found.failed.push_back(id);
                found.conforms = false;
            }
        }
        found.checked_by = FD2_VERSION;
        found.time = fd2::channel::time_of_record();
        done = fd2::channel::record_verdict(*done, found);
    }
    if (!done) complain_of("the verdict is not recorded: " + text_of(done.error()));
}

/// `fd2 conform --trial`: tries each as `fd2 run` does, and records what came of it in the place of
/// what is known.
int try_all(const std::vector<subject>& subjects, const conform_options& given) {
    int status = 0;
    for (const auto& each : subjects) {
        const auto file = fd2::open_to_read(each.file);
        const auto hash = file ? fd2::channel::content_hash(file->get()) : file.error();
        if (!hash) {
            complain_of(text_of(hash.error()));
            return failed;
        }
        const auto seen =
            conformance::try_plugin(file->get(), each.file, conformance::trial_limit, -1);
        using kind = fd2::channel::trial_outcome::kind;
        if (seen.what == kind::untried) {
            complain_of(each.file + ": not tried: " + text_of(seen.why));
            return failed;
        }
        const bool passed = seen.what == kind::passed;
        std::cout << fd2::plain(each.file) << ": "
                  << (passed ? "passed its trial" : fd2::plain(text_of(seen.why))) << '\n';
        if (!passed) status = does_not_conform;
        if (given.keep_none || (!passed && seen.what != kind::broken)) continue;
        if (const auto again = hash_of(each.file); !again || *again != *hash) {
            complain_of("the outcome is not recorded: " + each.file + " was replaced meanwhile");
            continue;
        }
        const auto done = fd2::channel::record_trial(
            *hash, {passed, seen.why.message, seen.tried_by, fd2::channel::time_of_record()});
        if (!done) complain_of("the outcome is not recorded: " + text_of(done.error()));
    }
    return status;
}

int worker(const char* text) {
    conformance::worker_task task;
    if (!conformance::deserialize(text, task)) {
        complain_of("--worker is for fd2 conform itself");
        return failed;
    }
    return conformance::run_worker(task);
}

/// What is over is printed, then the signal ends this program after all. A second one ends it at
/// once.
volatile std::sig_atomic_t interrupted_by = 0;

int work(const conform_options& given) {
    const auto colour = parse_when(given.colour);
    const screen on = look_at_stdout(colour.value_or(when::automatic));
    if (!given.explain.empty()) return explain(given.explain, on);
    if (!given.debug.empty() && find_named(given.debug) == nullptr) return failed;
    const auto wanted = chosen(given);
    if (!wanted) return failed;
    if (given.list) {
        if (given.json) {
            std::cout << conformance::json_list(*wanted);
        } else {
            print_list(*wanted, on);
        }
        return 0;
    }
    if (given.plugins.empty()) {
        complain_of("name a plugin, for example: fd2 conform pipe, or: fd2 conform ./mine.so");
        return failed;
    }
    if (wanted->empty()) {
        complain_of(
            "--include, --exclude and --profile leave no check to run; see fd2 conform --list");
        return failed;
    }
    conformance::plan plan;
    if (!given.waivers.empty()) {
        auto waivers = read_waivers(given.waivers);
        if (!waivers) return failed;
        plan.waivers = std::move(*waivers);
    }
    const fd2::channel::loader search(directories());
    const auto installed = search.discover();
    std::vector<subject> subjects;
    for (const auto& each : given.plugins) {
        auto found = find_plugin(each, installed);
        if (!found) return failed;
        subjects.push_back(std::move(*found));
    }
    if (given.trial) return try_all(subjects, given);
    plan.checks = *wanted;
    // Asked only here: it reads a file, and every fd2 run has these options.
    plan.jobs = given.jobs != 0 ? given.jobs : std::max(1U, std::thread::hardware_concurrency());
    plan.repeat = given.repeat;
    plan.seed = given.seed;
    plan.full = given.profile == "all";
    plan.limit = given.limit * fd2::second;
    plan.interrupted = &interrupted_by;
    if (!given.debug.empty()) {
        conformance::worker_task task;
        task.check = given.debug;
        task.file = subjects.front().file;
        task.options = subjects.front().options;
        task.seed = given.seed;
        task.full = plan.full;
        return conformance::run_worker(task);
    }
    note_interruption(interrupted_by);
    std::vector<conformance::outcome> all;
    for (const auto& each : subjects) {
        plan.plugin = each.file;
        plan.options = each.options;
        plan.beside.clear();
        for (const auto& other : subjects) {
            if (other.file == each.file && other.options == each.options) continue;
            plan.beside.push_back(other.file + (other.options.empty() ? "" : "?" + other.options));
        }
        std::sort(plan.beside.begin(), plan.beside.end());
        plan.beside.erase(std::unique(plan.beside.begin(), plan.beside.end()), plan.beside.end());
        const bool records = is_whole(given, each) && !given.keep_none;
        const auto checked = records ? hash_of(each.file) : std::string();
        progress_line line(fd2::utf8_path(fd2::path_of(each.file).stem()));
        auto outcome =
            conformance::run(plan, [&](const conformance::verdict& newest, std::size_t over,
                                       std::size_t count) { line.show(newest, over, count); });
        if (!outcome) {
            complain_of(text_of(outcome.error()));
            return failed;
        }
        if (records && outcome->unfinished == 0) record(*outcome, given, checked);
        all.push_back(std::move(*outcome));
        if (interrupted_by != 0) break;
    }
    if (!given.html.empty()) {
        std::ofstream page(fd2::path_of(given.html));
        page << conformance::html_report(all);
        if (!page.flush()) {
            complain_of(text_of(fd2::system_failure("--html: write", given.html, errno)));
            return failed;
        }
    }
    if (given.json) {
        std::cout << conformance::json_report(all);
    } else if (given.junit) {
        std::cout << conformance::junit_report(all);
    } else if (given.tap) {
        std::cout << conformance::tap_report(all);
    } else {
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (i != 0) std::cout << '\n';
            print_outcome(all[i], given, on);
        }
    }
    bool judged = true;
    bool good = true;
    for (const auto& outcome : all) {
        judged = judged && outcome.count(status::skip) != outcome.verdicts.size();
        good = good && outcome.conforms();
    }
    if (!judged && interrupted_by == 0) {
        complain_of("nothing was checked: every check was skipped");
        return failed;
    }
    return good ? 0 : does_not_conform;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 3 && std::string_view(argv[1]) == "--worker") return worker(argv[2]);
    if (argc == 4 && std::string_view(argv[1]) == "--trial-of") return trial_of(argv[2], argv[3]);
    conform_options given;
    CLI::App app("Check a backend against the contract, fd2/abi.h", "fd2 conform");
    add_conform(app, given);
    try {
        std::vector<std::string> words = words_of(argc, argv);
        std::reverse(words.begin(), words.end());
        words.pop_back();  // the program
        app.parse(words);
    } catch (const CLI::ParseError& why) {
        if (why.get_exit_code() == 0) return app.exit(why);
        complain_of(why.what());  // fd2 itself has parsed these words before
        return failed;
    }
    if (given.json + given.junit + given.tap > 1) {
        complain_of("--json, --junit and --tap cannot be used together");
        return failed;
    }
    if (given.debug.empty()) take_stdout();  // else what a check prints goes there too
    const int status = work(given);
    if (const auto lost = flush_stdout()) {
        complain_of(*lost);
        return failed;
    }
    if (interrupted_by != 0) end_by(interrupted_by);
    return status;
}
