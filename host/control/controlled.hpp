// What a host lets others see and change through its control socket.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "capture/capture.hpp"

namespace fd2::control {

/// Who asks: the peer of the connection, as the kernel tells.
struct requester {
    uid_t uid = 0;
    pid_t pid = 0;
};

struct refused_backend {
    std::string backend;
    std::string reason;
};

/// One child; see the interface description for the meaning of each.
struct channel_state {
    std::uint64_t number = 0;
    pid_t pid = 0;
    std::vector<std::string> command;
    std::string backend;
    std::string plugin;
    std::uint64_t generation = 0;
    std::string medium;
    std::string state;
    std::uint64_t forward_dropped = 0;
    std::uint64_t moves = 0;
    nanoseconds_t started = 0;    ///< on our clock
    nanoseconds_t last_byte = 0;  ///< 0: none has come
    std::vector<refused_backend> attempts;
    std::string reason;
    std::shared_ptr<capture::capture> record;  ///< null where nothing is captured
};

struct host_state {
    std::string kind;
    std::vector<std::string> command;
    nanoseconds_t started = 0;
};

struct move {
    std::uint64_t channel = 0;
    std::string from;
    std::string to;
    std::uint64_t generation = 0;
    nanoseconds_t pause = 0;
};

struct kept {
    std::uint64_t channel = 0;
    std::string backend;
    std::string reason;
};

struct swap_request {
    std::optional<std::uint64_t> channel;  ///< none: all
    std::string backend;                   ///< empty: the first of the list
    bool back = false;
};

struct swap_outcome {
    std::vector<move> moved;
    std::vector<kept> stayed;
};

struct change {
    std::string key;
    std::string before;
    std::string after;
    bool applied = false;  ///< false: from the next child on
};

struct reload_outcome {
    std::vector<change> changes;
    swap_outcome swapped;
};

/// The mistakes of a configuration that was not taken.
struct invalid_configuration {
    std::vector<std::string> problems;
};

template <class T>
using answer = std::function<void(T)>;

/// Implemented by the command and the library. All calls come from the thread that serves; an
/// answer may come later and from any thread, once.
class controlled {
  public:
    virtual ~controlled() = default;
    virtual host_state describe() = 0;
    virtual std::vector<channel_state> channels() = 0;
    /// A failure: the backend cannot be used at all.
    virtual void swap(const swap_request& wanted, const requester& who,
                      answer<result<swap_outcome>> done) = 0;
    virtual void reload(const requester& who,
                        answer<std::variant<reload_outcome, invalid_configuration>> done) = 0;
};

}  // namespace fd2::control
