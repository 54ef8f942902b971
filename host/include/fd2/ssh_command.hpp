// What is started: an ssh with its options and the remote command, or any other program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fd2/api.hpp"
#include "fd2/stderr_lines.hpp"

namespace fd2 {

/// A value: build it, spawn it, spawn it again. The same argv for both transports.
///
///     fd2::ssh_command command("backup.example.org");
///     command.user("me").option("BatchMode=yes").remote({"tar", "-C", "/srv/my files", "-cf", "-",
///     "."});
///
/// The child starts with no signal blocked, and with SIGPIPE at its default, whatever the program
/// has arranged for itself; other signals that the program ignores, it ignores.
///
/// What cannot be right (an empty host, one that begins with '-', a port beyond 65535, a NUL, a
/// variable without '=') is an error `invalid` of the spawn. [one thread at a time]
class FD2_API ssh_command {
  public:
    /// `ssh HOST`. The host is a name, an address, or an alias of ~/.ssh/config.
    explicit ssh_command(std::string host);
    /// Any program: argv[0] is searched for in PATH. None of the members that belong to ssh may be
    /// used then.
    static ssh_command from_argv(std::vector<std::string> argv);

    /// In place of "ssh"; words before the options of ssh itself.
    ssh_command& program(std::vector<std::string> words);
    ssh_command& user(std::string name);              ///< -l NAME
    ssh_command& port(unsigned number);               ///< -p NUMBER
    ssh_command& option(std::string_view key_value);  ///< -o KEY=VALUE
    ssh_command& argument(std::string word);          ///< as it is, before the host

    /// The remote program and its arguments: ssh joins words with blanks and a shell reads them, so
    /// each is quoted for a POSIX shell as far as it needs it.
    ssh_command& remote(const std::vector<std::string>& words);
    /// A line for the remote shell, as it is.
    ssh_command& remote_line(std::string line);

    ssh_command& working_directory(std::string path);  ///< of the local program
    /// "NAME=value" each, in place of this process's environment.
    ssh_command& environment(std::vector<std::string> variables);

    /// This backend (an id, or an absolute path on the caller's word) or an error: the flag and the
    /// configured list have no say, and nothing is inherited.
    ssh_command& backend(std::string name);

    /// Subscribes to the *next* spawn, from its first line on. Before it nothing comes, and a wait
    /// without a deadline waits.
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
    std::string backend_;
    std::vector<std::shared_ptr<class line_queue>> subscribers_;
};

/// The same under the name that the design of the transports uses.
using SshCommand = ssh_command;

/// `word` as a POSIX shell reads it back: itself, or in single quotes. A NUL cannot be quoted.
FD2_API std::string quoted_for_shell(std::string_view word);

}  // namespace fd2
