#include "channel/selection.hpp"

#include <mutex>
#include <vector>

#include "settings/values.hpp"
#include "support/catch.hpp"

using namespace fd2;

namespace {

/// Keeps what it is told.
class listener final : public observer {
  public:
    void on_event(const event& what) noexcept override {
        const std::lock_guard lock(mutex_);
        all_.emplace_back(what.backend, what.message);
    }
    std::size_t count(std::string_view backend, std::string_view part) {
        const std::lock_guard lock(mutex_);
        std::size_t n = 0;
        for (const auto& [from, text] : all_) n += from == backend && text.find(part) != text.npos;
        return n;
    }

  private:
    std::mutex mutex_;
    std::vector<std::pair<std::string, std::string>> all_;
};

struct bench {
    listener heard;
    channel::loader plugins{{{FD2_TEST_BACKENDS, channel::trust_source::caller},
                             {FD2_TEST_REFUSERS, channel::trust_source::caller}}};
    channel::backend_pool pool{plugins, &heard};
    settings::settings with;
    std::vector<channel::attempt> attempts;

    result<channel::selected> open(std::vector<std::string> names, bool inherit = true) {
        attempts.clear();
        channel::open_request want;
        want.backends = std::move(names);
        want.inherit = inherit;
        return channel::open_channel(pool, with, want, {}, &attempts);
    }
};

}  // namespace

TEST_CASE("the first backend of the list that works carries the channel") {
    bench b;
    const auto got = b.open({"pipe", "refuse-internal"});
    REQUIRE(got);
    REQUIRE(got->opened);
    CHECK(got->opened->backend() == "pipe");
    CHECK(got->attempts.empty());
}

TEST_CASE("a missing plugin is a step of the attempts, not an error") {
    bench b;
    const auto got = b.open({"tcpshim-that-is-not-there", "pipe"});
    REQUIRE(got);
    REQUIRE(got->opened);
    REQUIRE(got->attempts.size() == 1);
    CHECK(got->attempts[0].backend == "tcpshim-that-is-not-there");
    CHECK(got->attempts[0].why.code == errc::unsupported);
    CHECK(got->attempts[0].why.message.find(FD2_TEST_BACKENDS) != std::string::npos);
}

TEST_CASE("every error code does what the contract says") {
    struct expectation {
        const char* id;
        errc code;
        bool asked_again;
    };
    const auto [id, code, asked_again] = GENERATE(values<expectation>({
        {"refuse-unsupported", errc::unsupported, false},
        {"refuse-timedout", errc::timedout, false},
        {"refuse-internal", errc::internal, false},
        {"refuse-resource", errc::resource, true},
        {"refuse-denied", errc::denied, true},
        {"refuse-init-resource", errc::resource, true},
        {"refuse-init-internal", errc::internal, false},
        {"refuse-start-resource", errc::resource, true},
        {"refuse-start-unsupported", errc::unsupported, false},
        {"refuse-start-internal", errc::internal, false},
    }));
    CAPTURE(id);
    bench b;
    for (int round = 0; round < 3; ++round) {
        const auto got = b.open({id, "pipe"});
        REQUIRE(got);
        REQUIRE(got->opened);
        REQUIRE(got->attempts.size() == 1);
        CHECK(got->attempts[0].why.code == code);
    }
    CHECK(b.heard.count(id, "asked") == (asked_again ? 3 : 1));
    // One record a backend and cause, not one a channel.
    CHECK(b.heard.count(id, "not used") == 1);
}

TEST_CASE("a wrong configuration stops the search") {
    bench b;
    const auto refused = b.open({"refuse-config", "pipe"});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == errc::config);

    settings::raw_option wrong;
    wrong.text = "much";
    wrong.at = {settings::source::file, "/etc/fd2/fd2.yaml", 7, 15};
    b.with.options["pipe"]["capacity"] = wrong;
    const auto got = b.open({"pipe"});
    REQUIRE_FALSE(got);
    CHECK(got.error().code == errc::config);
    CHECK(got.error().message.find("/etc/fd2/fd2.yaml:7:15") != std::string::npos);
    CHECK(got.error().message.find("options.pipe.capacity") != std::string::npos);
}

TEST_CASE(
    "an option that the backend itself refuses is told with the backend and where it was set") {
    bench b;
    const auto set = [&](const char* backend, const char* option, const char* text, auto line) {
        settings::raw_option one;
        one.text = text;
        one.guess = settings::guess(text, false);
        one.at = {settings::source::file, "/etc/fd2/fd2.yaml", line, 5};
        b.with.options[backend][option] = one;
    };
    set("refuse-config", "unused", "true", 3U);
    const auto refused = b.open({"refuse-config", "pipe"});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message ==
          "backend refuse-config: refused: open; options.refuse-config.unused is set by "
          "/etc/fd2/fd2.yaml:3:5");
    b.with.options.clear();
    const auto bare = b.open({"refuse-config"});
    REQUIRE_FALSE(bare);
    CHECK(bare.error().message.starts_with("backend refuse-config: refused: open"));
}

TEST_CASE("options reach the backend") {
    bench b;
    settings::raw_option size;
    size.text = "128KiB";
    size.guess = settings::scalar_guess::size;
    b.with.options["pipe"]["capacity"] = size;
    const auto got = b.open({"pipe"});
    REQUIRE(got);
    CHECK(got->opened->info().capacity == 128 * 1024);
}

TEST_CASE("a call that the contract forbids is named as a bug") {
    bench b;
    const auto got = b.open({"refuse-state", "pipe"});
    REQUIRE(got);
    CHECK(got->attempts[0].why.message.find("bug") != std::string::npos);
}

TEST_CASE("a backend that lacks a required capability is passed over") {
    bench b;
    b.with.require = {settings::capability::tty};
    const auto lacking = b.open({"pipe"}, false);
    REQUIRE_FALSE(lacking);
    REQUIRE(b.attempts.size() == 1);
    CHECK(b.attempts[0].why.message == "does not meet `require`: lacks tty");

    b.with.require = {settings::capability::reopenable, settings::capability::wake};
    const auto got = b.open({"refuse-resource", "pipe"});
    REQUIRE(got);
    CHECK(got->opened->backend() == "pipe");
    CHECK(b.heard.count("refuse-resource", "asked") == 0);
}

TEST_CASE("when all refuse, the child inherits, unless that is forbidden") {
    bench b;
    const auto inherits = b.open({"refuse-resource", "refuse-denied"});
    REQUIRE(inherits);
    CHECK_FALSE(inherits->opened);
    CHECK(inherits->attempts.size() == 2);

    const auto forbidden = b.open({"refuse-resource", "refuse-denied"}, false);
    REQUIRE_FALSE(forbidden);
    CHECK(forbidden.error().message.find("refuse-resource: refused: open") != std::string::npos);
    CHECK(forbidden.error().message.find("refuse-denied") != std::string::npos);
}

TEST_CASE("a requirement of commands other than ssh is named") {
    bench b;
    channel::open_request want;
    want.backends = {"socketpair", "tcpshim", "pipe"};
    want.unless_ssh = {settings::capability::reopenable};
    const auto got = channel::open_channel(b.pool, b.with, want, {}, &b.attempts);
    REQUIRE(got);
    REQUIRE(got->opened);
    CHECK(got->opened->backend() == "pipe");
    REQUIRE(b.attempts.size() == 2);
    CHECK(b.attempts[0].why.message == "does not meet `require-unless-ssh`: lacks reopenable");
}

TEST_CASE("what is known of a backend without its plugin is what the plugin says") {
    bench b;
    for (const char* id : {"socketpair", "tcpshim"}) {
        const auto loaded = b.plugins.load(id);
        REQUIRE(loaded);
        CHECK(((*loaded)->backend->caps & FD2_CAP_REOPENABLE) == 0);
    }
}
