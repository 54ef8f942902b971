// Opens channels of the backends under test and drives them, by the backend's own thread (start) or
// by a poll(2) loop of the test's (attach_poll), behind one face, so that a test need not care.
#pragma once

#include <fd2/abi.h>
#include <fd2/ext/handover.h>
#include <fd2/ext/pollable.h>

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.hpp"
#include "loader/loader.hpp"
#include "recorder.hpp"
#include "support/catch.hpp"

namespace channel_suite {

/// One backend under test, loaded by the real loader, with one instance.
class backend {
  public:
    /// `configured`: "name=value&name=value", options of every channel that is opened.
    backend(std::shared_ptr<const fd2::loader::plugin> plugin, const std::string& configured);
    ~backend();
    backend(const backend&) = delete;
    backend& operator=(const backend&) = delete;

    /// With its configuration.
    const std::string& id() const { return id_; }
    const fd2_backend& table() const { return *plugin_->backend; }
    const fd2_channel_ops& ops() const { return *plugin_->backend->channel; }
    const fd2_pollable* pollable() const { return plugin_->pollable; }
    const fd2_handover* handover() const { return plugin_->handover; }
    fd2_instance* instance() const { return instance_; }
    /// Of a channel as configured.
    std::uint32_t medium() const { return kind_.medium; }
    bool claims(std::uint64_t caps) const { return (kind_.caps & caps) == caps; }
    /// `given` and whatever was configured beside it.
    std::vector<fd2_option> with_configured(std::vector<fd2_option> given) const;

    /// What the backend said through the host's log since the last call.
    std::string said() const;

  private:
    static void log(void* ctx, std::int32_t level, const char* message, std::uint32_t size);

    void configure(const std::string& name, const std::string& value);

    std::shared_ptr<const fd2::loader::plugin> plugin_;
    std::string id_;
    std::list<std::string> words_;
    std::vector<fd2_option> configured_;
    fd2_info kind_{};
    fd2_host host_{};
    mutable std::mutex mutex_;
    mutable std::string said_;
    fd2_instance* instance_ = nullptr;
};

/// Every backend under test.
const std::vector<std::shared_ptr<backend>>& backends();

enum class way { thread, poll };

/// One backend, driven one way.
struct variant {
    std::shared_ptr<backend> of;
    way by = way::thread;
};
std::ostream& operator<<(std::ostream& out, const variant& v);

/// Every backend in every way it can be driven.
std::vector<variant> variants();

/// For use as the first line of a test case: `const auto v = each_variant(); INFO(v);`
#define each_variant() GENERATE(from_range(::channel_suite::variants()))

/// An empty error, ready to be filled.
fd2_error blank_error();

/// One channel. Calls of the test's come from any thread; where the channel is polled they are
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
    const fd2_channel_ops& ops() const { return v_.of->ops(); }

    std::int32_t start();
    fd2::unique_fd take_child_end();
    std::int32_t resume();
    std::int32_t finish(std::int32_t mode);
    std::int32_t join(fd2::nanoseconds_t deadline);
    std::int32_t release(fd2_carry& out);
    std::int32_t close();
    fd2_info info() const;

    /// finish(mode), join and close, each of which must succeed; nothing forbidden was done.
    void wind_up(std::int32_t mode, recorder& into);

  private:
    /// One call of the test's on the strand.
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
    fd2::unique_fd wake_;
    std::atomic<bool> kicked_{false};
    std::atomic<int> wanted_{0};  // callers that wait for the strand: the loop lets them in
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

/// Opens and starts, both of which must succeed.
std::unique_ptr<driver> started(variant v, recorder& into,
                                const std::vector<fd2_option>& options = {});

}  // namespace channel_suite
