// Asks running hosts, through their control sockets.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "control/directory.hpp"

namespace fd2::control {

/// What a host has answered.
struct reply {
    nlohmann::ordered_json parameters;
    std::string error;       ///< the name of an error; empty: none
    bool continues = false;  ///< more replies to the same call follow
};

/// "no such channel", for a person; the error's own text where it has one.
std::string text_of(const reply& refusal);

/// One connection to one host. Blocks, up to a deadline. [one thread]
class client {
  public:
    static result<client> connect(const socket_entry& host);

    /// The first reply to the call. TIMEDOUT: the host does not answer; it may be stopped.
    result<reply> call(std::string_view method, nlohmann::ordered_json parameters,
                       nanoseconds_t deadline, bool more = false);
    /// The next reply, of a call with `more`. UNSUPPORTED: the host has gone.
    result<reply> next(nanoseconds_t deadline);
    int descriptor() const noexcept { return socket_.get(); }

  private:
    explicit client(unique_fd socket, std::string name) noexcept
        : socket_(std::move(socket)), name_(std::move(name)) {}

    unique_fd socket_;
    std::string name_;
    std::string in_;
};

}  // namespace fd2::control
