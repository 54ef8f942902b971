// A worker that is forked from a program with children: what it has of ours is a copy, and goes
// without a trace.
#include <fd2/loop_child.hpp>

#include <memory>

#include "library/support.hpp"

using namespace library_test;
using fd2::exit_status;

TEST_CASE("a forked worker that goes leaves the parent's child alone") {
    auto host = std::make_unique<const test_host>(std::vector<std::string>{"surface=never"});
    auto command = shell("cat; echo ended by myself >&2");
    auto child = std::make_unique<fd2::SshConnection>(fd2::spawn(*host, command));
    CHECK(in_worker([&] {
              auto lines = child->subscribe();
              const auto record = child->record();
              std::error_code failed;
              child->kill(SIGKILL, failed);
              if (!failed) return 1;
              (void)child->wait(failed);
              if (!failed) return 2;
              child.reset();
              host.reset();
              return 0;
          }) == 0);
    const auto [report, last] = child->wait_with_stderr();
    CHECK(report.status == exit_status::exited(0));
    CHECK(last.bytes == "ended by myself\n");
}

TEST_CASE("a forked worker lets go of what its parent follows") {
    gate held;
    auto host = std::make_unique<const test_host>(
        std::vector<std::string>{"finish.writers-remain=follow", "surface=never"});
    auto command = shell(held.holder("afterwards") + "echo mine >&2");
    auto child = fd2::spawn(*host, command);
    const auto report = child.wait();
    CHECK_FALSE(report.final);
    CHECK(in_worker([&] {
              host.reset();
              return 0;
          }) == 0);
    held.open();
    while (!report.record.snapshot().final) std::this_thread::yield();
    CHECK(report.record.output() == "mine\nafterwards\n");
}

TEST_CASE("a forked worker of a program with a loop leaves the loop's child alone") {
    auto host = std::make_unique<const test_host>(std::vector<std::string>{"surface=never"});
    auto command = shell("cat");
    auto child = fd2::loop_child::spawn(*host, command, [] {});
    auto in = child->take_in();
    CHECK(in_worker([&] {
              child->abandon();
              child.reset();
              host.reset();
              return 0;
          }) == 0);
    in.close();
    while (!child->exited()) {
        const auto next = child->step(fd2::exit_ready);
        if (child->exited() || next.exit_fd < 0) break;
        pollfd end{next.exit_fd, POLLIN, 0};
        REQUIRE(::poll(&end, 1, 60'000) == 1);
    }
    REQUIRE(child->exited());
    CHECK(*child->exited() == exit_status::exited(0));
}
