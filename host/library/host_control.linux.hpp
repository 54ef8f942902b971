// The control socket of a program that embeds fd2.
#pragma once

#include <memory>
#include <thread>

#include "base/unique_fd.hpp"
#include "control/controlled.hpp"
#include "control/server.hpp"

namespace fd2 {

class host_state;

/// Serves the socket on a thread of its own, with all signals blocked, until it is destroyed.
class host_control final : public control::controlled {
  public:
    /// `host` outlives this.
    static result<std::unique_ptr<host_control>> open(host_state& host);
    ~host_control() override;

    control::host_state describe() override;
    std::vector<control::channel_state> channels() override;
    void swap(const control::swap_request& wanted, const control::requester& who,
              control::answer<result<control::swap_outcome>> done) override;
    void reload(
        const control::requester& who,
        control::answer<std::variant<control::reload_outcome, control::invalid_configuration>> done)
        override;

  private:
    explicit host_control(host_state& host) : host_(host) {}
    void serve() noexcept;
    void watch();

    host_state& host_;
    const nanoseconds_t started_ = now();
    unique_fd stop_;
    std::unique_ptr<control::server> server_;
    std::thread thread_;
};

}  // namespace fd2
