// The sync transport's wait: from a running child to its status, with its stderr complete.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "channel/channel.hpp"
#include "process/child.hpp"
#include "transport/end_policy.hpp"
#include "transport/forwarding.hpp"

namespace fd2::transport {

/// A descriptor that tells when a channel has ended.
class end_signal {
  public:
    static result<end_signal> make();
    void raise() const noexcept;  ///< [any thread]
    int descriptor() const noexcept { return event_.get(); }

  private:
    explicit end_signal(unique_fd event) noexcept : event_(std::move(event)) {}
    unique_fd event_;
};

/// Something that must be served while we wait: a program's signals.
struct side_duty {
    int descriptor = -1;  ///< readable when there is something to do
    /// True: leave off lingering and flushing, now. Called on the waiting thread.
    std::function<result<bool>()> serve;
};

/// When things happened.
struct ending {
    exit_status status;
    nanoseconds_t exited = 0;
    nanoseconds_t finished = 0;  ///< record final, forwarding flushed
    bool flushed = true;         ///< everything was forwarded, or nothing was to be
    bool cut_short = false;      ///< a signal asked to leave off
    bool final = true;           ///< the record is; else the channel goes on (end_policy::follow)
};

/// One running child and what belongs to it. `carried` is null where the child inherited our
/// stderr, `forwards` null where nothing is forwarded.
struct running {
    process::child& child;
    std::unique_ptr<channel::channel>& carried;
    const end_signal* ended = nullptr;  ///< raised by `carried`
    forwarding* forwards = nullptr;
    /// Called once if something must be waited for after the child's end.
    std::function<void()> detained = {};
    std::function<void()> before_finish = {};  ///< called once, before nothing pauses any more
};

/// Waits for the child's exit; lets others who hold its stderr finish what they are saying; takes
/// what lies in the kernel object; closes the channel; flushes. The record is final afterwards,
/// unless others' stderr is followed: then `carried` goes on. A child whose end was collected
/// already is not waited for. Fails only where waiting itself does; the child is then untouched.
/// [one thread; where something is forwarded, with SIGPIPE blocked or ignored]
result<ending> wait_to_end(const running& of, const end_policy& policy,
                           const side_duty* side = nullptr);

}  // namespace fd2::transport
