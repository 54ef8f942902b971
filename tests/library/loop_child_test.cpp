// The async transport's machine, driven by poll(2).
#include <fd2/loop_child.hpp>

#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "library/support.hpp"

using namespace library_test;
using fd2::exit_status;

namespace {

/// A loop of a few lines. Counts what it did.
class poll_loop {
  public:
    poll_loop() : bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { REQUIRE(bell_ >= 0); }
    ~poll_loop() { ::close(bell_); }

    std::function<void()> bell() {
        return [this] {
            const std::uint64_t one = 1;
            if (::write(bell_, &one, sizeof(one)) < 0) return;
        };
    }

    /// Steps until the child is over, or `until` holds after a step.
    void run(
        fd2::loop_child& child, const std::function<bool()>& until = [] { return false; }) {
        for (;;) {
            const fd2::loop_wants next = child.step(events_);
            ++steps;
            if (next.over || until()) return;
            events_ = wait(next);
        }
    }

    int steps = 0;

  private:
    unsigned wait(const fd2::loop_wants& next) {
        pollfd ready[3] = {{bell_, POLLIN, 0},
                           {next.watch_stderr ? next.stderr_fd : -1, POLLIN, 0},
                           {next.exit_fd, POLLIN, 0}};
        int timeout = -1;
        if (next.deadline != std::chrono::steady_clock::time_point::max()) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(
                next.deadline - std::chrono::steady_clock::now());
            timeout = static_cast<int>(std::max<std::int64_t>(0, left.count()));
        }
        if (next.soon) timeout = 0;
        REQUIRE(::poll(ready, 3, timeout) >= 0);
        std::uint64_t rung = 0;
        if (ready[0].revents != 0) REQUIRE(::read(bell_, &rung, sizeof(rung)) == 8);
        return (ready[1].revents != 0 ? unsigned{fd2::stderr_ready} : 0u) |
               (ready[2].revents != 0 ? unsigned{fd2::exit_ready} : 0u);
    }

    int bell_;
    unsigned events_ = 0;
};

const std::vector<std::string> media = {"backends.async=pipe", "backends.async=socketpair",
                                        "backends.async=tcpshim",
                                        "backends.async=tokio-like-async"};

}  // namespace

TEST_CASE("a loop of one's own carries a child from start to end, without a thread", "[captures]") {
    const std::size_t alone = threads();
    for (const auto& backend : media) {
        const test_host host({backend, "surface=never"});
        auto command = shell("echo one >&2; cat; printf two >&2; exit 6");
        poll_loop loop;
        const auto child = fd2::loop_child::spawn(host, command, loop.bell());
        auto in = child->take_in();
        auto out = child->take_out();
        in.write("wire");
        in.close();
        CHECK_FALSE(child->exited());
        CHECK_FALSE(child->report());
        loop.run(*child);
        CHECK(out.read_all() == "wire");
        CHECK(threads() == alone);
        REQUIRE(child->report());
        CHECK(child->report()->status == exit_status::exited(6));
        CHECK(child->exited() == exit_status::exited(6));
        CHECK(child->report()->end == fd2::end_kind::eof);
        CHECK(child->stderr_output() == "one\ntwo");
        CHECK("backends.async=" + child->snapshot().backend == backend);
        CHECK(host.seen.take() == "one\ntwo");
        CHECK_FALSE(has_children());
    }
}

TEST_CASE("with the flag off the child inherits our stderr and nothing is captured") {
    test_pipe inherited;
    const int before = ::dup(2);
    const test_host host({}, false);
    auto command = shell("echo to whoever started us >&2; exit 1");
    auto lines = command.subscribe();
    poll_loop loop;
    REQUIRE(::dup2(inherited.write_end(), 2) == 2);
    auto child = fd2::loop_child::spawn(host, command, loop.bell());
    REQUIRE(::dup2(before, 2) == 2);
    ::close(before);
    loop.run(*child);
    CHECK(child->report()->status == exit_status::exited(1));
    CHECK(child->report()->end == fd2::end_kind::none);
    CHECK(child->snapshot().backend == "inherit");
    CHECK(child->snapshot().final);
    CHECK(child->stderr_output().empty());
    CHECK(lines.finished());
    CHECK(inherited.take() == "to whoever started us\n");
    CHECK(host.seen.take().empty());
}

TEST_CASE("where no backend can be used the child inherits, unless that is not allowed",
          "[captures]") {
    const test_host host({"backends.async=/nowhere/gone.so"});
    auto command = shell("exit 2");
    poll_loop loop;
    auto child = fd2::loop_child::spawn(host, command, loop.bell());
    loop.run(*child);
    CHECK(child->snapshot().backend == "inherit");
    REQUIRE(child->snapshot().fallback.size() == 1);
    const test_host strict({"backends.async=/nowhere/gone.so", "fallback.inherit=false"});
    std::error_code failed;
    std::string why;
    CHECK_FALSE(fd2::loop_child::spawn(strict, command, loop.bell(), failed, &why));
    CHECK(failed == fd2::errc::unsupported);
    CHECK(why.find("/nowhere/gone.so") != why.npos);
    CHECK_FALSE(has_children());
}

TEST_CASE("a full stderr of ours pauses the child's, and room resumes it", "[captures]") {
    const test_host host({"forward.when-blocked=wait", "surface=never"});
    auto command = shell(many_lines(30000));
    poll_loop loop;
    const auto child = fd2::loop_child::spawn(host, command, loop.bell());
    const eager_reader reader(host.seen);
    loop.run(*child);
    const auto report = *child->report();
    CHECK(report.success());
    CHECK(report.forwarded_bytes == child->snapshot().total_bytes);
    CHECK(report.forward_dropped == 0);
}

TEST_CASE("a stuck stderr of ours ends in the stall limit, with the record complete",
          "[captures]") {
    const test_host host({"forward.stall=50ms", "surface=on-loss"});
    host.seen.fill();
    auto command = shell("echo lost >&2; exit 1");
    poll_loop loop;
    const auto child = fd2::loop_child::spawn(host, command, loop.bell());
    loop.run(*child);
    CHECK(child->stderr_output() == "lost\n");
    CHECK(child->report()->forward_dropped == 5);
}

TEST_CASE("a failure that was not shown is surfaced on the loop as well", "[captures]") {
    const test_host host({"forward.mode=off"});
    auto command = shell("echo why >&2; exit 9");
    poll_loop loop;
    const auto child = fd2::loop_child::spawn(host, command, loop.bell());
    loop.run(*child);
    CHECK(host.seen.take() == "sh process exited with status 9:\nwhy\n");
}

TEST_CASE("a holder of the stderr does not hold up the loop's end; followed, it goes on",
          "[captures]") {
    for (const bool follow : {false, true}) {
        gate held;
        const test_host host({"surface=never", follow ? "finish.writers-remain=follow"
                                                      : "finish.writers-remain=leave"});
        auto command = shell(held.holder("after") + "echo mine >&2; exit 3");
        poll_loop loop;
        const auto child = fd2::loop_child::spawn(host, command, loop.bell());
        loop.run(*child, [&] { return child->report().has_value(); });
        CHECK(child->report()->status == exit_status::exited(3));
        CHECK(child->stderr_output() == "mine\n");
        CHECK(child->report()->final == !follow);
        if (!follow) {
            CHECK(child->report()->end == fd2::end_kind::writers_remain);
            continue;
        }
        held.open();
        loop.run(*child);
        CHECK(child->report()->final);
        CHECK(child->report()->end == fd2::end_kind::eof);
        CHECK(child->stderr_output() == "mine\nafter\n");
    }
}

TEST_CASE("a flood by others ends at the linger's limit, with the child's own bytes in",
          "[captures]") {
    const test_host host({"finish.linger=1ms", "finish.linger-max=5ms", "forward.mode=off",
                          "surface=never", "capture.tail=64MiB"});
    auto command = shell("(while :; do echo noise >&2 || exit; done) & echo mine >&2; exit 0");
    poll_loop loop;
    const auto child = fd2::loop_child::spawn(host, command, loop.bell());
    loop.run(*child);
    CHECK(child->report()->end == fd2::end_kind::writers_remain);
    CHECK(child->stderr_output().find("mine\n") != std::string::npos);
}

TEST_CASE("a backend that no loop can drive runs on its own thread and rings", "[captures]") {
    const std::size_t alone = threads();
    const test_host host({"backends.async=" FD2_TEST_UNPOLLABLE, "surface=never"});
    auto command = shell("read x; echo one >&2; exit 6");
    poll_loop loop;
    const auto child = fd2::loop_child::spawn(host, command, loop.bell());
    CHECK(threads() == alone + 1);
    child->take_in().close();
    loop.run(*child);
    CHECK(child->report()->end == fd2::end_kind::eof);
    CHECK(child->stderr_output() == "one\n");
    CHECK(threads() == alone);
}

TEST_CASE("an abandoned child is killed and collected; one that is dropped as well", "[captures]") {
    const test_host host({"surface=never"});
    auto command = shell("trap '' TERM; echo x >&2; exec sleep 1000");
    poll_loop loop;
    {
        const auto child = fd2::loop_child::spawn(host, command, loop.bell());
        loop.run(*child, [&] { return child->snapshot().total_bytes == 2; });
        child->abandon();
        loop.run(*child);
        CHECK(child->report()->status == exit_status::signalled(SIGKILL, false));
        CHECK_FALSE(has_children());
    }
    const auto child = fd2::loop_child::spawn(host, command, loop.bell());
    CHECK(has_children());
}

TEST_CASE("what was dropped while it ran has left nothing", "[captures]") {
    const std::size_t alone = threads();
    const test_host host({"surface=never"});
    std::size_t before = 0;
    for (int i = 0; i < 3; ++i) {
        {
            auto command = shell("exec sleep 1000");
            poll_loop loop;
            auto child = fd2::loop_child::spawn(host, command, loop.bell());
            (void)child->step(0);
        }
        // From the second time on: the backend is loaded.
        if (i > 0) CHECK(open_descriptors() == before);
        before = open_descriptors();
    }
    CHECK_FALSE(has_children());
    CHECK(threads() == alone);
}
