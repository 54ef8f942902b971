// The children of a host that others may see and move.
#pragma once

#include <fd2/running.hpp>

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "channel/channel.hpp"
#include "run/run.hpp"
#include "settings/settings.hpp"

namespace fd2 {

class running_list;

/// One child, from its spawn until its owner destroys this: before the run. [any thread]
class listed_child {
  public:
    listed_child(std::shared_ptr<running_list> list, const runs::run& shown,
                 std::vector<std::string> command, pid_t pid, settings::transport_kind transport);
    ~listed_child();
    listed_child(const listed_child&) = delete;
    listed_child& operator=(const listed_child&) = delete;

    struct facts {
        running_child what;
        settings::transport_kind transport = settings::transport_kind::sync;
        std::shared_ptr<capture::capture> record;
        std::vector<channel::attempt> attempts;
        std::string why_inherit;
        std::uint64_t forward_dropped = 0;
        nanoseconds_t started = 0;
        nanoseconds_t last_byte = 0;
        std::optional<channel::channel_view> view;
    };

  private:
    friend class running_list;
    facts look() const;

    const std::shared_ptr<running_list> list_;
    const runs::run& shown_;
    const std::vector<std::string> command_;
    const pid_t pid_;
    const settings::transport_kind transport_;
    const std::optional<channel::channel_view> view_;
};

class running_list {
  public:
    std::vector<listed_child::facts> look() const;

    /// A channel has moved away from that backend.
    void moved(std::uint64_t channel, channel::shared_backend from);
    /// Where it was before, if it has moved; else null.
    channel::shared_backend before(std::uint64_t channel) const;

  private:
    friend class listed_child;

    struct entry {
        listed_child* child;
        std::uint64_t moves = 0;
        channel::shared_backend before;
    };
    mutable std::mutex mutex_;  // a child that is being looked at is not destroyed
    std::list<entry> children_;
};

}  // namespace fd2
