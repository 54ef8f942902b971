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

#include <functional>
#include <memory>
#include <string>
#include <vector>

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
    kept_check(kept_check&& other) noexcept = default;
    kept_check& operator=(kept_check&& other) noexcept = delete;
    /// Ends the keeper, and it everything below it.
    ~kept_check() = default;

    /// Readable when the check is over. [Linux]
    int pidfd() const noexcept;
    pid_t pid() const noexcept;

    /// What came of it, once it is over; `plugin` if it was "describe". Collects the keeper.
    verdict take(description* plugin = nullptr);

  private:
    friend class interruptible;

    /// How the worker ended, and what it left.
    struct ended {
        enum kind { unknown, not_started, late, by_signal, by_itself } how = unknown;
        int value = 0;                     ///< an errno, a signal or an exit code
        std::string crash;                 ///< what the exit code says: "exception 0xc0000005"
        std::vector<std::string> threads;  ///< of one that was late
        std::vector<std::string> left;     ///< processes
        std::string answer;
        std::string output;
    };

    kept_check(std::string check, nanoseconds_t limit, std::string nonce);
    verdict judge(ended seen, description* plugin) const;

    std::string id_;
    std::string nonce_;
    nanoseconds_t limit_ = 0;
    nanoseconds_t begin_ = 0;
    struct system;
    std::shared_ptr<system> system_;  // shared: its deleter knows it
};

/// Waits for checks; an interruption of this program (Ctrl-C) is noticed only there.
class interruptible {
  public:
    interruptible();
    /// Waits until one of them is over; its place, or how many there are if `interrupted`.
    std::size_t wait(const std::vector<const kept_check*>& all,
                     const std::function<bool()>& interrupted) const;

  private:
    struct system;
    std::shared_ptr<system> system_;
};

}  // namespace fd2::conformance
