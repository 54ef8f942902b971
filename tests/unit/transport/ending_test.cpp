#include "transport/ending.hpp"

#include <fcntl.h>
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
    loader::loader plugins{{{FD2_TEST_BACKENDS, loader::trust::callers}}};
    channel::backend_pool pool{plugins, nullptr};
    settings::settings with;
    std::optional<transport::end_signal> ended;
    std::unique_ptr<channel::channel> carried;
    std::shared_ptr<capture::capture> record;
    std::optional<process::child> child;

    explicit session(const std::string& script) {
        auto signal = transport::end_signal::make();
        REQUIRE(signal);
        ended.emplace(std::move(*signal));
        channel::channel_setup setup;
        setup.on_ended = [this] { ended->raise(); };
        channel::wish want;
        want.backends = {"pipe"};
        auto got = channel::open_channel(pool, with, want, std::move(setup));
        REQUIRE(got);
        carried = std::move(got->opened);
        record = carried->record();
        auto end = carried->take_child_end();
        REQUIRE(end);
        process::spawn_spec spec;
        spec.argv = {"/bin/sh", "-c", script};
        spec.standard_error = end->get();
        auto made = process::spawn(spec);
        REQUIRE(made);
        child.emplace(std::move(*made));
    }

    transport::ending wait(const transport::end_policy& policy = {},
                           const transport::side_duty* side = nullptr) {
        auto out = transport::wait_to_end({*child, carried, &*ended}, policy, side);
        REQUIRE(out);
        return *out;
    }
};

}  // namespace

TEST_CASE("the wait returns the status, with all of the child's stderr") {
    session s("printf 'one\\ntwo' >&2; exit 7");
    CHECK(s.wait().status == exit_status::exited(7));
    CHECK(s.record->look().bytes == "one\ntwo");
    CHECK(s.record->look().end == end_kind::eof);
    CHECK_FALSE(s.carried);
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
    CHECK(s.record->look().bytes == "mine\n");
    CHECK(s.record->look().end == end_kind::writers_remain);
}

TEST_CASE("a holder that never stops talking does not hold up the wait") {
    session s("(while :; do echo noise >&2 || exit; done) & echo mine >&2; exit 0");
    CHECK(s.wait({millisecond, 5 * millisecond}).status == exit_status::exited(0));
    CHECK(s.record->look().end == end_kind::writers_remain);
}

TEST_CASE("a child that closes its stderr early is still waited for") {
    session s("echo x >&2; exec 2>&-; exit 9");
    CHECK(s.wait().status == exit_status::exited(9));
    CHECK(s.record->look().bytes == "x\n");
}

TEST_CASE("a side duty can end lingering at once") {
    const unique_fd raised(::eventfd(1, EFD_CLOEXEC));
    const gate open;
    session s(open.holder() + "exit 0");
    transport::side_duty side;
    side.descriptor = raised.get();
    bool ended = false;
    side.serve = [&]() -> result<bool> {
        // Only once the child has gone: until then the wait must go on.
        ended = ended || s.child->ended().has_value();
        return ended;
    };
    const auto how = s.wait({never, never}, &side);
    CHECK(how.cut_short);
    CHECK(how.status.success());
    CHECK(s.record->look().end == end_kind::writers_remain);
}
