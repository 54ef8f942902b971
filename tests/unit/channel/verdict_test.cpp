// What fd2 conform recorded of a plugin, and who believes it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "channel/selection.hpp"
#include "channel/verdict_store.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace fd2;
using channel::recorded_verdict;

namespace {

/// $XDG_STATE_HOME, for the life of the test.
struct state_home {
    scratch directory;
    state_home() { ::setenv("XDG_STATE_HOME", directory.path().c_str(), 1); }
    ~state_home() { ::unsetenv("XDG_STATE_HOME"); }
};

const std::string pipe_file = std::string(FD2_TEST_BACKENDS) + "/pipe.so";

std::string hash_of(const std::string& file) {
    const unique_fd open(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(open);
    const auto hash = channel::content_hash(open.get());
    REQUIRE(hash);
    return *hash;
}

recorded_verdict refuting(std::uint64_t caps) {
    return {false, caps, {"H05", "K01"}, "0.1.0", "2026-11-29T08:30:00Z"};
}

result<channel::selected> open_pipe(bool asks) {
    channel::loader plugins{{{FD2_TEST_BACKENDS, channel::trust_source::caller}}};
    if (asks) plugins.ask_for_verdicts();
    channel::backend_pool pool{plugins, nullptr};
    settings::settings config;
    config.require = {settings::capability::reopenable};
    channel::open_request want;
    want.backends = {"pipe"};
    want.inherit = false;
    return channel::open_channel(pool, config, want, {});
}

}  // namespace

TEST_CASE("the hash of a plugin is the SHA-256 of its content") {
    const scratch here;
    const std::string file = here.path() + "/abc";
    std::ofstream(file) << "abc";
    CHECK(hash_of(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("a verdict is found as it was recorded, and replaced by the next") {
    const state_home home;
    const std::string hash(64, 'a');
    ::umask(0);  // a directory that others may write would not be trusted
    CHECK_FALSE(channel::find_verdict(hash));
    const auto file = channel::record_verdict(hash, refuting(FD2_CAP_REOPENABLE | FD2_CAP_TTY));
    REQUIRE(file);
    const auto found = channel::find_verdict(hash);
    REQUIRE(found);
    CHECK_FALSE(found->conforms);
    CHECK(found->refuted == (FD2_CAP_REOPENABLE | FD2_CAP_TTY));
    CHECK(found->failed == std::vector<std::string>{"H05", "K01"});
    CHECK(found->checked_by == "0.1.0");
    CHECK(found->time == "2026-11-29T08:30:00Z");
    recorded_verdict good;
    good.conforms = true;
    REQUIRE(channel::record_verdict(hash, good));
    CHECK(channel::find_verdict(hash)->conforms);
}

TEST_CASE("a verdict that others may write, or that is damaged, is none") {
    const state_home home;
    const std::string hash(64, 'b');
    const auto file = channel::record_verdict(hash, refuting(FD2_CAP_TTY));
    REQUIRE(file);
    SECTION("writable by others") {
        REQUIRE(::chmod(file->c_str(), 0646) == 0);
    }
    SECTION("of another kind") {
        std::ofstream(*file) << "conforms yes\n";
    }
    SECTION("cut short") {
        std::ofstream(*file) << "fd2-verdict 1\nconforms\n";
    }
    CHECK_FALSE(channel::find_verdict(hash));
}

TEST_CASE("require does not believe a claim that was refuted") {
    const state_home home;
    REQUIRE(open_pipe(true));
    REQUIRE(channel::record_verdict(hash_of(pipe_file), refuting(FD2_CAP_WAKE)));
    REQUIRE(open_pipe(true));  // another claim
    REQUIRE(channel::record_verdict(hash_of(pipe_file), refuting(FD2_CAP_REOPENABLE)));
    const auto refused = open_pipe(true);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("claims reopenable, which fd2 conform has refuted") !=
          std::string::npos);
    CHECK(open_pipe(false));  // nobody asked
}
