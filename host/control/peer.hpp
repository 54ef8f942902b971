// One connection that speaks Varlink: messages are JSON, each with a NUL behind it.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"
#include "control/controlled.hpp"
#include "control/tail_feed.hpp"

namespace fd2::control {

/// Reads and writes without blocking, within bounds: a client that sends what is no message, or
/// more than a message may have, is disconnected; one that does not read is not read from either.
/// [the thread that serves]
class peer {
  public:
    peer(unique_fd connection, const requester& who) noexcept
        : connection_(std::move(connection)), who_(who) {}

    int descriptor() const noexcept { return connection_.get(); }
    const requester& who() const noexcept { return who_; }

    /// Takes what has come. False: it has gone, or sends more than a message may have.
    bool read();
    /// The next whole message, without its NUL.
    bool next(std::string& message);
    void send(std::string message);
    /// Writes what it takes. False: it has gone.
    bool write();

    bool wants_to_write() const noexcept { return !out_.empty(); }
    /// No room for a reply: it must read first.
    bool is_behind() const noexcept { return out_.size() > max_behind; }
    bool has_room_to_read() const noexcept { return in_.size() < max_message; }
    bool has_ended() const noexcept { return ended_; }  ///< it will send no more

    /// A call that is not answered yet: the next one waits for it.
    bool busy = false;
    std::shared_ptr<capture::capture> record;  ///< what `feed` follows
    std::shared_ptr<tail_feed> feed;
    /// What the descriptor is watched for, as epoll has it.
    unsigned watched = 0;

  private:
    static constexpr std::size_t max_message = 64 * 1024;
    static constexpr std::size_t max_behind = 256 * 1024;

    unique_fd connection_;
    const requester who_;
    bool ended_ = false;
    std::string in_;
    std::size_t searched_ = 0;  // no NUL before this place of `in_`
    std::string out_;
    std::size_t written_ = 0;  // of `out_`
};

}  // namespace fd2::control
