// Serves the control socket of one host.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "control/controlled.hpp"

namespace fd2::control {

/// Never blocks. The socket exists from `open` until the destructor, which closes all connections;
/// who follows lines gets the last ones.
/// [one thread, except where noted]
class server {
  public:
    /// Makes the socket. `host` outlives the server.
    static result<std::unique_ptr<server>> open(controlled& host);
    ~server();
    server(const server&) = delete;
    server& operator=(const server&) = delete;

    /// Readable when there is something to serve.
    int descriptor() const noexcept;

    /// Calls `changed` from `serve` when one of these files has changed, until the next call, which
    /// replaces them. An empty list: no more. `changed` returns the files from then on.
    using files = std::vector<std::string>;
    status watch_files(files paths, std::function<files()> changed);

    /// descriptor() is readable as well when `other` is, which is its owner's to serve, as long as
    /// that is open.
    status also_watch(int other);

    /// Serves what is ready: of each client one call, so that none keeps the host from its work.
    void serve();

  private:
    class state;
    explicit server(std::unique_ptr<state> made) noexcept;
    std::unique_ptr<state> state_;
};

}  // namespace fd2::control
