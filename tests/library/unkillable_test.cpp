// Children that cannot be killed: a profile refuses it here, as the kernel does for a child that
// became another user.
#include <sys/syscall.h>
#include <fd2/loop_child.hpp>

#include <functional>
#include <mutex>

#include "library/support.hpp"
#include "support/deny.hpp"

using namespace library_test;

namespace {

class listener final : public fd2::observer {
  public:
    void on_event(const fd2::event& what) noexcept override {
        const std::lock_guard lock(mutex_);
        said_ += std::string(what.message) + "\n";
    }
    bool said(const std::string& text) {
        const std::lock_guard lock(mutex_);
        return said_.find(text) != std::string::npos;
    }

  private:
    std::mutex mutex_;
    std::string said_;
};

fd2::host watched(listener& watch, int stderr_fd) {
    auto options = test_host::options({"surface=never"}, flag_under_test(), stderr_fd);
    options.watch = &watch;
    return fd2::host(options);
}

/// Ends what the worker could not, from outside of its profile.
int in_worker_that_may_not_kill(const std::function<int(listener&, int, int)>& body) {
    const test_pipe seen, pids;
    const int code = in_worker([&] {
        if (!deny(SYS_pidfd_send_signal) || !deny(SYS_kill)) return 99;
        listener watch;
        return body(watch, seen.write_end(), pids.write_end());
    });
    const std::string pid = pids.take();
    REQUIRE_FALSE(pid.empty());
    CHECK(::kill(std::atoi(pid.c_str()), SIGKILL) == 0);
    return code;
}

void tell(int pids, pid_t pid) {
    const std::string text = std::to_string(pid);
    if (::write(pids, text.data(), text.size()) < 0) ::_exit(98);
}

}  // namespace

TEST_CASE("a dropped child that cannot be killed is abandoned, and the observer is told") {
    CHECK(in_worker_that_may_not_kill([](listener& watch, int seen, int pids) {
              const auto host = watched(watch, seen);
              {
                  auto command = shell("exec sleep 3600");
                  const auto child = fd2::spawn(host, command);
                  tell(pids, child.pid());
              }
              return watch.said("abandoned") && watch.said("EPERM") ? 0 : 1;
          }) == 0);
}

TEST_CASE("a loop does not wait for an abandoned child that cannot be killed") {
    CHECK(in_worker_that_may_not_kill([](listener& watch, int seen, int pids) {
              const auto host = watched(watch, seen);
              auto command = shell("exec sleep 3600");
              const auto child = fd2::loop_child::spawn(host, command, [] {});
              tell(pids, child->pid());
              (void)child->step(fd2::nothing);
              child->abandon();
              for (int i = 0; i < 100; ++i) {
                  const auto next = child->step(fd2::nothing);
                  if (next.over) return watch.said("abandoned") ? 0 : 1;
                  if (next.exit_fd >= 0) return 2;
              }
              return 3;
          }) == 0);
}
