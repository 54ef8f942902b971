// How things end: others who hold the stderr, and owners who do not wait.
#include <sstream>
#include <thread>

#include "library/support.hpp"

using namespace library_test;
using fd2::exit_status;

TEST_CASE("a holder of the child's stderr does not hold up the wait") {
    gate held;
    const test_host host({"surface=never"});
    auto command = shell(held.holder() + "echo mine >&2; exit 3");
    auto child = fd2::spawn(host, command);
    const auto [report, last] = child.wait_with_stderr();
    CHECK(report.status == exit_status::exited(3));
    CHECK(report.end == fd2::end_kind::writers_remain);
    CHECK(report.final);
    CHECK(last.bytes == "mine\n");
}

TEST_CASE("others who are followed go on after the wait; the record becomes final with them") {
    gate held;
    const test_host host({"finish.writers-remain=follow", "surface=never"});
    auto command = shell(held.holder("afterwards") + "echo mine >&2; exit 3");
    auto child = fd2::spawn(host, command);
    const auto [report, last] = child.wait_with_stderr();
    CHECK(report.status == exit_status::exited(3));
    CHECK(report.end == fd2::end_kind::none);
    CHECK_FALSE(report.final);
    CHECK(last.bytes == "mine\n");
    held.open();
    while (!report.record.snapshot().final) std::this_thread::yield();
    CHECK(report.record.output() == "mine\nafterwards\n");
    CHECK(report.record.snapshot().end == fd2::end_kind::eof);
    CHECK(host.seen.take() == "mine\nafterwards\n");
}

TEST_CASE("a host that goes takes what followed stderr holds, and lets it go") {
    const std::size_t alone = threads();
    gate held;
    test_pipe seen;
    fd2::stderr_record record;
    {
        const fd2::host host(test_host::options({"finish.writers-remain=follow", "surface=never"},
                                                true, seen.write_end()));
        auto command = shell(held.holder() + "echo mine >&2");
        record = fd2::spawn(host, command).wait().record;
        CHECK_FALSE(record.snapshot().final);
    }
    CHECK(record.snapshot().final);
    CHECK(record.output() == "mine\n");
    CHECK(threads() == alone);
}

TEST_CASE("a dropped connection ends a child that waits for its stdin, and collects it") {
    const std::size_t alone = threads();
    const test_host host({"surface=never"});
    warm_up(host);
    const std::size_t before = open_descriptors();
    fd2::stderr_record record;
    {
        auto command = shell("cat >/dev/null; echo ended by myself >&2");
        auto child = fd2::spawn(host, command);
        record = child.record();
    }
    CHECK_FALSE(has_children());
    CHECK(record.output() == "ended by myself\n");
    CHECK(record.snapshot().final);
    CHECK(open_descriptors() == before);
    CHECK(threads() == alone);
}

TEST_CASE("a connection that is assigned over goes like one that is dropped") {
    const test_host host({"surface=never"});
    auto command = shell("cat >/dev/null; echo ended by myself >&2");
    auto child = fd2::spawn(host, command);
    const auto record = child.record();
    child = fd2::spawn(host, command);
    CHECK(record.output() == "ended by myself\n");
    CHECK(child.wait().success());
}

TEST_CASE("a child has no signal blocked and SIGPIPE at its default, whatever we do") {
    const test_host host({"surface=never"});
    const auto before = ::signal(SIGPIPE, SIG_IGN);
    sigset_t all;
    sigset_t mask;
    ::sigfillset(&all);
    REQUIRE(::pthread_sigmask(SIG_BLOCK, &all, &mask) == 0);
    auto command = shell("grep -E '^Sig(Blk|Ign)' /proc/self/status");
    auto child = fd2::spawn(host, command);
    const std::string said = child.out().read_all();
    child.wait();
    REQUIRE(::pthread_sigmask(SIG_SETMASK, &mask, nullptr) == 0);
    ::signal(SIGPIPE, before);
    std::istringstream lines(said);
    std::string name;
    std::uint64_t bits = 0;
    int seen = 0;
    while (lines >> name >> std::hex >> bits) {
        ++seen;
        if (name == "SigBlk:") CHECK(bits == 0);
        if (name == "SigIgn:") CHECK((bits & (1u << (SIGPIPE - 1))) == 0);
    }
    CHECK(seen == 2);
}

TEST_CASE("a dropped child that goes on is killed and collected, whoever holds its stderr") {
    gate held;
    const test_host host;
    {
        auto command = shell(held.holder() + "trap '' TERM HUP; echo here >&2; exec sleep 1000");
        auto child = fd2::spawn(host, command);
        while (child.stderr_output().empty()) std::this_thread::yield();
    }
    CHECK_FALSE(has_children());
    // What we killed is no failure of the child's: nothing is surfaced.
    CHECK(host.seen.take() == "here\n");
}

TEST_CASE("dropping a split child leaves the wire to its owner") {
    const test_host host({"surface=never"});
    auto command = shell("exec cat");
    auto parts = fd2::spawn(host, command).split();
    {
        const fd2::SshChild dropped = std::move(parts.child);
        parts.in.write("x");
        char c = 0;
        CHECK(parts.out.read_some(&c, 1) == 1);
    }
    CHECK_FALSE(has_children());
    CHECK(parts.out.read_all().empty());
    std::error_code failed;
    parts.in.write("y", failed);
    CHECK(failed == std::errc::broken_pipe);
}

TEST_CASE("SIGCHLD ignored loses the status and nothing else") {
    const auto before = ::signal(SIGCHLD, SIG_IGN);
    const test_host host({"surface=never"});
    auto command = shell("echo x >&2; exit 5");
    auto child = fd2::spawn(host, command);
    const auto [report, last] = child.wait_with_stderr();
    ::signal(SIGCHLD, before);
    CHECK(report.status == exit_status::lost(ECHILD));
    CHECK(last.bytes == "x\n");
}

TEST_CASE("many connections at once, each waited for by a thread of its own") {
    const test_host host({"forward.mode=off", "surface=never"});
    std::vector<std::thread> all;
    std::atomic<int> good{0};
    for (int i = 0; i < 16; ++i) {
        all.emplace_back([&host, &good, i] {
            const std::string id = std::to_string(i);
            auto command = shell("cat; echo err" + id + " >&2; exit " + id);
            auto child = fd2::spawn(host, command);
            child.in().write("in" + id);
            child.in().close();
            const bool wire = child.out().read_all() == "in" + id;
            const auto [report, last] = child.wait_with_stderr();
            if (wire && last.bytes == "err" + id + "\n" &&
                report.status == exit_status::exited(i)) {
                ++good;
            }
        });
    }
    for (auto& one : all) one.join();
    CHECK(good == 16);
}
