// A program's use of fd2: configuration, backends, and the way to its own stderr.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "fd2/api.hpp"
#include "fd2/errc.hpp"
#include "fd2/observer.hpp"

namespace fd2 {

/// The zero value is a host that reads no file and no variable.
struct host_options {
    /// A configuration file (docs/configuration.md); empty: none.
    std::string config;
    /// Read what the `fd2` command reads: /etc/fd2/fd2.yaml, the user's file and FD2_* variables.
    /// `config` then replaces both files.
    bool system_config = false;
    /// "KEY=VALUE", as `fd2 run --set` takes it; these win.
    std::vector<std::string> set;
    /// Directories that are searched for plugins first, on the caller's word: owner and mode are
    /// not checked. One that is not there is passed over. Left out in a process with raised
    /// privileges.
    std::vector<std::string> plugin_path;
    /// Where children's stderr is forwarded to. Not owned; open for the host's life. No flag of it
    /// is ever changed.
    int stderr_fd = 2;
    /// Is told what happens; null: nobody. Outlives the host and every connection made with it.
    observer* watch = nullptr;
};

/// Built once, shared by all connections; connections keep what they need of it alive. Installs no
/// log sink, signal handler or disposition. Each backend that is used is loaded once and costs one
/// descriptor for the life of the process. Copies are the same host. [any thread]
class FD2_API host {
  public:
    /// Built-in configuration, or what `options` say.
    /// Throws error: `config` for a broken configuration, with file, line, column and the way out.
    host();
    explicit host(const host_options& options);
    /// The same without throwing; `*why`, if given, is what `error::what` would say.
    static std::optional<host> make(const host_options& options, std::error_code& failed,
                                    std::string* why = nullptr);

    host(const host&) noexcept;
    host& operator=(const host&) noexcept;
    /// With the last copy and the last connection the backends are closed; stderr that is followed
    /// (finish.writers-remain: follow) is read up to what lies there, and let go.
    ~host();

    /// Waits until what was forwarded has been written, at most `forward.stall` without progress.
    /// True: everything was.
    bool flush() const noexcept;

  private:
    friend class host_access;
    explicit host(std::shared_ptr<class host_state> state) noexcept;
    std::shared_ptr<class host_state> state_;
};

/// "0.1.0". [any thread]
FD2_API std::string_view version() noexcept;

}  // namespace fd2
