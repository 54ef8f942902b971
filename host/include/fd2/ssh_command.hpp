// What to start: ssh with its options and the remote command, or any other program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fd2/api.hpp"
#include "fd2/stderr_lines.hpp"
#include "fd2/stdio.hpp"
#include "fd2/stop.hpp"

namespace fd2 {

/// A value, which may be spawned several times. Both transports get the same argv.
///
///     fd2::ssh_command command("backup.example.org");
///     command.user("me").option("BatchMode=yes").remote({"tar", "-C", "/srv/my files", "-cf", "-",
///     "."});
///
/// The child starts with no signal blocked and SIGPIPE at its default, whatever the program has set
/// for itself; it ignores the other signals that the program ignores.
///
/// The spawn rejects with `invalid` what cannot be right: an empty host or one that begins with
/// '-', a port beyond 65535, a NUL, a variable without a name or '='. [one thread at a time]
class FD2_API ssh_command {
  public:
    /// `ssh HOST`. The host is a name, an address, or an alias of ~/.ssh/config.
    explicit ssh_command(std::string host);
    /// Any program: argv[0] without a slash is searched for in PATH (search_path). The members that
    /// are for ssh must not be used then.
    static ssh_command from_argv(std::vector<std::string> argv);

    /// In place of "ssh": a program, and arguments before ssh's own options.
    ssh_command& program(std::vector<std::string> words);
    ssh_command& user(std::string name);              ///< -l NAME
    ssh_command& port(unsigned number);               ///< -p NUMBER
    ssh_command& option(std::string_view key_value);  ///< -o KEY=VALUE
    ssh_command& argument(std::string word);          ///< as it is, before the host

    /// The remote program and its arguments. Because ssh joins words with spaces for a remote shell
    /// to parse, each is quoted for a POSIX shell if necessary.
    ssh_command& remote(const std::vector<std::string>& words);
    /// A line for the remote shell, as it is.
    ssh_command& remote_line(std::string line);

    ssh_command& working_directory(std::string path);  ///< of the local program

    /// "NAME=value" each, in place of this process's environment.
    ssh_command& environment(std::vector<std::string> variables);
    /// Sets or removes one variable, in that environment or in this process's as it is at the
    /// spawn. The last change to a name counts.
    ssh_command& env(std::string name, std::string value);
    ssh_command& env_remove(std::string name);

    /// Whose PATH is searched for the program: by default this process's, whatever environment the
    /// child gets. In an environment without PATH the system's default list is searched.
    enum class path_of : std::uint8_t { parent, child };
    ssh_command& search_path(path_of whose);

    /// The child's stdin and stdout: by default pipes, whose other ends are the wire. (The backend
    /// provides its stderr.)
    ssh_command& standard_input(stdio what);
    ssh_command& standard_output(stdio what);

    /// How a child is ended that is still running when its connection is destroyed, when `run`
    /// reaches its time limit, or when `stop` is called without actions. If it is still running
    /// after the last of them, a destructor or `run` sends SIGKILL.
    ssh_command& stop(const stop_actions& actions);

    /// Use this backend (an id, or an absolute path, which is trusted) or fail: the flag and the
    /// configured list are ignored, and stderr is not inherited.
    ssh_command& backend(std::string name);

    /// Subscribes to the *next* spawn, from its first line on. Until then there are no lines, and a
    /// wait without a deadline waits. If the command is destroyed first, the subscription ends.
    stderr_lines subscribe(line_filter filter = {},
                           std::size_t capacity = stderr_lines::default_capacity);

    /// What will be executed.
    std::vector<std::string> argv() const;

  private:
    friend class command_access;
    ssh_command() = default;

    std::vector<std::string> program_;
    std::vector<std::string> arguments_;
    bool is_ssh_ = false;
    std::string host_;
    std::optional<std::string> user_;
    std::optional<unsigned> port_;
    std::optional<std::string> remote_;
    std::string directory_;
    std::optional<std::vector<std::string>> environment_;
    std::vector<std::pair<std::string, std::optional<std::string>>> changes_;
    path_of search_path_ = path_of::parent;
    stdio input_;
    stdio output_;
    stop_actions stop_;
    std::string backend_;
    std::vector<std::shared_ptr<class line_queue>> subscribers_;
};

/// The name that the original design uses.
using SshCommand = ssh_command;

/// `word` quoted for a POSIX shell, if it needs quotes. A NUL cannot be quoted.
FD2_API std::string quoted_for_shell(std::string_view word);

}  // namespace fd2
