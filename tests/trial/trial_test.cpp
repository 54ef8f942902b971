// Trials in processes that embed fd2, and what the loader makes of their outcome.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fd2/fd2.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <thread>

#include "channel/loader.hpp"
#include "run/plugin_trial.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace fd2;
using channel::load_policy;
using channel::trial_outcome;
using channel::trust_source;

namespace {

const std::string plugins = FD2_TRIAL_PLUGINS;

/// $XDG_STATE_HOME, for the life of the test.
struct state_home {
    scratch directory;
    state_home() { ::setenv("XDG_STATE_HOME", directory.path().c_str(), 1); }
    ~state_home() { ::unsetenv("XDG_STATE_HOME"); }
};

struct heard final : observer {
    void on_event(const event& what) noexcept override {
        text += std::string(what.message) + "\n";
        highest = std::max(highest, what.level);
    }
    std::string text;
    severity highest = severity::trace;
};

/// The real trial, counted.
channel::trial counted(int& count, nanoseconds_t limit = 5 * second) {
    return [&count, run = runs::plugin_trial({FD2_TRIAL_PROGRAM}, limit)](
               int image, const std::string& hash, const std::string& shown) {
        ++count;
        return run(image, hash, shown);
    };
}

std::string file_of(const std::string& id) {
    return plugins + "/" + id + ".so";
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != text.npos;
}

trial_outcome try_file(const std::string& file, nanoseconds_t limit = 5 * second) {
    const unique_fd open(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(open);
    return runs::plugin_trial({FD2_TRIAL_PROGRAM}, limit)(open.get(), "", file);
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

TEST_CASE("an outcome is the same after the way from one process to another") {
    trial_outcome seen;
    seen.what = trial_outcome::kind::stuck;
    seen.why = {errc::timedout, ENOENT, "did not\nanswer"};
    seen.tried_by = "0.1.0";
    const auto told = channel::outcome_of(channel::line_of(seen));
    REQUIRE(told);
    CHECK(told->what == seen.what);
    CHECK(told->why.code == errc::timedout);
    CHECK(told->why.sys_errno == ENOENT);
    CHECK(told->why.message == "did not answer");
    CHECK(told->tried_by == "0.1.0");
    for (const char* damaged : {"", "fd2-trial", "fd2-trial 0 9 0", "fd2-trial 17 9 0 - x",
                                "fd2-trial 0 77 0 - x", "no fd2-trial 0 9 0 - x"}) {
        CHECK_FALSE(channel::outcome_of(damaged));
    }
}

TEST_CASE("what a trial comes to") {
    const std::size_t before = open_descriptors();
    CHECK(try_file(file_of("well-behaved")).what == trial_outcome::kind::passed);
    CHECK(try_file(file_of("crash-in-init")).what == trial_outcome::kind::broken);
    CHECK(try_file(file_of("refuses-open")).what == trial_outcome::kind::refused);
    const auto hung = try_file(file_of("hang-in-open"), second);
    CHECK(hung.what == trial_outcome::kind::stuck);
    CHECK(hung.why.message == "did not answer within 1 s in open");
    const scratch here;
    const auto none = try_file(here.write("text.so", "text"));
    CHECK(none.what == trial_outcome::kind::refused);
    CHECK(has(none.why.message, here / "text.so"));
    CHECK_FALSE(has(none.why.message, "/proc/"));
    CHECK(open_descriptors() == before);
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("without a program that answers there is no trial") {
    const unique_fd open(::open(file_of("well-behaved").c_str(), O_RDONLY | O_CLOEXEC));
    for (const char* program : {"/nowhere/fd2-conform", "/etc/passwd", "/bin/true"}) {
        const auto seen = runs::plugin_trial({program})(open.get(), "", "shown");
        CHECK(seen.what == trial_outcome::kind::untried);
        CHECK(has(seen.why.message, program));
    }
}

TEST_CASE("what is loaded is the copy that was tried, whatever happens to the file meanwhile") {
    const state_home home;
    const scratch here;
    const std::string file = here / "well-behaved.so";
    std::filesystem::copy_file(file_of("well-behaved"), file);
    channel::loader from({}, {});
    const auto run = runs::plugin_trial({FD2_TRIAL_PROGRAM});
    from.set_trial(
        load_policy::automatic,
        [&](int image, const std::string& hash, const std::string& shown) {
            auto seen = run(image, hash, shown);
            std::filesystem::copy_file(file_of("crash-at-load"), file,
                                       std::filesystem::copy_options::overwrite_existing);
            return seen;
        },
        nullptr);
    const auto loaded = from.load(file, trust_source::caller);
    REQUIRE(loaded);
    CHECK((*loaded)->id == "well-behaved");
}

TEST_CASE("a loader tries what it is told to, and remembers") {
    const state_home home;
    int count = 0;
    const scratch here;
    const std::string file = here / "well-behaved.so";
    std::filesystem::copy_file(file_of("well-behaved"), file);
    ::chmod(file.c_str(), 0755);
    bool own = true;
    const auto load = [&](load_policy set, std::optional<load_policy> asked = {}) {
        // Another file for the process, which maps each once; the same content.
        const std::string copy = here / ("copy-" + std::to_string(count) + ".new");
        std::filesystem::copy_file(file, copy, std::filesystem::copy_options::overwrite_existing);
        std::filesystem::rename(copy, file);
        channel::loader from({{here.path(), trust_source::verified, own}}, {});
        from.set_trial(set, counted(count), nullptr);
        const auto loaded = from.load("well-behaved", trust_source::verified, asked);
        REQUIRE(loaded);
    };
    const bool root = ::geteuid() == 0;
    load(load_policy::untried);
    CHECK(count == 0);
    if (root) {  // the file is root's, and came with this copy
        load(load_policy::automatic);
        CHECK(count == 0);
    }
    load(load_policy::untried, load_policy::always_tried);
    CHECK(count == 1);
    // A record counts for every directory; without one, root's file elsewhere is tried.
    std::filesystem::remove_all(home.directory.path() + "/fd2");
    own = false;
    load(load_policy::automatic);
    CHECK(count == 2);
    std::filesystem::remove_all(home.directory.path() + "/fd2");
    load(load_policy::automatic, load_policy::always_tried);
    CHECK(count == 3);
    count = 1;
    load(load_policy::always_tried);
    CHECK(count == 1);
}

TEST_CASE("one that hangs is not tried again by the same loader") {
    const state_home home;
    int count = 0;
    channel::loader from({}, {});
    from.set_trial(load_policy::automatic, counted(count, second), nullptr);
    for (int i = 0; i < 2; ++i) {
        const auto hung = from.load(file_of("hang-at-load"), trust_source::caller);
        REQUIRE_FALSE(hung);
        CHECK(hung.error().code == errc::timedout);
    }
    CHECK(count == 1);
    CHECK(std::filesystem::is_empty(home.directory.path()));
}

TEST_CASE("that there is no trial is said once, for those who want to know") {
    const state_home home;
    heard said;
    channel::loader from({}, {});
    from.set_trial(load_policy::automatic, runs::plugin_trial({}), &said);
    REQUIRE(from.load(file_of("well-behaved"), trust_source::caller));
    REQUIRE_FALSE(from.load(file_of("refuses-open") + ".not", trust_source::caller));
    REQUIRE(from.load(file_of("refuses-open"), trust_source::caller));
    CHECK(has(said.text, "plugins are loaded without a trial"));
    CHECK(said.text.find('\n') == said.text.size() - 1);
    CHECK(said.highest == severity::debug);
}

TEST_CASE("a host tries, falls to the next backend, and does not try again") {
    const state_home home;
    const char* const id = GENERATE("crash-at-load", "crash-in-init", "exit-at-load",
                                    "abort-at-load", "writes-everywhere", "leaves-orphan");
    CAPTURE(id);
    // Threads are what a program that embeds has, and why nothing may be forked.
    std::atomic<bool> over{false};
    std::thread busy([&] {
        while (!over) std::this_thread::yield();
    });
    for (int i = 0; i < 2; ++i) {
        host_options options;
        options.plugin_path = {plugins, FD2_TEST_BACKENDS};
        options.set = {std::string("backends.sync=") + id + ",pipe"};
        const unique_fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
        options.stderr_fd = null.get();
        const host here(options);
        auto command = ssh_command::from_argv({"/bin/sh", "-c", "echo words >&2; exit 7"});
        auto child = spawn(here, command);
        CHECK(child.wait().status.code() == 7);
        const auto seen = child.snapshot();
        CHECK(seen.backend == "pipe");
        CHECK(seen.total_bytes == 6);
        REQUIRE(seen.fallback.size() == 1);
        CHECK(has(seen.fallback.front().message, "when it was tried at") == (i == 1));
    }
    over = true;
    busy.join();
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}
