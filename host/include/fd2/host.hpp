// A program's use of fd2: configuration, backends, and forwarding to its own stderr.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "fd2/api.hpp"
#include "fd2/errc.hpp"
#include "fd2/observer.hpp"
#include "fd2/running.hpp"

namespace fd2 {

/// The zero value is a host that reads no file and no variable.
struct host_options {
    /// A configuration file (docs/configuration.md); empty: none.
    std::string config;
    /// Read what the `fd2` command reads: /etc/fd2/fd2.yaml, the user's file and FD2_* variables.
    /// `config` then replaces all of these
    /// files.
    bool system_config = false;
    /// "KEY=VALUE", as `fd2 run --set` takes it; these win.
    std::vector<std::string> set;
    /// Directories that are searched for plugins first. They are trusted because the caller named
    /// them: owner and mode are not checked. A missing one is skipped. Ignored in a process with
    /// raised privileges.
    std::vector<std::string> plugin_path;
    /// Where children's stderr is forwarded to. Not owned; must stay open for the host's life. Its
    /// flags are never changed.
    int stderr_fd = 2;
    /// Make a control socket for this host, so that `fd2 ps`, `fd2 tail`, `fd2 swap` and `fd2
    /// reload` know it. A thread serves it. Unless control.enabled is off; not with raised
    /// privileges.
    bool control = false;
    /// Is told what happens; may be null. Must outlive the host and every connection made with it.
    observer* watch = nullptr;
};

/// Built once, shared by all connections; connections keep alive what they need of it. Installs no
/// log sink, signal handler or disposition. Each backend that is used is loaded once per process,
/// however many hosts use it, stays loaded, and keeps no descriptor open. Copies refer to the same
/// host.
/// [any thread]
class FD2_API host {
  public:
    /// Built-in configuration, or what `options` says.
    /// Throws error: `config` for an invalid configuration, with file, line, column and advice.
    host();
    explicit host(const host_options& options);
    /// The same without throwing; `*why`, if given, is what `error::what` would say.
    static std::optional<host> make(const host_options& options, std::error_code& failed,
                                    std::string* why = nullptr);

    host(const host&) noexcept;
    host& operator=(const host&) noexcept;
    /// With the last copy and the last connection the backends are closed; of a stderr that is
    /// followed (finish.writers-remain: follow) what has arrived is read, and following ends.
    ~host();

    /// The children that run now. (Of a child whose owner has gone, nothing is listed.)
    std::vector<running_child> running() const;

    /// Moves the stderr of running children to another backend, without losing a byte. A child of
    /// the async transport is moved by its loop, at its next step: `done` is called when the last
    /// has answered, on whichever thread that is, and must not block. `*why` of the second: the
    /// backend that was asked for cannot be used; `done` is not called then.
    /// Throws error: that backend cannot be used.
    void swap(const swap_request& wanted, std::function<void(std::vector<swap_result>)> done) const;
    void swap(const swap_request& wanted, std::function<void(std::vector<swap_result>)> done,
              std::error_code& failed, std::string* why = nullptr) const;

    /// Reads the configuration again, from where it was read first. If it has a mistake nothing
    /// changes. `done` as for `swap`.
    void reload(std::function<void(reload_result)> done) const;

    /// Waits until what is to be forwarded has been written, at most `forward.stall` without
    /// progress. True: everything was.
    bool flush() const noexcept;

  private:
    friend class host_access;
    explicit host(std::shared_ptr<class host_state> state) noexcept;
    std::shared_ptr<class host_state> state_;
};

/// "0.1.0". [any thread]
FD2_API std::string_view version() noexcept;

}  // namespace fd2
