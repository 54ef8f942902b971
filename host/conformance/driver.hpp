// Opens channels and drives them, by the backend's own thread (start) or by a poll(2) loop of its
// own (attach_poll), behind one face, so that a check need not care.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/unique_fd.hpp"
#include "conformance/check.hpp"
#include "conformance/poller.hpp"
#include "conformance/recorder.hpp"
#include "conformance/subject.hpp"

/// The first line of a check that is run for every way of driving: `const auto v = each_variant();`
#define each_variant() GENERATE(from_range(::fd2::conformance::variants()))

namespace fd2::conformance {

/// One channel. Calls of the check's come from any thread; where the channel is polled they are
/// serialised with the loop's, as the contract demands of a driver. A callback may call anything
/// here but close. The destructor ends what still runs.
class driver {
  public:
    /// Opens; `code()` tells how that went.
    driver(variant v, recorder& into, const std::vector<fd2_option>& options = {});
    /// Adopts what another channel carried.
    driver(variant v, recorder& into, const fd2_carry& carry);
    ~driver();
    driver(const driver&) = delete;
    driver& operator=(const driver&) = delete;

    std::int32_t code() const { return code_; }
    const fd2_error& error() const { return error_; }
    fd2_channel* raw() const { return channel_; }
    const fd2_channel_ops& ops() const { return v_.tested->ops(); }

    std::int32_t start();
    unique_fd take_child_end();
    std::int32_t resume();
    std::int32_t finish(std::int32_t mode);
    std::int32_t join(nanoseconds_t deadline);
    std::int32_t release(fd2_carry& out);
    std::int32_t close();
    fd2_info info() const;

    /// finish(mode), join and close, each of which must succeed; nothing forbidden was done.
    void wind_up(std::int32_t mode, recorder& into);

  private:
    /// One call of the check's on the strand.
    std::unique_lock<std::recursive_mutex> enter();
    void loop();
    void stop_loop();
    void kick();

    variant v_;
    std::int32_t code_ = FD2_OK;
    fd2_error error_;
    fd2_channel* channel_ = nullptr;
    bool started_ = false;

    // Polled only.
    std::recursive_mutex strand_;
    std::condition_variable_any ended_;
    fd2_native watched_ = FD2_NATIVE_NONE;
    std::unique_ptr<poller> poller_;
    std::atomic<bool> kicked_{false};
    std::atomic<int> wanted_{0};  // callers that wait for the strand: the loop lets them in
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

/// Waits until the channel's reads and wake-ups stand still: what it would do, it has done.
void settle(const driver& channel);

/// Opens and starts, both of which must succeed.
std::unique_ptr<driver> started(variant v, recorder& into,
                                const std::vector<fd2_option>& options = {});

}  // namespace fd2::conformance
