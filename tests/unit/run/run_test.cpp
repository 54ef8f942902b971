#include "run/poll_driver.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "channel/selection.hpp"
#include "process/spawn.hpp"
#include "support/catch.hpp"

using namespace fd2;

namespace {

/// A real child of /bin/sh with a channel on its stderr.
struct session {
    channel::loader plugins{{{FD2_TEST_BACKENDS, channel::trust_source::caller}}};
    channel::backend_pool pool{plugins, nullptr};
    settings::settings with;
    std::shared_ptr<runs::wakeup> bell;
    std::optional<runs::run> run;

    explicit session(const std::string& script, bool polled = false, runs::run_hooks hooks = {}) {
        auto made = runs::wakeup::make();
        REQUIRE(made);
        bell = *made;
        run.emplace(
            runs::end_policy{}, [this] { bell->ring(); }, std::move(hooks));
        runs::stderr_plan plan;
        plan.want.backends = {"pipe"};
        REQUIRE(run->open(
            plan, with, polled, nullptr, [this](const auto& want, auto setup, auto& attempts) {
                return channel::open_channel(pool, with, want, std::move(setup), &attempts);
            }));
        process::spawn_spec spec;
        spec.argv = {"/bin/sh", "-c", script};
        REQUIRE(run->spawn(std::move(spec)));
    }

    runs::outcome wait(const runs::end_policy& policy = {}, runs::poll_source* side = nullptr) {
        run->set_policy(policy);
        runs::run_to_exit(*run, bell.get(), {side});
        REQUIRE(run->ended());
        return *run->ended();
    }

    capture::snapshot record() const { return run->record()->take_snapshot(); }
};

}  // namespace

TEST_CASE("the wait returns the status, with all of the child's stderr") {
    session s("printf 'one\\ntwo' >&2; exit 7");
    CHECK(s.wait().status == exit_status::exited(7));
    CHECK(s.record().bytes == "one\ntwo");
    CHECK(s.record().end == end_kind::eof);
    CHECK_FALSE(s.run->open_channel());
}

/// Children inherit `inner`; whoever reads it ends when this object goes: no clock decides.
struct gate {
    gate() {
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        const unique_fd read_end(ends[0]);
        keep = unique_fd(ends[1]);
        inner = unique_fd(::dup(ends[0]));
    }
    std::string holder() const {
        return "cat </proc/self/fd/" + std::to_string(inner.get()) + " >/dev/null 2>&2 & ";
    }
    unique_fd keep;
    unique_fd inner;
};

TEST_CASE("an idle holder of the child's stderr does not hold up the wait") {
    const gate open;
    session s(open.holder() + "echo mine >&2; exit 3");
    CHECK(s.wait().status == exit_status::exited(3));
    CHECK(s.record().bytes == "mine\n");
    CHECK(s.record().end == end_kind::writers_remain);
}

TEST_CASE("a holder that never stops talking does not hold up the wait") {
    session s("(while :; do echo noise >&2 || exit; done) & echo mine >&2; exit 0");
    CHECK(s.wait({millisecond, 5 * millisecond}).status == exit_status::exited(0));
    CHECK(s.record().end == end_kind::writers_remain);
}

TEST_CASE("a child that closes its stderr early is still waited for") {
    session s("echo x >&2; exec 2>&-; exit 9");
    CHECK(s.wait().status == exit_status::exited(9));
    CHECK(s.record().bytes == "x\n");
}

TEST_CASE("a signal can end lingering at once") {
    const unique_fd raised(::eventfd(1, EFD_CLOEXEC));
    const gate open;
    session s(open.holder() + "exit 0");
    runs::poll_source side;
    side.descriptor = raised.get();
    bool ended = false;
    side.serve = [&]() -> result<bool> {
        // Only once the child has gone: until then the wait must go on.
        ended = ended || s.run->child().ended().has_value();
        return ended;
    };
    const auto how = s.wait({never, never}, &side);
    CHECK(how.cut_short);
    CHECK(how.status.success());
    CHECK(s.record().end == end_kind::writers_remain);
}

TEST_CASE("the driver may read the channel itself") {
    session s("printf 'one\\ntwo' >&2; exit 7", true);
    CHECK(s.run->open_channel()->watched() >= 0);
    CHECK(s.wait().status == exit_status::exited(7));
    CHECK(s.record().bytes == "one\ntwo");
    CHECK(s.record().end == end_kind::eof);
}

TEST_CASE("whoever else holds the stderr can be followed to its end") {
    std::optional<exit_status> told;
    runs::run_hooks hooks;
    gate open;
    hooks.following = [&](exit_status status) {
        told = status;
        open.keep.reset();  // the holder goes on, says one thing more and ends
    };
    const bool polled = GENERATE(false, true);
    session s("(cat </proc/self/fd/" + std::to_string(open.inner.get()) +
                  " >/dev/null; echo late >&2) & echo mine >&2; exit 3",
              polled, std::move(hooks));
    const auto how = s.wait({millisecond, 5 * millisecond, true});
    CHECK(told == exit_status::exited(3));
    CHECK(how.final);
    CHECK(how.status == exit_status::exited(3));
    CHECK(s.record().bytes == "mine\nlate\n");
    CHECK(s.record().end == end_kind::eof);
}

TEST_CASE("an outcome that is not final says so, and the run goes on") {
    gate open;
    session s(open.holder() + "exit 0");
    CHECK_FALSE(s.wait({millisecond, 5 * millisecond, true}).final);
    CHECK(s.run->open_channel());
    open.keep.reset();
    while (!s.run->step(nothing).over) {
        pollfd rung{s.bell->descriptor(), POLLIN, 0};
        REQUIRE(::poll(&rung, 1, -1) == 1);
        s.bell->clear();
    }
    CHECK(s.run->ended()->final);
    CHECK(s.record().end == end_kind::eof);
}
