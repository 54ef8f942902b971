// What the words of a command say to OpenSSH's client, as far as a wrapper has to know.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fd2::cli {

/// The last part of the command's name: "ssh" for /usr/bin/ssh. Empty without a command.
std::string_view command_name(std::span<const std::string> command) noexcept;

/// Whether the command is a remote shell: its last part is "ssh".
bool is_ssh(std::span<const std::string> command) noexcept;

/// Whether an ssh called with these words goes to the background once it has authenticated: -f, in
/// a cluster as well, or -o ForkAfterAuthentication=yes in any spelling that ssh reads. Of several
/// -o the first one counts and -f beats them all, as with ssh. What ssh_config(5) files say is not
/// looked at.
bool goes_to_background(std::span<const std::string> command);

/// The host that an ssh called with these words connects to, as they name it: what is left of
/// `host`, `user@host` or `ssh://user@host:port`. None for another command, and where ssh would
/// find no host. What ssh_config(5) files make of the name is not looked at.
std::optional<std::string> remote_host(std::span<const std::string> command);

}  // namespace fd2::cli
