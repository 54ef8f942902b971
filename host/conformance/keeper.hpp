// One check in processes of its own, whatever the plugin does there.
//
//   runner ── keeper ── worker ── whatever the plugin or the check starts
//
// The worker is this program, executed anew, with the plugin mapped; it may crash, hang, leave by
// _exit(0), write to every descriptor and start processes of its own. The keeper is the parent of
// all of those: it is a child subreaper, so that a process whose parent has gone becomes its child,
// and leaves when it has none. The runner never maps a plugin.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "conformance/verdict.hpp"
#include "conformance/worker.hpp"

namespace fd2::conformance {

/// A check under way.
class kept_check {
  public:
    /// Starts the keeper. `program` is this program's file. `image`, if it is not -1, is what the
    /// worker has as worker_task::image; it stays the caller's. [for programs with one thread]
    static result<kept_check> start(const worker_task& task, const std::string& program,
                                    nanoseconds_t limit, int image = -1);
    kept_check(kept_check&& other) noexcept;
    kept_check& operator=(kept_check&& other) noexcept = delete;
    /// Ends the keeper, and it everything below it.
    ~kept_check();

    /// Readable when the check is over.
    int pidfd() const noexcept { return pidfd_.get(); }
    pid_t pid() const noexcept { return pid_; }

    /// What came of it, once it is over; `plugin` if it was "describe". Collects the keeper.
    verdict take(description* plugin = nullptr);

  private:
    kept_check() = default;

    std::string id_;
    std::string nonce_;
    nanoseconds_t limit_ = 0;
    nanoseconds_t begin_ = 0;
    pid_t pid_ = -1;
    unique_fd pidfd_;
    unique_fd answer_;   // memory files: what is short of descriptors or memory can still write
    unique_fd outcome_;  // of the keeper
    unique_fd output_;   // stdout and stderr of the worker
};

}  // namespace fd2::conformance
