// A way to read many channels in one process.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.hpp"
#include "many/meter.hpp"

namespace fd2::bench {

/// Why a way cannot have as many channels: descriptors, threads, a backend that is missing.
struct refused : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Opened once, closed once. What is pointed to outlives it.
class receiver {
  public:
    /// [main thread] Gets each child's end as soon as there is one.
    using taker = std::function<void(unique_fd child_end)>;

    virtual ~receiver() = default;
    /// Allocates and touches what is the measurement's own, so that it is none of the price.
    virtual void prepare(std::size_t count) = 0;
    /// One channel for each meter; throws `refused`. What it allocates is the price of the
    /// channels.
    virtual void open(std::vector<meter>& into, const taker& give) = 0;
    virtual void close() = 0;
};

/// Room for `count` elements whose memory is there.
template <class T>
void make_room(std::vector<T>& in, std::size_t count) {
    in.resize(count);
    in.clear();
}

/// How much of a channel there is beside the backend.
enum class depth {
    sink,     ///< the backend alone
    capture,  ///< and its record
    host      ///< as `channel::open_channel` makes it: record, settings, the host's handle
};

std::unique_ptr<receiver> backend_receiver(std::string_view directory, std::string_view backend,
                                           depth how_deep);
/// Peers, over a "pipe", a "socketpair" or (epoll) "tcp".
std::unique_ptr<receiver> epoll_receiver(std::string_view medium);
std::unique_ptr<receiver> uv_receiver(std::string_view medium);

/// A connected pair, close-on-exec: read end, write end.
std::pair<unique_fd, unique_fd> make_ends(std::string_view medium);

}  // namespace fd2::bench
