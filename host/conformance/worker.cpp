// A crash is to be seen as one by whoever waits, not reported by what has just crashed.
#define CATCH_CONFIG_NO_POSIX_SIGNALS
#define CATCH_CONFIG_NO_WINDOWS_SEH
#define CATCH_CONFIG_RUNNER
#include "conformance/worker.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <nlohmann/json.hpp>

#include "channel/plugin_table.hpp"
#include "conformance/check.hpp"
#include "conformance/subject.hpp"
#include "conformance/trial.hpp"
#include "conformance/verdict.hpp"
#include "conformance/words.hpp"
#include "conformance/worker_system.hpp"
#include "conformance/world.hpp"

namespace fd2::conformance {

namespace {

worker_task current;
report gathered;

/// Collects what Catch2 judges.
#ifdef TWOBLUECUBES_SINGLE_INCLUDE_CATCH_HPP_INCLUDED
using listener_base = Catch::TestEventListenerBase;
#else
using listener_base = Catch::EventListenerBase;
#endif

class collector : public listener_base {
  public:
    using listener_base::listener_base;

#ifdef TWOBLUECUBES_SINGLE_INCLUDE_CATCH_HPP_INCLUDED
    bool assertionEnded(const Catch::AssertionStats& stats) override {
        collect(stats);
        return true;
    }
#else
    void assertionEnded(const Catch::AssertionStats& stats) override {
        collect(stats);
    }
#endif

  private:
    static void collect(const Catch::AssertionStats& stats);
};
CATCH_REGISTER_LISTENER(collector)

/// A later one replaces it.
bool write_answer() {
    const std::string text = serialize(gathered);
    // A line of its own, whatever a plugin may have written there.
    const std::string record =
        "\nfd2-report " + current.nonce + " " + std::to_string(text.size()) + "\n" + text;
    return write_all(current.answer, record.data(), record.size());
}

void collector::collect(const Catch::AssertionStats& stats) {
    const auto& one = stats.assertionResult;
    ++gathered.judged;
    if (one.succeeded()) return;
    constexpr std::size_t most = 20;  // the first ones tell
    if (gathered.findings.size() == most) {
        ++gathered.left_out;
        return;
    }
    finding found;
    found.expected = expectation::current != nullptr ? expectation::current
                     : one.hasExpression()           ? one.getExpression()
                                                     : "the check runs to its end";
    if (one.hasExpandedExpression()) {
        found.seen = with_words(found.expected, one.getExpandedExpression());
    }
    if (one.hasMessage()) {
        found.seen += (found.seen.empty() ? "" : ": ") + std::string(one.getMessage());
    }
    std::string file = one.getSourceInfo().file;
    if (const auto at = file.rfind("conformance/"); at != file.npos) file.erase(0, at);
    found.where = file + ":" + std::to_string(one.getSourceInfo().line);
    for (const auto& each : stats.infoMessages) {
        if (each.message != one.getMessage()) found.context.push_back(each.message);
    }
    gathered.findings.push_back(std::move(found));
    if (current.answer >= 0) (void)write_answer();  // it may hang or crash next
}

void describe() {
    const auto& plugin = *tested();
    const fd2_backend& table = plugin.table();
    gathered.plugin = {table.id,
                       table.version,
                       table.vendor,
                       table.description,
                       std::string(channel::medium_name(plugin.medium())),
                       channel::capability_names(table.caps)};
    gathered.judged = 1;
}

int judge() {
    Catch::Session session;
    Catch::ConfigData data;
    data.testsOrTags = {current.check};
    data.rngSeed = static_cast<unsigned>(current.seed);
    if (current.answer >= 0) {  // what is printed then, a plugin has printed
#ifdef TWOBLUECUBES_SINGLE_INCLUDE_CATCH_HPP_INCLUDED
        data.outputFilename = null_file;
#else
        data.defaultOutputFilename = null_file;
#endif
    }
    session.useConfigData(data);
    return session.run() == 0 ? 0 : 1;
}

}  // namespace

void note_skip(const std::string& reason) {
    gathered.skipped = reason;
}

void note(const std::string& text) {
    auto& all = gathered.notes;
    if (std::find(all.begin(), all.end(), text) == all.end()) all.push_back(text);
}

void note_unclaimed(const std::string& claim) {
    note("works, but is not claimed: " + claim);
}

void about_to(const std::string& what) {
    if (current.answer < 0) return;
    gathered.findings.push_back({"the check comes to its end", what, "", {}});
    (void)write_answer();
    gathered.findings.pop_back();
}

std::uint64_t seed() {
    return current.seed;
}

std::uint64_t scaled(std::uint64_t count) {
    return current.full ? count : count / 16;
}

namespace {

/// "deed: NAME FIRST SECOND"; what a child exits with.
int do_deed(const std::string& text) {
    const auto second = text.rfind(' ');
    const auto first = text.rfind(' ', second - 1);
    const deed* const what = find_deed(std::string_view(text).substr(0, first));
    if (what == nullptr) return 126;
    return what->act(std::strtoull(text.c_str() + first, nullptr, 10),
                     std::strtoull(text.c_str() + second, nullptr, 10));
}

}  // namespace

int run_worker(const worker_task& task) {
    current = task;
    begin_worker();
    if (task.check.starts_with("deed: ")) return do_deed(task.check.substr(6));
    int status = 0;
    try {
        if (task.check == "trial") {
            gathered.judged = 1;
            gathered.findings = live_once(task.image, task.file);
        } else if (task.check[0] != 'S') {
            load_tested(task.file, task.options,
                        task.check[0] == 'X' ? task.beside : std::vector<std::string>(),
                        task.answer < 0);
        }
        if (task.check == "describe") {
            describe();
        } else if (task.check != "trial") {
            status = judge();
        }
    } catch (const std::exception& why) {
        gathered.judged = 1;
        const std::string title =
            task.check == "trial" ? "nothing is thrown" : find_check("describe")->title;
        gathered.findings.push_back({title, why.what(), "", {}});
    }
    if (task.check.starts_with("helper: ")) return status;
    if (task.answer < 0) {
        for (const auto& each : gathered.findings) {
            if (each.where.empty()) std::fprintf(stderr, "%s\n", each.seen.c_str());
        }
        if (!gathered.skipped.empty()) std::printf("skipped: %s\n", gathered.skipped.c_str());
        for (const auto& each : gathered.notes) std::printf("note: %s\n", each.c_str());
        return gathered.findings.empty() ? 0 : 1;
    }
    gathered.over = true;
    return write_answer() ? 0 : 2;
}

std::string serialize(const worker_task& from) {
    const nlohmann::json all = {
        {"check", from.check},   {"file", from.file},     {"options", from.options},
        {"beside", from.beside}, {"seed", from.seed},     {"full", from.full},
        {"image", from.image},   {"answer", from.answer}, {"nonce", from.nonce}};
    return all.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

bool deserialize(std::string_view text, worker_task& out) {
    try {
        const auto all = nlohmann::json::parse(text);
        all.at("check").get_to(out.check);
        all.at("file").get_to(out.file);
        all.at("options").get_to(out.options);
        all.at("beside").get_to(out.beside);
        all.at("seed").get_to(out.seed);
        all.at("full").get_to(out.full);
        all.at("image").get_to(out.image);
        all.at("answer").get_to(out.answer);
        all.at("nonce").get_to(out.nonce);
        return true;
    } catch (const nlohmann::json::exception&) {
        return false;
    }
}

const std::string& tested_file() {
    return current.file;
}

int run_alone(const char* name) {
    worker_task task = current;
    task.check = std::string("helper: ") + name;
    return run_task(serialize(task));
}

}  // namespace fd2::conformance
